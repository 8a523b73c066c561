//! One case: what is written, what must come back, how it must end.

use carillon_tests::ws::{Message, Ws, masked};

/// A case under its number.
#[derive(Clone)]
pub(super) struct Case {
    id: String,
    writes: Vec<Vec<u8>>,
    expected: Vec<Message>,
    end: End,
}

/// How the connection ends.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    /// We close with 1000 and are answered so.
    Ours,
    /// The close was among what was written; it is answered with this code.
    Answered(u16),
    /// The server closes with this code.
    Violation(u16),
}

pub(super) const TEXT: u8 = 0x81;
pub(super) const BINARY: u8 = 0x82;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;
/// The same without FIN, and the frames that go on.
pub(super) const TEXT_START: u8 = 0x01;
pub(super) const MORE: u8 = 0x00;
pub(super) const LAST: u8 = 0x80;

impl Case {
    /// Frames, each given by its first byte and payload; ends with our close.
    pub(super) fn new(id: impl Into<String>, frames: &[(u8, &[u8])]) -> Self {
        let writes = frames
            .iter()
            .map(|(first, payload)| masked(*first, payload));
        Self {
            id: id.into(),
            writes: writes.collect(),
            expected: Vec::new(),
            end: End::Ours,
        }
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.expected.push(Message::Text(text.to_owned()));
        self
    }

    pub(super) fn binary(mut self, bytes: &[u8]) -> Self {
        self.expected.push(Message::Binary(bytes.to_vec()));
        self
    }

    pub(super) fn pong(mut self, payload: &[u8]) -> Self {
        self.expected.push(Message::Pong(payload.to_vec()));
        self
    }

    pub(super) fn ends(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    /// The bytes written in pieces of that size.
    pub(super) fn chopped(mut self, size: usize) -> Self {
        let all = self.writes.concat();
        self.writes = all.chunks(size).map(<[u8]>::to_vec).collect();
        self
    }

    /// Runs it; the fault if there is one.
    pub(super) fn run(&self, port: u16) -> Option<String> {
        let mut ws = Ws::connect(port, "/", &[]).expect("the handshake succeeds");
        for bytes in &self.writes {
            ws.raw(bytes);
        }
        if self.end == End::Ours {
            ws.close(1000);
        }
        let mut seen = Vec::new();
        let close = loop {
            match ws.receive() {
                Message::Close(code, _) => break Some(code),
                Message::Dropped | Message::Invalid => break None,
                message => seen.push(message),
            }
        };
        let due = match self.end {
            End::Ours => 1000,
            End::Answered(code) | End::Violation(code) => code,
        };
        let echoed = match self.end {
            // What a server had not yet answered when the violation came it need not answer.
            End::Violation(_) => self.expected.starts_with(&seen),
            _ => self.expected == seen,
        };
        (!echoed || close != Some(due)).then(|| {
            let Self { id, expected, .. } = self;
            format!(
                "{id}: {} then {close:?}, not {} then {due}",
                show(&seen),
                show(expected)
            )
        })
    }
}

fn show(messages: &[Message]) -> String {
    let text = format!("{messages:?}");
    text.chars().take(200).collect()
}

//! What a websocket client sends, RFC 6455 section 5, without IO.
//!
//! Messages in one frame are handed out of the buffer that they were read into. State is kept only while
//! a message is incomplete, and never more of it than the limit, whatever a header announces.

mod header;
mod partial;

use header::{Header, Kind};
use partial::Partial;

/// Frames up to this size stay in the caller's buffer until they are whole; larger ones are taken as
/// they come, so that no byte of them is looked at twice.
const WHOLE: usize = 4096;

/// The most bytes that [`FrameReader::read`] leaves unread.
pub const MAX_TAIL: usize = WHOLE + header::MAX;

/// A whole message or a control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// To be answered by a pong of the same payload.
    Ping(&'a [u8]),
    /// An answer to a ping.
    Pong(&'a [u8]),
    /// The client is done: to be answered by a close frame of the same code. Nothing is read after it.
    Close(Option<u16>),
}

/// Whether to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on with the next frame.
    Continue,
    /// Leave what follows unread.
    Stop,
}

/// The client broke the protocol: the connection ends with `code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Violation {
    /// The code for the close frame: 1002, 1007 or 1009.
    pub code: u16,
    /// What was wrong.
    pub reason: &'static str,
}

impl Violation {
    pub(super) const fn protocol(reason: &'static str) -> Self {
        Self { code: 1002, reason }
    }

    const UTF8: Self = Self {
        code: 1007,
        reason: "invalid UTF-8",
    };
    const TOO_LARGE: Self = Self {
        code: 1009,
        reason: "message too large",
    };
    const TOO_MANY_FRAGMENTS: Self = Self {
        code: 1009,
        reason: "too many fragments",
    };
}

/// The reading half of one websocket.
#[derive(Debug)]
pub struct FrameReader {
    max: usize,
    partial: Option<Box<Partial>>,
}

impl FrameReader {
    /// A reader of messages up to `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { max, partial: None }
    }

    /// Whether a message has begun and is not complete.
    pub fn is_in_message(&self) -> bool {
        self.partial.is_some()
    }

    /// Hands out what is complete in `input`, and says how many bytes are done with. The caller gives
    /// the others again, with more behind them. After a violation or a close nothing more is read.
    pub fn read(
        &mut self,
        input: &mut [u8],
        mut on: impl FnMut(Incoming<'_>) -> Flow,
    ) -> Result<usize, Violation> {
        let mut done = 0;
        loop {
            let (used, flow) = self.step(&mut input[done..], &mut on)?;
            done += used;
            if used == 0 || flow == Flow::Stop {
                return Ok(done);
            }
        }
    }

    /// Takes one frame, or a part of a large one.
    #[inline]
    fn step(
        &mut self,
        input: &mut [u8],
        on: &mut impl FnMut(Incoming<'_>) -> Flow,
    ) -> Result<(usize, Flow), Violation> {
        if let Some(partial) = self.partial.as_mut().filter(|partial| partial.in_frame()) {
            let used = partial.fill(input)?;
            return Ok((used, self.complete(on)?));
        }
        let Some(header) = Header::read(input)? else {
            return Ok((0, Flow::Continue));
        };
        self.admit(&header)?;
        let (head, rest) = input.split_at_mut(header.size);
        match rest.get_mut(..header.len) {
            Some(payload) => {
                fastwebsockets::unmask(payload, header.mask);
                let used = head.len() + payload.len();
                Ok((used, self.frame(&header, payload, on)?))
            }
            None if header.len <= WHOLE => Ok((0, Flow::Continue)),
            None => {
                let partial = self
                    .partial
                    .get_or_insert_with(|| Box::new(Partial::new(&header)));
                partial.begin(&header)?;
                let used = head.len() + partial.fill(rest)?;
                Ok((used, Flow::Continue))
            }
        }
    }

    /// Whether a frame may come now, told by its header alone.
    #[inline]
    fn admit(&self, header: &Header) -> Result<(), Violation> {
        let begun = match (header.kind, &self.partial) {
            (Kind::Ping | Kind::Pong | Kind::Close, _) => return Ok(()),
            (Kind::Continuation, None) => {
                return Err(Violation::protocol("continuation of nothing"));
            }
            (Kind::Continuation, Some(partial)) => partial.len(),
            (_, None) => 0,
            (_, Some(_)) => return Err(Violation::protocol("message within a message")),
        };
        if header.len > self.max.saturating_sub(begun) {
            return Err(Violation::TOO_LARGE);
        }
        Ok(())
    }

    #[inline]
    fn frame(
        &mut self,
        header: &Header,
        payload: &[u8],
        on: &mut impl FnMut(Incoming<'_>) -> Flow,
    ) -> Result<Flow, Violation> {
        match header.kind {
            Kind::Text if header.fin => Ok(on(Incoming::Text(utf8(payload)?))),
            Kind::Binary if header.fin => Ok(on(Incoming::Binary(payload))),
            Kind::Ping => Ok(on(Incoming::Ping(payload))),
            Kind::Pong => Ok(on(Incoming::Pong(payload))),
            Kind::Close => {
                on(Incoming::Close(close_code(payload)?));
                Ok(Flow::Stop)
            }
            Kind::Text | Kind::Binary | Kind::Continuation => {
                let partial = self
                    .partial
                    .get_or_insert_with(|| Box::new(Partial::new(header)));
                partial.begin(header)?;
                partial.append(payload)?;
                self.complete(on)
            }
        }
    }

    /// Hands out the message that was put together, if its last frame is whole.
    fn complete(&mut self, on: &mut impl FnMut(Incoming<'_>) -> Flow) -> Result<Flow, Violation> {
        let Some(partial) = self.partial.take_if(|partial| partial.is_complete()) else {
            return Ok(Flow::Continue);
        };
        let bytes = partial.bytes();
        Ok(on(match partial.is_text() {
            true => Incoming::Text(utf8(bytes)?),
            false => Incoming::Binary(bytes),
        }))
    }
}

#[inline]
fn utf8(bytes: &[u8]) -> Result<&str, Violation> {
    std::str::from_utf8(bytes).map_err(|_| Violation::UTF8)
}

/// The code in the payload of a close frame.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(None),
            _ => Err(Violation::protocol("half a close code")),
        };
    };
    utf8(reason)?;
    match u16::from_be_bytes(*code) {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Some(code)),
        _ => Err(Violation::protocol("invalid close code")),
    }
}

#[cfg(test)]
mod tests;

//! The two protocols the generator speaks. Both can join a room, publish to it and echo.

mod centrifuge;
mod socketio;

use serde::{Deserialize, Serialize};

use crate::payload::{PayloadFormat, Stamp};

/// How a server wants to be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Dialect {
    /// Namespace `/bench`: `join` room, `pub` room payload → `msg` payload, `echo` payload → ack payload.
    SocketIo,
    /// Centrifugo's JSON: subscribe to channel `r<n>`, publish, RPC `echo`.
    Centrifuge,
}

/// What a client may want of a room once it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Join,
    Leave,
}

/// One message from the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// The session is open; holds its id.
    Opened(&'a str),
    /// The namespace answers.
    Connected,
    Joined,
    /// A broadcast's payload.
    Delivery(&'a [u8]),
    /// The payload of request `sequence`, back.
    Echo(u32, &'a [u8]),
    /// Request `sequence` was done and has nothing to say.
    Done(u32),
    /// A publication was accepted.
    Receipt,
    Heartbeat,
    Unknown,
}

impl Dialect {
    /// What the websocket's request asks for.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket",
            Self::Centrifuge => "/connection/websocket",
        }
    }

    /// Whether the server speaks first.
    pub(crate) fn opens(self) -> bool {
        self == Self::SocketIo
    }

    /// Between the messages of one websocket frame, where a frame may hold several.
    pub(crate) fn separator(self) -> Option<u8> {
        (self == Self::Centrifuge).then_some(b'\n')
    }

    pub(crate) fn heartbeat(self) -> &'static [u8] {
        match self {
            Self::SocketIo => b"3",
            Self::Centrifuge => b"{}",
        }
    }

    pub(crate) fn connect(self) -> &'static [u8] {
        match self {
            Self::SocketIo => b"40/bench,",
            Self::Centrifuge => br#"{"id":1,"connect":{}}"#,
        }
    }

    pub(crate) fn join(self, room: u32, out: &mut Vec<u8>) {
        let (before, after): (&[u8], &[u8]) = match self {
            Self::SocketIo => (br#"42/bench,0["join","r"#, br#""]"#),
            Self::Centrifuge => (br#"{"id":2,"subscribe":{"channel":"r"#, br#""}}"#),
        };
        out.extend_from_slice(before);
        push_number(room, out);
        out.extend_from_slice(after);
    }

    /// A member's request to enter or leave a room, answered by [`Message::Done`]; Socket.IO's alone.
    pub(crate) fn change(self, change: Change, sequence: u32, room: u32, out: &mut Vec<u8>) {
        if self == Self::SocketIo {
            socketio::change(change, sequence, room, out);
        }
    }

    pub(crate) fn publish(
        self,
        room: u32,
        format: &PayloadFormat,
        stamp: Stamp,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::SocketIo => socketio::publish(room, out),
            Self::Centrifuge => centrifuge::publish(stamp.sequence, room, out),
        }
        format.write(stamp, out);
        out.extend_from_slice(self.end());
    }

    /// Asks for the payload back; the stamp's sequence names the request.
    pub(crate) fn echo(self, format: &PayloadFormat, stamp: Stamp, out: &mut Vec<u8>) {
        match self {
            Self::SocketIo => socketio::echo(stamp.sequence, out),
            Self::Centrifuge => centrifuge::echo(stamp.sequence, out),
        }
        format.write(stamp, out);
        out.extend_from_slice(self.end());
    }

    fn end(self) -> &'static [u8] {
        match self {
            Self::SocketIo => br#""]"#,
            Self::Centrifuge => br#""}}"#,
        }
    }

    #[inline]
    pub(crate) fn read(self, message: &[u8]) -> Message<'_> {
        match self {
            Self::SocketIo => socketio::read(message),
            Self::Centrifuge => centrifuge::read(message),
        }
    }
}

/// A decimal number and what follows it.
#[inline]
fn split_number(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return None;
    }
    let value = number.iter().try_fold(0_u32, |value, digit| {
        value.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
    });
    Some((value?, rest))
}

fn push_number(number: u32, out: &mut Vec<u8>) {
    let start = out.len();
    let mut rest = number;
    loop {
        out.push(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out[start..].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        publisher: 1,
        sequence: 9,
        time: 3,
    };
    const PAYLOAD: &str = "00000001000000090000000000000003";

    fn check(write: impl Fn(Dialect, &PayloadFormat, &mut Vec<u8>), expected: [&str; 2]) {
        let format = PayloadFormat::new(0);
        for (dialect, expected) in [Dialect::SocketIo, Dialect::Centrifuge]
            .into_iter()
            .zip(expected)
        {
            let mut out = Vec::new();
            write(dialect, &format, &mut out);
            let text = String::from_utf8(out).expect("UTF-8");
            assert_eq!(text.replace(PAYLOAD, "P"), expected);
        }
    }

    #[test]
    fn requests() {
        check(
            |dialect, _, out| dialect.join(107, out),
            [
                r#"42/bench,0["join","r107"]"#,
                r#"{"id":2,"subscribe":{"channel":"r107"}}"#,
            ],
        );
        check(
            |dialect, format, out| dialect.publish(0, format, STAMP, out),
            [
                r#"42/bench,["pub","r0","P"]"#,
                r#"{"id":12,"publish":{"channel":"r0","data":"P"}}"#,
            ],
        );
        check(
            |dialect, format, out| dialect.echo(format, STAMP, out),
            [
                r#"42/bench,10["echo","P"]"#,
                r#"{"id":12,"rpc":{"method":"echo","data":"P"}}"#,
            ],
        );
    }

    #[test]
    fn numbers() {
        for number in [0, 7, 10, 4_294_967_295] {
            let mut out = Vec::new();
            push_number(number, &mut out);
            out.push(b',');
            assert_eq!(split_number(&out), Some((number, &b","[..])));
        }
        assert_eq!(split_number(b"4294967296"), None);
        assert_eq!(split_number(b"x"), None);
    }
}

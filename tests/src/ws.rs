//! A raw websocket client (RFC 6455) that can also break the protocol.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::http::{Connection, Request, Response};

/// Something received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame: its code (1005 if it carries none) and its reason.
    Close(u16, String),
    /// The connection ended without a close frame.
    Dropped,
    /// Bytes that are no frame a server may send.
    Invalid,
}

/// An open websocket.
pub struct Ws {
    stream: TcpStream,
    parser: Parser,
}

/// Reads the frames of a server out of the bytes that arrive.
#[derive(Default)]
pub struct Parser {
    buffer: Vec<u8>,
    partial: Option<(u8, Vec<u8>)>,
}

/// The mask of every frame sent: any constant is as good, the server unmasks all alike.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

impl Ws {
    /// Upgrades; an answer other than 101 is the error.
    pub fn connect(port: u16, path: &str, headers: &[(&str, &str)]) -> Result<Self, Response> {
        let mut request = handshake(path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Self::upgrade(port, &request)
    }

    /// Sends any request as the handshake.
    pub fn upgrade(port: u16, request: &Request) -> Result<Self, Response> {
        let mut connection = Connection::open(port);
        connection
            .write(&request.bytes(port))
            .expect("the handshake can be sent");
        let response = connection
            .read_response(false)
            .expect("the handshake is answered");
        if response.status != 101 {
            return Err(response);
        }
        let (stream, buffer) = connection.into_parts();
        let mut parser = Parser::default();
        parser.push(&buffer);
        Ok(Self { stream, parser })
    }

    /// Sends a text message.
    pub fn text(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes());
    }

    /// Sends a binary message.
    pub fn binary(&mut self, bytes: &[u8]) {
        self.frame(0x82, bytes);
    }

    /// Sends one masked frame whose first byte (FIN, reserved bits, opcode) is given.
    pub fn frame(&mut self, first: u8, payload: &[u8]) {
        self.raw(&masked(first, payload));
    }

    /// Sends bytes as they are. A connection that the server has closed is no failure here:
    /// what it said is read afterwards.
    pub fn raw(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            let gone = matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
            );
            assert!(gone, "write failed: {error}");
        }
    }

    /// Sends a close frame.
    pub fn close(&mut self, code: u16) {
        self.frame(0x88, &code.to_be_bytes());
    }

    /// Ends the sending half of the connection.
    pub fn shutdown(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The stream.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The next message; panics when none comes in time.
    pub fn receive(&mut self) -> Message {
        self.try_receive().expect("a message comes in time")
    }

    /// The next message, or `None` when nothing comes within the stream's patience.
    pub fn try_receive(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.parser.next() {
                return Some(message);
            }
            let mut chunk = [0; 64 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Some(Message::Dropped),
                Ok(read) => self.parser.push(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Some(Message::Dropped);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // By a signal, as when this process was stopped for a moment.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("read failed: {error}"),
            }
        }
    }

    /// How long [`Ws::try_receive`] waits.
    pub fn patience(&mut self, patience: Duration) {
        self.stream
            .set_read_timeout(Some(patience))
            .expect("a timeout can be set");
    }

    /// The next data message; pings are answered, pongs skipped.
    pub fn data(&mut self) -> Message {
        loop {
            match self.receive() {
                Message::Ping(payload) => self.frame(0x8a, &payload),
                Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// Everything that arrives before the pong to a ping sent now, with the close if there is
    /// one. Frames are handled in order, so this is what the server said to all sent before.
    pub fn settle(&mut self) -> Vec<Message> {
        let mut seen = Vec::new();
        for round in 0..2 {
            let token = format!("settle-{round}");
            self.frame(0x89, token.as_bytes());
            loop {
                match self.receive() {
                    Message::Pong(payload) if payload == token.as_bytes() => break,
                    end @ (Message::Close(..) | Message::Dropped | Message::Invalid) => {
                        seen.push(end);
                        return seen;
                    }
                    message => seen.push(message),
                }
            }
        }
        seen
    }
}

impl Parser {
    /// Takes bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, if it is all there.
    #[allow(
        clippy::should_implement_trait,
        reason = "more messages may follow a None"
    )]
    pub fn next(&mut self) -> Option<Message> {
        loop {
            if !self.well_formed() {
                return Some(Message::Invalid);
            }
            let (first, payload) = self.parse_frame()?;
            let message = match first & 0x0f {
                0x8 => close(&payload),
                0x9 => Message::Ping(payload),
                0xa => Message::Pong(payload),
                opcode => match self.assemble(first, opcode, payload) {
                    Some(message) => message,
                    None => continue,
                },
            };
            return Some(message);
        }
    }

    fn assemble(&mut self, first: u8, opcode: u8, payload: Vec<u8>) -> Option<Message> {
        let (kind, mut whole) = self.partial.take().unwrap_or((opcode, Vec::new()));
        whole.extend(payload);
        if first & 0x80 == 0 {
            self.partial = Some((kind, whole));
            return None;
        }
        Some(match kind {
            0x1 => Message::Text(String::from_utf8(whole).expect("servers send valid UTF-8")),
            0x2 => Message::Binary(whole),
            other => panic!("a server frame with opcode {other}"),
        })
    }

    /// Server frames are not masked and have no reserved bit without an extension.
    fn well_formed(&self) -> bool {
        let reserved = self.buffer.first().is_some_and(|first| first & 0x70 != 0);
        let masked = self.buffer.get(1).is_some_and(|second| second & 0x80 != 0);
        !reserved && !masked
    }

    fn parse_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&first, &second) = (self.buffer.first()?, self.buffer.get(1)?);
        let (start, length) = match second {
            126 => (4, be(self.buffer.get(2..4)?)),
            127 => (10, be(self.buffer.get(2..10)?)),
            short => (2, usize::from(short)),
        };
        self.buffer.get(start..start + length)?;
        let payload = self.buffer[start..start + length].to_vec();
        self.buffer.drain(..start + length);
        Some((first, payload))
    }
}

/// A correct opening handshake.
pub fn handshake(path: &str) -> Request {
    Request::get(path)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// One masked frame.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len(), true);
    frame.extend_from_slice(&MASK);
    let bytes = payload.iter().zip(MASK.iter().cycle());
    frame.extend(bytes.map(|(byte, mask)| byte ^ mask));
    frame
}

/// The first bytes of a frame, without the mask.
pub fn header(first: u8, length: usize, masked: bool) -> Vec<u8> {
    let bit = if masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(bit | length as u8),
        126..=0xffff => {
            bytes.push(bit | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(bit | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes
}

fn close(payload: &[u8]) -> Message {
    let Some(code) = payload.get(..2) else {
        return Message::Close(1005, String::new());
    };
    let reason = String::from_utf8_lossy(&payload[2..]).into_owned();
    Message::Close(be(code) as u16, reason)
}

fn be(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | usize::from(*byte))
}

//! A raw Socket.IO client over a websocket: what it sends and sees is the text on the wire.

use crate::packets;
use crate::ws::{Message, Ws};

/// The path of a websocket that opens a session.
pub const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// An open Engine.IO session over a websocket.
pub struct Session {
    ws: Ws,
    sid: String,
}

impl Session {
    /// Opens a session and reads its open packet.
    pub fn open(port: u16) -> Self {
        Self::open_at(port, WEBSOCKET, &[])
    }

    /// As [`Session::open`] on another path or with more headers.
    pub fn open_at(port: u16, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut ws = Ws::connect(port, path, headers)
            .unwrap_or_else(|answer| panic!("refused: {} {}", answer.status, answer.text()));
        let sid = match ws.data() {
            Message::Text(packet) => packets::session_id(&packet),
            other => panic!("no open packet: {other:?}"),
        };
        Self { ws, sid }
    }

    /// Opens a session and connects a namespace; the socket's id is returned beside it.
    pub fn connected(port: u16, namespace: &str) -> (Self, String) {
        let mut session = Self::open(port);
        let id = session.connect(namespace, "");
        (session, id)
    }

    /// The engine's session id.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The websocket below.
    pub fn ws(&mut self) -> &mut Ws {
        &mut self.ws
    }

    /// Connects a namespace with an auth payload (JSON text or nothing); returns the socket's id.
    pub fn connect(&mut self, namespace: &str, auth: &str) -> String {
        let prefix = packets::prefix(namespace);
        self.send(&format!("40{prefix}{auth}"));
        packets::socket_id(&self.next(), namespace)
    }

    /// Sends an Engine.IO packet as text.
    pub fn send(&mut self, packet: &str) {
        self.ws.text(packet);
    }

    /// Sends a binary message.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.ws.binary(bytes);
    }

    /// Sends an event of a namespace: `body` is the ack id, if any, and the JSON array.
    pub fn event(&mut self, namespace: &str, body: &str) {
        self.send(&format!("42{}{body}", packets::prefix(namespace)));
    }

    /// The next packet that is no heartbeat; panics if something else comes.
    pub fn next(&mut self) -> String {
        match self.message() {
            Message::Text(packet) => packet,
            other => panic!("a packet was due, not {other:?}"),
        }
    }

    /// The next binary message.
    pub fn next_binary(&mut self) -> Vec<u8> {
        match self.message() {
            Message::Binary(bytes) => bytes,
            other => panic!("bytes were due, not {other:?}"),
        }
    }

    /// The next message that is no heartbeat; pings are answered.
    pub fn message(&mut self) -> Message {
        loop {
            match self.ws.data() {
                Message::Text(packet) if packet == "2" => self.send("3"),
                message => return message,
            }
        }
    }

    /// Fails unless the next packet is `expected`.
    pub fn expect(&mut self, expected: &str) {
        assert_eq!(self.next(), expected);
    }

    /// The end: the close code, or 1006 if the connection just ends. Packets before are skipped.
    pub fn closed(&mut self) -> u16 {
        loop {
            match self.message() {
                Message::Close(code, _) => return code,
                Message::Dropped => return 1006,
                _ => {}
            }
        }
    }

    /// Fails if the session is closed or has been sent anything but heartbeats.
    pub fn assert_quiet(&mut self) {
        let seen = self.ws.settle();
        let others: Vec<_> = seen
            .into_iter()
            .filter(|message| *message != Message::Text("2".to_owned()))
            .collect();
        assert!(others.is_empty(), "nothing was due, not {others:?}");
    }
}

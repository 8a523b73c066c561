//! A raw long-polling session.

use crate::http::{Connection, Request, Response};
use crate::packets;

/// The query of a long-polling handshake.
pub const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

/// An open long-polling session.
pub struct Polling {
    port: u16,
    path: String,
    sid: String,
}

impl Polling {
    /// Opens a session.
    pub fn open(port: u16) -> Self {
        Self::open_at(port, POLLING)
    }

    /// Opens a session on another path (with its query).
    pub fn open_at(port: u16, path: &str) -> Self {
        let response = Request::get(path).send(port);
        assert_eq!(response.status, 200, "{}", response.text());
        Self {
            port,
            sid: packets::session_id(packets::split(&response.text())[0]),
            path: path.to_owned(),
        }
    }

    /// The same session by another port.
    #[must_use]
    pub fn by(&self, port: u16) -> Self {
        Self {
            port,
            path: self.path.clone(),
            sid: self.sid.clone(),
        }
    }

    /// The engine's session id.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Path and query of this session's requests.
    pub fn path(&self) -> String {
        format!("{}&sid={}", self.path, self.sid)
    }

    /// Polls once.
    pub fn poll(&self) -> Response {
        Request::get(&self.path()).send(self.port)
    }

    /// Starts a poll and returns its connection, the answer unread.
    pub fn start_poll(&self) -> Connection {
        let mut connection = Connection::open(self.port);
        connection
            .write(&Request::get(&self.path()).bytes(self.port))
            .expect("the poll can be sent");
        connection
    }

    /// Starts a poll that the server has heard of by now: what is posted after it was answered.
    pub fn heard_poll(&self) -> Connection {
        let poll = self.start_poll();
        for _ in 0..2 {
            assert_eq!(self.post("6").status, 200);
        }
        poll
    }

    /// Posts a payload.
    pub fn post(&self, payload: &str) -> Response {
        Request::post(&self.path())
            .header("content-type", "text/plain;charset=UTF-8")
            .body(payload.as_bytes())
            .send(self.port)
    }

    /// Polls until something other than a heartbeat comes; pings are answered.
    pub fn packets(&self) -> Vec<String> {
        loop {
            let response = self.poll();
            assert_eq!(response.status, 200, "{}", response.text());
            let text = response.text();
            let all = packets::split(&text);
            if all.contains(&"2") {
                assert_eq!(self.post("3").status, 200);
            }
            let others: Vec<String> = all
                .into_iter()
                .filter(|packet| !matches!(*packet, "2" | "6"))
                .map(str::to_owned)
                .collect();
            if !others.is_empty() {
                return others;
            }
        }
    }

    /// Connects a namespace; returns the socket's id.
    pub fn connect(&self, namespace: &str) -> String {
        let response = self.post(&format!("40{}", packets::prefix(namespace)));
        assert_eq!(response.status, 200, "{}", response.text());
        packets::socket_id(&self.packets()[0], namespace)
    }
}

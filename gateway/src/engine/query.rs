//! What a request of the engine wants, and the refusals, in the order in which Node checks.

mod pairs;

use std::borrow::Cow;

pub use pairs::pairs;

/// How a session is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Requests that wait for something to tell.
    Polling,
    /// One websocket.
    Websocket,
}

impl Transport {
    /// The name in a query.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Websocket => "websocket",
        }
    }
}

/// Which transports are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    /// Long polling.
    pub polling: bool,
    /// Websockets.
    pub websocket: bool,
}

impl Transports {
    fn named(self, name: &str) -> Option<Transport> {
        match name {
            "polling" if self.polling => Some(Transport::Polling),
            "websocket" if self.websocket => Some(Transport::Websocket),
            _ => None,
        }
    }
}

/// A refusal: a status and `{"code":…,"message":…}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No such transport, or it is not open.
    #[error("Transport unknown")]
    UnknownTransport,
    /// No such session.
    #[error("Session ID unknown")]
    UnknownSid,
    /// Sessions are opened by GET.
    #[error("Bad handshake method")]
    BadHandshakeMethod,
    /// Transport or protocol do not fit the request or the session.
    #[error("Bad request")]
    BadRequest,
    /// The client may not connect.
    #[error("Forbidden")]
    Forbidden,
    /// Another protocol than 4.
    #[error("Unsupported protocol version")]
    UnsupportedProtocol,
}

impl RequestError {
    /// The number that clients know it by.
    pub fn code(self) -> u8 {
        match self {
            Self::UnknownTransport => 0,
            Self::UnknownSid => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden => 4,
            Self::UnsupportedProtocol => 5,
        }
    }

    /// Its text.
    pub fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedProtocol => "Unsupported protocol version",
        }
    }

    /// The status of the answer.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            _ => 400,
        }
    }

    /// The body of the answer, `application/json`.
    pub fn body(self) -> String {
        format!(
            "{{\"code\":{},\"message\":\"{}\"}}",
            self.code(),
            self.message()
        )
    }
}

/// What a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// A new session.
    Handshake {
        /// Carried so.
        transport: Transport,
    },
    /// Something of a session.
    Session {
        /// The session's id, which may be anything.
        sid: Cow<'a, str>,
        /// Carried so.
        transport: Transport,
        /// Speaks protocol 4.
        is_v4: bool,
        /// What the client calls it, if it does.
        name: Option<Cow<'a, str>>,
    },
}

impl Request<'_> {
    /// What its client calls it, if it does.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Handshake { .. } => None,
            Self::Session { name, .. } => name.as_deref(),
        }
    }

    /// What is checked of a request once its session is found.
    pub fn fits(&self, carried_by: Transport, is_upgrade: bool) -> Result<(), RequestError> {
        let fits = match self {
            Self::Handshake { .. } => false,
            Self::Session {
                transport, is_v4, ..
            } if is_upgrade => *transport == Transport::Websocket && *is_v4,
            Self::Session {
                transport, is_v4, ..
            } => [*transport, carried_by] == [Transport::Polling; 2] && *is_v4,
        };
        if fits {
            Ok(())
        } else {
            Err(RequestError::BadRequest)
        }
    }
}

/// The parameters of a query that the engine knows. One that is repeated is taken for a wrong one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    eio: Parameter<'a>,
    transport: Parameter<'a>,
    sid: Parameter<'a>,
    /// What the client calls the request; the first one counts.
    t: Option<Cow<'a, str>>,
    /// The client wants binary as text; over polling it always is.
    pub b64: bool,
    /// The client wants the answer as a script.
    pub jsonp: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Parameter<'a> {
    #[default]
    Absent,
    Once(Cow<'a, str>),
    Repeated,
}

impl<'a> Parameter<'a> {
    fn add(&mut self, value: Cow<'a, str>) {
        *self = match self {
            Self::Absent => Self::Once(value),
            Self::Once(_) | Self::Repeated => Self::Repeated,
        };
    }

    fn get(&self) -> Option<&str> {
        match self {
            Self::Once(value) => Some(value),
            Self::Absent | Self::Repeated => None,
        }
    }
}

impl<'a> Query<'a> {
    /// Reads a query, without its question mark.
    pub fn parse(query: &'a str) -> Self {
        let mut parsed = Self::default();
        for (name, value) in pairs(query) {
            match name.as_ref() {
                "EIO" => parsed.eio.add(value),
                "transport" => parsed.transport.add(value),
                "sid" => parsed.sid.add(value),
                "t" => _ = parsed.t.get_or_insert(value),
                "b64" => parsed.b64 = true,
                "j" => parsed.jsonp = true,
                _ => {}
            }
        }
        parsed
    }

    /// What the request wants. `is_upgrade` tells one that asks for a websocket.
    pub fn request(
        self,
        is_get: bool,
        is_upgrade: bool,
        open: Transports,
    ) -> Result<Request<'a>, RequestError> {
        let transport = self.transport.get().and_then(|name| open.named(name));
        let transport = transport.ok_or(RequestError::UnknownTransport)?;
        let is_v4 = self.eio.get() == Some("4");
        match self.sid {
            Parameter::Repeated => Err(RequestError::UnknownSid),
            Parameter::Once(sid) if !sid.is_empty() => Ok(Request::Session {
                sid,
                transport,
                is_v4,
                name: self.t,
            }),
            _ if !is_get => Err(RequestError::BadHandshakeMethod),
            _ if is_upgrade != (transport == Transport::Websocket) => Err(RequestError::BadRequest),
            _ if !is_v4 => Err(RequestError::UnsupportedProtocol),
            _ => Ok(Request::Handshake { transport }),
        }
    }
}

#[cfg(test)]
mod tests;

//! A socket in one namespace, whatever carries it.

use http::Uri;
use serde::Deserialize;
use serde_json::Value;

use super::polling::Polling;
use super::websocket::Websocket;
use super::{Failure, Transport};

pub(super) struct Socket {
    carrier: Carrier,
    namespace: String,
    id: String,
}

enum Carrier {
    Polling(Polling),
    Websocket(Box<Websocket>),
}

#[derive(Deserialize)]
struct Sid {
    sid: String,
}

/// The id in the first packet of a session.
pub(super) fn sid(open: &str) -> Result<String, Failure> {
    let data = open.strip_prefix('0').unwrap_or_default();
    let named = serde_json::from_str(data).map(|Sid { sid }| sid);
    named.map_err(|_| Failure::malformed(open))
}

impl Socket {
    /// Opens a session and connects to the namespace with this JSON, if any.
    pub(super) async fn connect(
        url: &Uri,
        transport: Transport,
        namespace: &str,
        auth: &str,
    ) -> Result<Self, Failure> {
        let mut socket = Self {
            carrier: Carrier::open(url, transport).await?,
            namespace: namespace.to_owned(),
            id: String::new(),
        };
        let address = socket.address();
        socket.carrier.send(format!("40{address}{auth}")).await?;
        loop {
            let message = socket.message().await?;
            if let Some(data) = of(&message, '0', &address) {
                socket.id = sid(&format!("0{data}"))?;
                return Ok(socket);
            }
            if let Some(data) = of(&message, '4', &address) {
                return Err(Failure::Refused(data.to_owned()));
            }
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Waits for an event of this name with this first argument.
    pub(super) async fn receive(&mut self, event: &str, argument: String) -> Result<(), Failure> {
        let (address, wanted) = (self.address(), Value::String(argument));
        loop {
            let message = self.message().await?;
            let Some(data) = of(&message, '2', &address) else {
                continue;
            };
            let args: Vec<Value> =
                serde_json::from_str(data).map_err(|_| Failure::malformed(data))?;
            if args.first().is_some_and(|name| name == event) && args.get(1) == Some(&wanted) {
                return Ok(());
            }
        }
    }

    /// The next message of Socket.IO. Pings are answered on the way.
    async fn message(&mut self) -> Result<String, Failure> {
        loop {
            let packet = self.carrier.next().await?;
            match packet.as_bytes().first() {
                Some(b'4') => return Ok(packet[1..].to_owned()),
                Some(b'2') => self.carrier.send("3".to_owned()).await?,
                Some(b'1') => return Err(Failure::Closed),
                Some(b'0' | b'6' | b'b') => {}
                _ => return Err(Failure::malformed(&packet)),
            }
        }
    }

    /// How packets name the namespace.
    fn address(&self) -> String {
        match self.namespace.as_str() {
            "/" => String::new(),
            other => format!("{other},"),
        }
    }
}

/// The data of a packet of this type in the namespace.
fn of<'a>(message: &'a str, kind: char, address: &str) -> Option<&'a str> {
    message.strip_prefix(kind)?.strip_prefix(address)
}

impl Carrier {
    async fn open(url: &Uri, transport: Transport) -> Result<Self, Failure> {
        Ok(match transport {
            Transport::Polling => Self::Polling(Polling::open(url).await?),
            Transport::Websocket => {
                let mut websocket = Websocket::open(url).await?;
                sid(&websocket.next().await?)?;
                Self::Websocket(Box::new(websocket))
            }
        })
    }

    async fn send(&mut self, packet: String) -> Result<(), Failure> {
        match self {
            Self::Polling(polling) => polling.send(packet).await,
            Self::Websocket(websocket) => websocket.send(packet).await,
        }
    }

    async fn next(&mut self) -> Result<String, Failure> {
        match self {
            Self::Polling(polling) => polling.next().await,
            Self::Websocket(websocket) => websocket.next().await,
        }
    }
}

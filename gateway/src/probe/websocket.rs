//! Engine.IO by a websocket.

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, handshake};
use http::Uri;
use http::header::{CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http_body_util::Empty;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::Failure;
use super::request::{authority, dial};

pub(super) struct Websocket(FragmentCollector<TokioIo<Upgraded>>);

impl Websocket {
    pub(super) async fn open(url: &Uri) -> Result<Self, Failure> {
        let request = http::Request::builder()
            .uri(format!("{}?EIO=4&transport=websocket", url.path()))
            .header(HOST, authority(url))
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_KEY, handshake::generate_key())
            .header(SEC_WEBSOCKET_VERSION, "13")
            .body(Empty::<Bytes>::new())
            .map_err(|error| Failure::malformed(&error.to_string()))?;
        let stream = dial(url).await?;
        let (websocket, _) = handshake::client(&TokioExecutor::new(), request, stream).await?;
        Ok(Self(FragmentCollector::new(websocket)))
    }

    pub(super) async fn send(&mut self, packet: String) -> Result<(), Failure> {
        let frame = Frame::text(Payload::Owned(packet.into_bytes()));
        Ok(self.0.write_frame(frame).await?)
    }

    /// The next packet of text, its type included; binary ones are passed over.
    pub(super) async fn next(&mut self) -> Result<String, Failure> {
        loop {
            let frame = self.0.read_frame().await?;
            match frame.opcode {
                OpCode::Text => return Ok(String::from_utf8_lossy(&frame.payload).into_owned()),
                OpCode::Close => return Err(Failure::Closed),
                _ => {}
            }
        }
    }
}

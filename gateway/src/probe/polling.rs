//! Engine.IO by HTTP long-polling.

use std::collections::VecDeque;

use http::{Method, Uri};

use super::Failure;
use super::request::{self, Request};
use super::socket::sid;
use crate::engine::payload::SEPARATOR;

pub(super) struct Polling {
    url: Uri,
    path: String,
    received: VecDeque<String>,
}

impl Polling {
    pub(super) async fn open(url: &Uri) -> Result<Self, Failure> {
        let mut polling = Self {
            url: url.clone(),
            path: format!("{}?EIO=4&transport=polling", url.path()),
            received: VecDeque::new(),
        };
        let open = polling.next().await?;
        polling.path.push_str(&format!("&sid={}", sid(&open)?));
        Ok(polling)
    }

    pub(super) async fn send(&self, packet: String) -> Result<(), Failure> {
        self.request(Method::POST, packet).await.map(drop)
    }

    /// The next packet, its type included.
    pub(super) async fn next(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(packet) = self.received.pop_front() {
                return Ok(packet);
            }
            let payload = self.request(Method::GET, String::new()).await?;
            let packets = payload.split(char::from(SEPARATOR));
            self.received.extend(packets.map(str::to_owned));
        }
    }

    async fn request(&self, method: Method, body: String) -> Result<String, Failure> {
        let headers = [("content-type", "text/plain;charset=UTF-8")];
        let request = Request {
            method,
            path: &self.path,
            headers: &headers,
            body,
        };
        request::exchange(&self.url, request).await
    }
}

//! The rules that concern the transport, as they are in force for the next request.

use std::time::Duration;

use carillon_crds::network::Network;

use super::admission::AdmissionLimits;
use super::cors::Cors;
use crate::engine::query::Transports;

/// Rules `engine`, `cors` and `limits`. A session keeps those it was opened with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where Engine.IO answers, with both slashes.
    pub path: String,
    /// From one ping to the next.
    pub ping_interval: Duration,
    /// How long a pong may take.
    pub ping_timeout: Duration,
    /// Bytes of a message, or of a POST's body.
    pub max_payload: usize,
    /// How long a client may take to connect to a namespace.
    pub connect_timeout: Duration,
    /// How long an upgrade may take.
    pub upgrade_timeout: Duration,
    /// Which transports are offered.
    pub transports: Transports,
    /// Poll answers from this size on are compressed.
    pub compress_from: usize,
    /// The allowed origins.
    pub cors: Cors,
    /// Limits of handshakes and sessions.
    pub admission: AdmissionLimits,
    /// Whose word about addresses is believed.
    pub trusted_proxies: Vec<Network>,
}

impl Default for Settings {
    /// Socket.IO's defaults, and no origin.
    fn default() -> Self {
        Self {
            path: "/socket.io/".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload: 1_000_000,
            connect_timeout: Duration::from_secs(45),
            upgrade_timeout: Duration::from_secs(10),
            transports: Transports {
                polling: true,
                websocket: true,
            },
            compress_from: 1024,
            cors: Cors::default(),
            admission: AdmissionLimits::default(),
            trusted_proxies: Vec::new(),
        }
    }
}

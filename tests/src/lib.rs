//! What the integration tests stand on: the real gateway as a process, raw HTTP and websocket
//! clients that can also misbehave, and the runners of the clients in Node, Python and Chromium.
//!
//! A helper that cannot do its work panics with a sentence: in a test that is the report.
#![allow(clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

pub mod flood;
pub mod gateway;
pub mod http;
pub mod metrics;
pub mod packets;
pub mod polling;
pub mod ports;
pub mod process;
pub mod scripts;
pub mod session;
pub mod wait;
pub mod ws;

//! What the integration tests stand on: the real gateway as a process, raw HTTP and websocket
//! clients that can also misbehave, the runners of the clients in Node, Python and Chromium, and
//! clusters: redis-server, Node servers and gateways on it, emitters, load balancers in front; and
//! a whole Kubernetes of one node.
//!
//! A helper that cannot do its work panics with a sentence: in a test that is the report.
#![allow(clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

pub mod clients;
pub mod cluster;
pub mod container;
pub mod crowd;
pub mod desk;
pub mod driver;
pub mod emitter;
pub mod flood;
pub mod forwarder;
pub mod gateway;
pub mod generated;
pub mod http;
pub mod kubernetes;
pub mod load;
pub mod metrics;
pub mod network;
pub mod packaging;
pub mod packets;
pub mod pages;
pub mod polling;
pub mod ports;
pub mod process;
pub mod promtool;
pub mod proxy;
pub mod redis;
pub mod resp;
pub mod scripts;
pub mod session;
pub mod topology;
pub mod wait;
pub mod ws;

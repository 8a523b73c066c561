//! Prometheus, asked over its HTTP API: instant queries at a given time.
//!
//! [`Client`] asks one query; [`collect`] asks all that a decision needs. Every answer that cannot be decided by is an
//! error with a reason: a client or server that is away, an answer that is no answer, and one with `warnings`, which is
//! what Thanos and others say of data that are not whole.

mod answer;
mod client;
mod collect;
mod resolve;

pub use answer::{Answer, Sample};
pub use client::{Auth, Client, Endpoint, Error, Tls};
pub use collect::collect;

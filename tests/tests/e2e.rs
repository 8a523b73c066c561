//! Whole stories on a Kubernetes; each module is one.
#![allow(
    clippy::unwrap_used,
    reason = "in a test a panic is the report of a failure"
)]

#[path = "e2e/documented.rs"]
mod documented;

//! Everything that is tested on a whole Kubernetes; each module is one subject.
#![allow(
    clippy::unwrap_used,
    reason = "in a test a panic is the report of a failure"
)]

#[path = "kubernetes/charts.rs"]
mod charts;
#[path = "kubernetes/fleet.rs"]
mod fleet;
#[path = "kubernetes/gateway.rs"]
mod gateway;
#[path = "kubernetes/harness.rs"]
mod harness;
#[path = "kubernetes/operator.rs"]
mod operator;
#[path = "kubernetes/resource.rs"]
mod resource;

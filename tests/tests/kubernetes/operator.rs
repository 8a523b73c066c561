//! The parts of the operator on a real API server, one by one; `fleet` has all of them at work.

#[path = "operator/definition.rs"]
mod definition;
#[path = "operator/lease.rs"]
mod lease;
#[path = "operator/pods.rs"]
mod pods;
#[path = "operator/scene.rs"]
mod scene;
#[path = "operator/watches.rs"]
mod watches;
#[path = "operator/writer.rs"]
mod writer;

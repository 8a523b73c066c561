//! The control plane of Carillon: `observe → validate → scale → build → apply → status`.

pub mod apply;
pub mod build;
pub mod cache;
pub mod cli;
pub mod client;
pub mod clock;
pub mod controller;
pub mod events;
pub mod failure;
pub mod gate;
pub mod gateway;
#[cfg(test)]
mod generated;
pub mod lease;
pub mod logs;
pub mod metrics;
pub mod names;
pub mod prometheus;
pub mod queue;
pub mod rbac;
pub mod reconcile;
pub mod rollout;
pub mod scale;
pub mod service;
pub mod status;
pub mod triggers;
pub mod version;
pub mod watches;

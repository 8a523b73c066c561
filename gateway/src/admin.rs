//! What operators see: metrics, health, the rules in force, logs.

pub mod health;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod process;
pub mod rules;
pub mod server;
mod time;

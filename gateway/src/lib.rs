//! The gateway of Carillon.

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "a test is its own edge: it brings the clock"
    )
)]

pub mod admin;
pub mod bus;
pub mod clock;
pub mod config;
pub mod drain;
pub mod engine;
#[cfg(test)]
mod generated;
pub mod hub;
pub mod id;
pub mod policy;
pub mod node;
pub mod reload;
pub mod socket;
pub mod target;
pub mod transport;

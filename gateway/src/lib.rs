//! The gateway of Carillon.

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "a test is its own edge: it brings the clock"
    )
)]

pub mod admin;
pub mod api;
pub mod app;
pub mod bus;
pub mod clock;
pub mod config;
pub mod document;
pub mod drain;
pub mod engine;
pub mod hub;
pub mod id;
pub mod node;
pub mod policy;
pub mod probe;
pub mod reload;
pub mod socket;
pub mod target;
pub mod transport;

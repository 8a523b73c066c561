//! The gateway of Carillon.

pub mod bus;
pub mod config;
#[cfg(test)]
mod generated;
pub mod target;
pub mod id;
pub mod socket;

//! The gateway of Carillon.

pub mod bus;
pub mod target;

//! The Engine.IO v4 codec, without IO and clock.

pub mod packet;
pub mod payload;
pub mod query;
pub mod session;

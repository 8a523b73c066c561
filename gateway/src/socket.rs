//! The Socket.IO v5 codec. Arguments stay the text that they came as.

pub mod assembly;
pub mod encode;
pub mod frame;
pub mod json;
pub mod packet;

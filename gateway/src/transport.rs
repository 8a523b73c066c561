//! What carries sessions: websockets and long polling.

pub mod websocket;

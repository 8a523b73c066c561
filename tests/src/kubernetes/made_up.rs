//! Metrics that nobody measured.

use serde_json::json;

use crate::driver::Driver;
use crate::ports;

/// A target for a Prometheus of the tests, whose series the test makes up.
pub struct MadeUp {
    server: Driver,
    port: u16,
}

impl MadeUp {
    /// Starts it; it exposes nothing yet.
    pub fn start() -> Self {
        let port = ports::free();
        let server = Driver::start("made-up-metrics.mjs", &json!({ "port": port }));
        let target = Self { server, port };
        // With the answer it listens.
        target.expose("");
        target
    }

    /// Its address for Prometheus.
    pub fn target(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it exposes from now on, and nothing else.
    pub fn expose(&self, text: &str) {
        self.server.call(&json!({ "op": "expose", "text": text }));
    }
}

//! The game's page in a real Chromium.

use std::path::Path;

use serde_json::{Value, json};

use crate::driver::Driver;
use crate::scripts;

/// Chromium, and the server of the page; both end when this value is dropped.
pub struct Browser(Driver);

impl Browser {
    /// Serves the page at this port of `localhost`, for a fleet at this URL; it is not open yet.
    pub fn start(port: u16, url: &str) -> Self {
        let parameters = json!({ "chromium": scripts::chromium(), "port": port, "url": url });
        Self(Driver::start("e2e-pages.mjs", &parameters))
    }

    /// Opens the page, and waits until it is in its rooms of all four namespaces.
    pub fn open(&self, name: &str, transports: &[&str]) {
        self.call("open", name, &json!({ "transports": transports }));
    }

    /// By event, what the page has heard last.
    pub fn heard(&self, name: &str) -> Value {
        self.call("heard", name, &json!({}))
    }

    /// The transport of each of its connections.
    pub fn transports(&self, name: &str) -> Value {
        self.call("transports", name, &json!({}))
    }

    /// Writes what it looks like into a file.
    pub fn picture(&self, name: &str, file: &Path) {
        self.call("picture", name, &json!({ "file": file }));
    }

    fn call(&self, operation: &str, name: &str, more: &Value) -> Value {
        let mut call = more.clone();
        call["op"] = json!(operation);
        call["name"] = json!(name);
        self.0.call(&call)
    }
}

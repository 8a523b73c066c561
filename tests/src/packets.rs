//! Reading Engine.IO and Socket.IO packets as text.

use serde_json::Value;

/// The packets of a polling payload.
pub fn split(payload: &str) -> Vec<&str> {
    payload.split('\u{1e}').collect()
}

/// The JSON of an Engine.IO open packet.
pub fn open(packet: &str) -> Value {
    let json = packet
        .strip_prefix('0')
        .unwrap_or_else(|| panic!("no open packet: {packet:?}"));
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {packet:?}"))
}

/// The engine's session id in an open packet.
pub fn session_id(packet: &str) -> String {
    text(&open(packet)["sid"])
}

/// The socket id in the answer to a CONNECT of `namespace`.
pub fn socket_id(packet: &str, namespace: &str) -> String {
    let json = packet.strip_prefix(&format!("40{}", prefix(namespace)));
    let json = json.unwrap_or_else(|| panic!("no CONNECT of {namespace}: {packet:?}"));
    let value: Value = serde_json::from_str(json).expect("CONNECT carries JSON");
    text(&value["sid"])
}

/// How a packet names its namespace: nothing for `/`, else name and comma.
pub fn prefix(namespace: &str) -> String {
    match namespace {
        "/" => String::new(),
        other => format!("{other},"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("the value is a string").to_owned()
}

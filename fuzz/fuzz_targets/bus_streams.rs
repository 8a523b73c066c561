//! Entries of streams, `type` and `data` separated by the first NUL, and session records.
#![no_main]

use carillon_gateway::bus::wire::cluster::Incoming;
use carillon_gateway::bus::wire::streams::{self, Session};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(session) = Session::decode(bytes) {
        let again = session.encode().expect("it was taken");
        Session::decode(again.as_bytes()).expect("we wrote it");
    }
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let kind = parts.next().unwrap_or_default();
    let data = parts.next().unwrap_or_default();
    let fields: [(&[u8], &[u8]); 4] = [
        (b"uid", b"u"),
        (b"nsp", b"/"),
        (b"type", kind),
        (b"data", data),
    ];
    if let Ok(Incoming::Command(envelope)) = streams::decode(fields) {
        let pairs = streams::encode(&envelope).expect("it was taken").pairs();
        let fields = pairs
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        streams::decode(fields).expect("we wrote it");
    }
});

//! The ClusterAdapter formats: what is taken can be sent in both dialects, and is read again.
#![no_main]

use carillon_gateway::bus::wire::cluster::{self, Channels, Dialect, Incoming, SubscriptionMode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(incoming) = cluster::decode(bytes) else {
        return;
    };
    let channels = Channels::new("socket.io", "/");
    for dialect in [Dialect::Sharded, Dialect::Streams] {
        let sent = match &incoming {
            Incoming::Command(envelope) => {
                cluster::encode(dialect, &channels, SubscriptionMode::Dynamic, envelope)
            }
            Incoming::Response {
                from,
                namespace,
                response,
            } => cluster::encode_response(dialect, &channels, from, "to", namespace, response),
        };
        let sent = sent.expect("it was taken");
        let again = cluster::decode(&sent.payload).expect("we wrote it");
        if dialect == Dialect::Sharded && sent.payload.starts_with(b"{") {
            assert_eq!(again, incoming);
        }
    }
});

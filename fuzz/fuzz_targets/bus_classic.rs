//! The classic Redis format: what is taken can be sent, and says the same when it is read again.
#![no_main]

use carillon_gateway::bus::wire::classic::{self, Channels};
use carillon_gateway::socket::json;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let channels = Channels::new("socket.io", "/");
    if let Ok(broadcast) = classic::decode_broadcast(bytes) {
        let sent = classic::encode(&channels, &broadcast).expect("it was taken");
        let again = classic::decode_broadcast(&sent.payload).expect("we wrote it");
        // The first way drops members that JSON.parse drops; the second has none to drop.
        let sent = classic::encode(&channels, &again).expect("it was taken");
        assert_eq!(classic::decode_broadcast(&sent.payload), Ok(again));
    }
    if let Ok(request) = classic::decode_request(&"/".into(), bytes) {
        let sent = classic::encode(&channels, &request).expect("it was taken");
        classic::decode_request(&"/".into(), &sent.payload).expect("we wrote it");
    }
    if let Ok(response) = classic::decode_response(bytes) {
        let sent = classic::encode_response(&channels, None, &response).expect("it was taken");
        classic::decode_response(&sent.payload).expect("we wrote it");
    }
    if let Ok(data) = carillon_gateway::bus::wire::value::from_msgpack(bytes) {
        assert_eq!(json::value(&data.json), Ok(()));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        channels.heard(text);
    }
});

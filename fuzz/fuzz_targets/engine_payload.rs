//! Bodies of POSTs, and queries: what is read can be written and read again.
#![no_main]

use carillon_gateway::engine::packet::Packet;
use carillon_gateway::engine::payload::{packets, push_binary, push_text};
use carillon_gateway::engine::query::{Query, Transports, pairs};

libfuzzer_sys::fuzz_target!(|body: &str| {
    pairs(body).for_each(drop);
    let open = Transports {
        polling: true,
        websocket: true,
    };
    let _ = Query::parse(body).request(true, false, open);
    let read: Vec<_> = packets(body).filter_map(Result::ok).collect();
    let mut again = Vec::new();
    for packet in &read {
        match packet {
            Packet::Binary(bytes) => push_binary(&mut again, bytes),
            Packet::Message(text) => push_text(&mut again, format!("4{text}").as_bytes()),
            Packet::Ping(text) => push_text(&mut again, format!("2{text}").as_bytes()),
            Packet::Pong(text) => push_text(&mut again, format!("3{text}").as_bytes()),
            Packet::Open => push_text(&mut again, b"0"),
            Packet::Close => push_text(&mut again, b"1"),
            Packet::Upgrade => push_text(&mut again, b"5"),
            Packet::Noop => push_text(&mut again, b"6"),
        }
    }
    if !read.is_empty() {
        let again = std::str::from_utf8(&again).expect("a body is text");
        let reread: Vec<_> = packets(again)
            .collect::<Result<_, _>>()
            .expect("we wrote it");
        assert_eq!(reread, read);
    }
});

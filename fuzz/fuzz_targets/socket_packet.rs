//! Socket.IO packets: JSON is judged as serde judges it, and what is read can be written and read again.
#![no_main]

use bytes::Bytes;
use carillon_gateway::socket::encode;
use carillon_gateway::socket::frame::Frames;
use carillon_gateway::socket::json::{self, Fault};
use carillon_gateway::socket::packet::{Packet, decode};

libfuzzer_sys::fuzz_target!(|text: &str| {
    judge(text);
    json::placeholders(text);
    json::get(text, &["a", "0"]);
    let Ok(packet) = decode(text) else { return };
    let mut out = Vec::new();
    match &packet {
        Packet::Event(event) => {
            event.args.iter().for_each(judge);
            event.args.placeholders();
            let attachments = vec![Bytes::new(); event.attachments];
            encode::event(
                &mut out,
                event.nsp,
                event.id,
                event.raw_name,
                event.args.text(),
                &attachments,
            );
        }
        Packet::Ack(ack) => {
            let Some(id) = ack.id else { return };
            let attachments = vec![Bytes::new(); ack.attachments];
            encode::ack(&mut out, ack.nsp, id, ack.args.text(), &attachments);
        }
        _ => return,
    }
    let first = Frames::new(&out).next().expect("we wrote it");
    let again = std::str::from_utf8(&first.payload[1..]).expect("a packet is text");
    assert_eq!(decode(again).as_ref(), Ok(&packet));
});

fn judge(text: &str) {
    let serde = serde_json::from_str::<serde::de::IgnoredAny>(text);
    match (json::value(text), serde) {
        (Ok(()), Err(error)) => {
            assert!(error.to_string().starts_with("recursion limit"), "{error}")
        }
        (Err(Fault::Syntax), Ok(_)) => panic!("serde takes it"),
        _ => {}
    }
}

//! Packets with attachments: messages separated by 0xff, text if they are UTF-8.
#![no_main]

use bytes::Bytes;
use carillon_gateway::socket::assembly::{Assembler, gather};
use carillon_gateway::socket::packet::Packet;

const MAX: usize = 256;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut assembler = Assembler::default();
    for message in input.split(|byte| *byte == 0xff) {
        let text = std::str::from_utf8(message)
            .ok()
            .filter(|_| !assembler.is_waiting());
        let complete = match text {
            Some(text) => assembler.text(text, MAX).map(|_| None),
            None => assembler.binary(Bytes::copy_from_slice(message)),
        };
        let Ok(Some(complete)) = complete else {
            continue;
        };
        let packet = complete
            .packet()
            .expect("its text was checked when it came");
        assert_eq!(packet.attachments(), complete.attachments().len());
        let size: usize = complete.attachments().iter().map(Bytes::len).sum();
        assert!(size <= MAX);
        let args = match packet {
            Packet::Event(event) => event.args,
            Packet::Ack(ack) => ack.args,
            other => panic!("{other:?} has no attachments"),
        };
        let gathered =
            gather(args.text(), complete.attachments()).expect("its placeholders were checked");
        assert_eq!(
            gather(&gathered.text, &gathered.attachments),
            Some(gathered)
        );
    }
});

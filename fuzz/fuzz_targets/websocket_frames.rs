//! Frames of websocket clients: the same messages come out however the bytes arrive.
#![no_main]

use carillon_gateway::transport::websocket::frame::{Flow, FrameReader, Incoming, MAX_TAIL};

const MAX: usize = 16 * 1024;

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (chunk, bytes) = input;
    assert_eq!(
        read(bytes, usize::from(chunk).max(1)),
        read(bytes, usize::MAX)
    );
});

fn read(bytes: &[u8], chunk: usize) -> Vec<String> {
    let mut reader = FrameReader::new(MAX);
    let (mut got, mut tail) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(chunk) {
        tail.extend_from_slice(piece);
        let mut closed = false;
        let used = reader.read(&mut tail, |incoming| {
            closed = matches!(incoming, Incoming::Close(_));
            if let Incoming::Text(text) = incoming {
                assert!(text.len() <= MAX);
            }
            got.push(format!("{incoming:?}"));
            Flow::Continue
        });
        match used {
            Ok(used) => drop(tail.drain(..used)),
            Err(violation) => {
                got.push(violation.code.to_string());
                return got;
            }
        }
        if closed {
            return got;
        }
        assert!(tail.len() <= MAX_TAIL);
    }
    got
}

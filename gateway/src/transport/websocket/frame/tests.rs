use proptest::prelude::*;

use super::*;

const MAX: usize = 100_000;
const MASK: [u8; 4] = [0x12, 0x00, 0xff, 0x7b];

/// A frame as a client sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    out
}

fn frames(parts: &[(u8, &[u8])]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|(first, payload)| frame(*first, payload))
        .collect()
}

#[derive(Clone, Debug, PartialEq)]
enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
    Violation(u16),
}

/// What comes out if `input` arrives in pieces of the given sizes (the last one repeats).
fn read_in(input: &[u8], pieces: &[usize]) -> Vec<Got> {
    let mut reader = FrameReader::new(MAX);
    let (mut got, mut tail, mut rest) = (Vec::new(), Vec::new(), input);
    let mut sizes = pieces
        .iter()
        .chain(std::iter::repeat(pieces.last().expect("there is one")));
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*sizes.next().expect("endless")).clamp(1, rest.len()));
        rest = after;
        tail.extend_from_slice(piece);
        let read = reader.read(&mut tail, |incoming| {
            got.push(match incoming {
                Incoming::Text(text) => Got::Text(text.to_owned()),
                Incoming::Binary(bytes) => Got::Binary(bytes.to_vec()),
                Incoming::Ping(bytes) => Got::Ping(bytes.to_vec()),
                Incoming::Pong(bytes) => Got::Pong(bytes.to_vec()),
                Incoming::Close(code) => Got::Close(code),
            });
            Flow::Continue
        });
        match read {
            Ok(used) => drop(tail.drain(..used)),
            Err(violation) => {
                got.push(Got::Violation(violation.code));
                return got;
            }
        }
        if let Some(Got::Close(_)) = got.last() {
            return got;
        }
        assert!(tail.len() <= MAX_TAIL, "{}", tail.len());
    }
    got
}

fn read(input: &[u8]) -> Vec<Got> {
    let whole = read_in(input, &[usize::MAX]);
    assert_eq!(read_in(input, &[1]), whole, "byte by byte");
    whole
}

#[test]
fn messages_of_every_size() {
    for size in [0, 1, 125, 126, 4095, 4096, 4097, 0xffff, 0x10000, MAX] {
        let text = "a".repeat(size);
        assert_eq!(
            read(&frame(0x81, text.as_bytes())),
            [Got::Text(text.clone())],
            "{size}"
        );
        assert_eq!(
            read(&frame(0x82, text.as_bytes())),
            [Got::Binary(text.into_bytes())],
            "{size}"
        );
    }
}

#[test]
fn a_message_may_be_cut_with_control_frames_between() {
    let input = frames(&[
        (0x01, "hé".as_bytes()),
        (0x89, b"ping"),
        (0x00, b""),
        (0x8a, b""),
        (0x80, b"llo"),
        (0x02, b"\xff"),
        (0x80, b"\xfe"),
        (0x81, b"next"),
    ]);
    assert_eq!(
        read(&input),
        [
            Got::Ping(b"ping".to_vec()),
            Got::Pong(Vec::new()),
            Got::Text("héllo".into()),
            Got::Binary(vec![0xff, 0xfe]),
            Got::Text("next".into()),
        ]
    );
}

#[test]
fn lengths_need_not_be_minimal() {
    let mut long = vec![0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 1];
    long.extend_from_slice(&[0, 0, 0, 0, b'x']);
    assert_eq!(read(&long), [Got::Text("x".into())]);
}

#[test]
fn nothing_is_kept_between_messages() {
    let mut reader = FrameReader::new(MAX);
    let mut input = frames(&[(0x01, b"a"), (0x80, b"b")]);
    let used = reader.read(&mut input, |_| Flow::Continue);
    assert_eq!((used, reader.is_in_message()), (Ok(input.len()), false));
    assert_eq!(size_of::<FrameReader>(), 16);
}

#[test]
fn the_handler_may_stop() {
    let (first, second) = (frame(0x81, b"a"), frame(0x81, b"b"));
    let mut input = [first.clone(), second].concat();
    let mut count = 0;
    let read = FrameReader::new(MAX).read(&mut input, |_| {
        count += 1;
        Flow::Stop
    });
    assert_eq!((read, count), (Ok(first.len()), 1));
}

#[test]
fn closes() {
    let close = |code: u16, reason: &[u8]| frame(0x88, &[&code.to_be_bytes(), reason].concat());
    assert_eq!(
        read(&[frame(0x88, b""), frame(0x81, b"late")].concat()),
        [Got::Close(None)]
    );
    for code in [
        1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
    ] {
        assert_eq!(
            read(&close(code, "é".as_bytes())),
            [Got::Close(Some(code))],
            "{code}"
        );
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ] {
        assert_eq!(read(&close(code, b"")), [Got::Violation(1002)], "{code}");
    }
    assert_eq!(read(&frame(0x88, b"\x03")), [Got::Violation(1002)]);
    assert_eq!(read(&close(1000, b"\xff")), [Got::Violation(1007)]);
    assert_eq!(read(&close(1000, &[b'a'; 123])), [Got::Close(Some(1000))]);
}

#[test]
fn protocol_violations() {
    for (name, input) in [
        ("no mask", vec![0x81, 0x01, b'a']),
        ("reserved bit 1", frame(0xc1, b"")),
        ("reserved bit 2", frame(0xa1, b"")),
        ("reserved bit 3 on a ping", frame(0x99, b"")),
        ("opcode 3", frame(0x83, b"")),
        ("opcode 7", frame(0x07, b"")),
        ("opcode 11", frame(0x8b, b"")),
        ("opcode 15", frame(0x8f, b"")),
        ("long ping", frame(0x89, &[0; 126])),
        ("long close", frame(0x88, &[0; 126])),
        ("very long close", frame(0x88, &[0; 70_000])),
        ("fragmented ping", frame(0x09, b"")),
        ("fragmented close", frame(0x08, b"")),
        ("continuation of nothing", frame(0x80, b"")),
        ("unfinished continuation of nothing", frame(0x00, b"a")),
        (
            "continuation after the end",
            frames(&[(0x01, b"a"), (0x80, b"b"), (0x80, b"c")]),
        ),
        (
            "length over 63 bits",
            vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
    ] {
        assert_eq!(read(&input).last(), Some(&Got::Violation(1002)), "{name}");
    }
    for inner in [0x01, 0x02, 0x81, 0x82] {
        assert_eq!(
            read(&frames(&[(0x01, b"a"), (inner, b"b")])),
            [Got::Violation(1002)],
            "{inner}"
        );
    }
}

#[test]
fn utf8() {
    let invalid: [&[u8]; 5] = [
        b"\xff",
        b"a\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
    ];
    for text in invalid {
        assert_eq!(read(&frame(0x81, text)), [Got::Violation(1007)], "{text:?}");
        let (a, b) = text.split_at(text.len() / 2);
        assert_eq!(
            read(&frames(&[(0x01, a), (0x80, b)])),
            [Got::Violation(1007)],
            "{text:?}"
        );
    }
    assert_eq!(
        read(&frames(&[
            (0x01, b"\xe2\x82"),
            (0x00, b""),
            (0x80, b"\xac")
        ])),
        [Got::Text("€".into())]
    );
    assert_eq!(
        read(&frames(&[(0x01, b"\xe2\x82"), (0x80, b"")])),
        [Got::Violation(1007)]
    );
    assert_eq!(
        read(&frames(&[(0x01, b"ok\xff"), (0x89, b"")])),
        [Got::Violation(1007)],
        "at once"
    );
    let mut large = vec![b'a'; 50_000];
    large[20_000] = 0xff;
    assert_eq!(read(&frame(0x81, &large)), [Got::Violation(1007)]);
}

#[test]
fn sizes_are_refused_by_the_header() {
    let announced = |len: u64| [&[0x82, 0xff][..], &len.to_be_bytes(), &MASK].concat();
    assert_eq!(read(&announced(MAX as u64 + 1)), [Got::Violation(1009)]);
    assert_eq!(read(&announced(u64::MAX >> 1)), [Got::Violation(1009)]);
    let half = vec![b'a'; MAX / 2];
    assert_eq!(read(&frames(&[(0x02, &half), (0x80, &half)])).len(), 1);
    let mut more = frames(&[(0x02, &half), (0x00, &half)]);
    more.extend_from_slice(&[0x80, 0x81, 0, 0, 0, 0]);
    assert_eq!(read(&more), [Got::Violation(1009)]);
}

#[test]
fn an_announcement_allocates_nothing() {
    let mut reader = FrameReader::new(usize::MAX >> 1);
    let mut input = [
        &[0x82, 0xff][..],
        &(1u64 << 40).to_be_bytes(),
        &MASK,
        b"some",
    ]
    .concat();
    assert_eq!(reader.read(&mut input, |_| Flow::Continue), Ok(input.len()));
    assert!(
        reader
            .partial
            .is_some_and(|partial| partial.bytes().len() == 4)
    );
}

#[test]
fn fragments_are_counted() {
    let mut reader = FrameReader::new(MAX);
    let mut first = frame(0x01, b"");
    assert_eq!(reader.read(&mut first, |_| Flow::Continue), Ok(6));
    let empty = frame(0x00, b"").repeat(1024);
    let violation =
        (0..200).find_map(|_| reader.read(&mut empty.clone(), |_| Flow::Continue).err());
    assert_eq!(violation.map(|violation| violation.code), Some(1009));
}

fn message() -> impl Strategy<Value = (bool, Vec<u8>, Vec<usize>)> {
    let text = ".{0,40}".prop_map(|text| (true, text.into_bytes()));
    let binary = (0usize..9000, any::<u8>()).prop_map(|(len, byte)| (false, vec![byte; len]));
    (
        prop_oneof![text, binary],
        proptest::collection::vec(0usize..5000, 0..4),
    )
        .prop_map(|((is_text, bytes), cuts)| (is_text, bytes, cuts))
}

proptest! {
    #[test]
    fn messages_survive_cuts_and_chunks(
        messages in proptest::collection::vec(message(), 0..6),
        pieces in proptest::collection::vec(1usize..7000, 1..8),
    ) {
        let (mut input, mut expected) = (Vec::new(), Vec::new());
        for (is_text, bytes, cuts) in messages {
            let (mut opcode, mut rest) = (if is_text { 1 } else { 2 }, &bytes[..]);
            for cut in cuts {
                let (part, after) = rest.split_at(cut.min(rest.len()));
                input.extend(frame(opcode, part));
                input.extend(frame(0x8a, b"between"));
                expected.push(Got::Pong(b"between".to_vec()));
                (opcode, rest) = (0, after);
            }
            input.extend(frame(0x80 | opcode, rest));
            expected.push(match is_text {
                true => Got::Text(String::from_utf8(bytes).expect("it was a string")),
                false => Got::Binary(bytes),
            });
        }
        prop_assert_eq!(read_in(&input, &pieces), expected);
    }

    #[test]
    fn any_bytes_mean_the_same_in_any_pieces(
        input in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0x81), Just(0x80), Just(0x01)], 0..300),
        pieces in proptest::collection::vec(1usize..50, 1..8),
    ) {
        prop_assert_eq!(read_in(&input, &pieces), read_in(&input, &[usize::MAX]));
    }
}

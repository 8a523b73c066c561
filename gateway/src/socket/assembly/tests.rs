use super::*;

const MAX: usize = 100;

fn begin(text: &str) -> Result<Assembler, AssemblyError> {
    let mut assembler = Assembler::default();
    assert_eq!(assembler.text(text, MAX)?, None, "{text}");
    Ok(assembler)
}

#[test]
fn packets_without_attachments_pass() {
    let mut assembler = Assembler::default();
    let packet = assembler.text("2[\"a\"]", MAX).expect("it is a packet");
    assert_eq!(
        packet.map(|packet| packet.nsp().to_owned()).as_deref(),
        Some("/")
    );
    assert!(!assembler.is_waiting());
}

#[test]
fn attachments_complete_a_packet() {
    let text = "52-/x,7[\"a\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]";
    let mut assembler = begin(text).expect("it is a packet");
    assert_eq!(assembler.binary(Bytes::from_static(b"one")), Ok(None));
    assert!(assembler.is_waiting());
    let whole = assembler
        .binary(Bytes::from_static(b"two"))
        .expect("taken")
        .expect("complete");
    assert_eq!(whole.attachments(), ["one", "two"].map(Bytes::from));
    match whole.packet() {
        Ok(Packet::Event(event)) => {
            assert_eq!((event.nsp, event.id, event.args.len()), ("/x", Some(7), 2));
        }
        other => panic!("{other:?}"),
    }
    assert!(!assembler.is_waiting());
}

#[test]
fn answers_have_attachments_too() {
    let mut assembler = begin("61-3[{\"_placeholder\":true,\"num\":0}]").expect("it is a packet");
    let whole = assembler
        .binary(Bytes::new())
        .expect("taken")
        .expect("complete");
    assert!(matches!(whole.packet(), Ok(Packet::Ack(ack)) if ack.id == Some(3)));
}

#[test]
fn one_placeholder_twice_and_one_never_are_fine() {
    for text in [
        "51-[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":0}]",
        "51-[\"a\"]",
    ] {
        assert!(
            begin(text)
                .expect("it is a packet")
                .binary(Bytes::new())
                .expect("taken")
                .is_some()
        );
    }
}

#[test]
fn placeholders_must_be_in_range() {
    for num in ["1", "-1", "\"splice\"", "0.5", "null", "1e999"] {
        let text = format!("51-[\"a\",{{\"_placeholder\":true,\"num\":{num}}}]");
        assert_eq!(
            begin(&text).err(),
            Some(AssemblyError::IllegalPlaceholder),
            "{num}"
        );
    }
    let escaped = "51-[\"a\",{\"_\\u0070laceholder\":true,\"num\":5}]";
    assert_eq!(
        begin(escaped).err(),
        Some(AssemblyError::IllegalPlaceholder)
    );
}

#[test]
fn messages_out_of_turn() {
    assert_eq!(
        Assembler::default().binary(Bytes::new()),
        Err(AssemblyError::UnexpectedBinary)
    );
    let mut assembler = begin("55-[\"a\"]").expect("it is a packet");
    assert_eq!(
        assembler.text("2[\"b\"]", MAX),
        Err(AssemblyError::UnexpectedText)
    );
    assert_eq!(
        Assembler::default().text("7", MAX),
        Err(AssemblyError::Packet(DecodeError::UnknownType))
    );
}

#[test]
fn text_and_attachments_share_the_limit() {
    let text = "52-[\"a\"]";
    let half = Bytes::from(vec![0; (MAX - text.len()) / 2]);
    let mut assembler = begin(text).expect("it is a packet");
    assert_eq!(assembler.binary(half.clone()), Ok(None));
    assert!(
        assembler
            .binary(half.clone())
            .expect("exactly the limit")
            .is_some()
    );
    let mut assembler = begin(text).expect("it is a packet");
    assert_eq!(assembler.binary(half), Ok(None));
    let more = Bytes::from(vec![0; MAX / 2]);
    assert_eq!(assembler.binary(more), Err(AssemblyError::TooLarge));
    assert!(!assembler.is_waiting());
    assert_eq!(
        Assembler::default().text(text, 7),
        Err(AssemblyError::TooLarge)
    );
}

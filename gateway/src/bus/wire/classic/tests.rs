use proptest::prelude::*;

use super::super::fixtures::*;
use super::super::*;
use super::*;

const VECTORS: &str = include_str!("../../../../../tests/fixtures/vectors/classic.json");

/// What Node writes as no JSON value would be written: a Date, and `undefined`.
const LOSSY: &str = "classic: emit with Buffer+ArrayBuffer+undefined+Date";

fn chat() -> Channels {
    Channels::new("socket.io", "/chat")
}

fn namespace_of(channel: &str) -> &str {
    channel.split('#').nth(1).unwrap()
}

#[test]
fn captured_messages_are_read_and_written_back() {
    let mut seen = 0;
    for vector in vectors(VECTORS) {
        let Some(payload) = payload(&vector) else {
            continue;
        };
        let section = vector["section"].as_str().unwrap();
        let channel = vector["channel"].as_str().unwrap();
        let channels = Channels::new("socket.io", namespace_of(channel));
        if channel.starts_with("socket.io-response#") {
            check_response(&channels, channel, &payload);
        } else {
            check_command(&channels, channel, section, &payload);
        }
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}

fn check_response(channels: &Channels, channel: &str, payload: &[u8]) {
    let response = decode_response(payload).unwrap();
    let to = channel.strip_prefix(channels.response()).unwrap();
    let to = to.strip_suffix('#');
    let again = encode_response(channels, to, &response).unwrap();
    assert_eq!(again.channel, channel);
    assert_eq!(again.payload, payload, "{response:?}");
}

fn check_command(channels: &Channels, channel: &str, section: &str, payload: &[u8]) {
    let namespace = namespace_of(channel).into();
    let request = channel.starts_with("socket.io-request#");
    let read = |payload: &[u8]| {
        if request {
            decode_request(&namespace, payload).unwrap()
        } else {
            decode_broadcast(payload).unwrap()
        }
    };
    let envelope = read(payload);
    let again = encode(channels, &envelope).unwrap();
    assert_eq!(
        (&*envelope.namespace, &*again.channel),
        (&*namespace, channel)
    );
    assert_eq!(read(&again.payload), envelope, "{section}");
    // The emitter has another order of keys in broadcasts.
    let same = section != LOSSY && (request || &*envelope.from != EMITTER);
    if same {
        assert_eq!(again.payload, payload, "{section}");
    }
}

#[test]
fn a_captured_broadcast_means_what_it_says() {
    let vector = &vectors(VECTORS)[2];
    let envelope = decode_broadcast(&payload(vector).unwrap()).unwrap();
    let Command::Broadcast { data, opts, ack } = envelope.command else {
        panic!("{envelope:?}");
    };
    assert_eq!(data, Data::text(r#"["hello",-5,1.5,300,70000,5000000000]"#));
    assert_eq!(
        (opts.rooms, ack),
        (vec!["room1".into(), "room2".into()], None)
    );
    assert_eq!(opts.except, [Arc::<str>::from("r3")]);
    assert!(opts.flags.volatile && opts.flags.compress == Some(false));

    let vector = vectors(VECTORS)
        .into_iter()
        .find(|it| it["section"] == LOSSY);
    let envelope = decode_broadcast(&payload(&vector.unwrap()).unwrap()).unwrap();
    let Command::Broadcast { data, .. } = envelope.command else {
        panic!("{envelope:?}");
    };
    assert_eq!(
        &*data.json,
        r#"["bin",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},null,"1970-01-01T00:00:00.000Z"]"#
    );
    assert_eq!(data.attachments, [&[1_u8, 2, 3][..], &[4, 5]]);
}

fn broadcast_of(json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    value::to_msgpack(&mut out, out::text(json)).unwrap();
    out
}

#[test]
fn what_peers_leave_out_is_made_up_for() {
    let bytes = broadcast_of(
        r#"["u",{"type":2.0,"data":[7,"x"]},{"rooms":[1,"2",1e21],"flags":null,"x":1}]"#,
    );
    let envelope = decode_broadcast(&bytes).unwrap();
    assert_eq!(&*envelope.namespace, "/");
    let Command::Broadcast { data, opts, .. } = envelope.command else {
        panic!("{envelope:?}");
    };
    assert_eq!(&*data.json, r#"[7,"x"]"#);
    assert_eq!(opts.rooms, ["1", "2", "1e+21"].map(Arc::<str>::from));
    assert_eq!((opts.except, opts.flags), (vec![], Flags::default()));

    let request = br#" {"type":2} "#;
    assert_eq!(
        decode_request(&"/".into(), &request[1..]),
        Err(WireError::Field("requestId"))
    );
    let legacy = br#"{"requestId":"q","type":2,"sid":"s","room":5}"#;
    let command = decode_request(&"/".into(), legacy).unwrap().command;
    let expected = Command::LegacyRoom {
        request: "q".into(),
        socket: "s".into(),
        room: "5".into(),
        join: true,
    };
    assert_eq!(command, expected);
    let answer = br#"{"type":6,"requestId":"q"}"#;
    let reply = decode_response(answer).unwrap().reply;
    assert_eq!(reply, Reply::ServerSideEmit(Data::text("null")));
}

#[test]
fn text_of_json_travels_untouched() {
    let deep = format!("{}{}", "[".repeat(MAX_DEPTH - 1), "]".repeat(MAX_DEPTH - 1));
    for argument in [
        r#""\ud800""#,
        "1e999",
        "-0",
        "1.0",
        "18446744073709551616",
        r#"{"a":1,"a":2}"#,
        &deep,
    ] {
        let text = format!(r#"{{"uid":"u","type":6,"data":["e", {argument}]}}"#);
        let envelope = decode_request(&"/".into(), text.as_bytes()).unwrap();
        let Command::ServerSideEmit { data, .. } = &envelope.command else {
            panic!("{envelope:?}");
        };
        assert_eq!(*data.json, format!(r#"["e", {argument}]"#));
        let again = encode(&chat(), &envelope).unwrap();
        assert_eq!(String::from_utf8(again.payload).unwrap(), text);
    }
}

#[test]
fn hostile_broadcasts_are_refused() {
    for (json, error) in [
        ("{}", WireError::Field("broadcast")),
        ("[]", WireError::Field("broadcast")),
        (
            r#"["u",{"type":2,"data":["a"]}]"#,
            WireError::Field("broadcast"),
        ),
        (
            r#"["u",{"type":2,"data":["a"]},null]"#,
            WireError::Field("opts"),
        ),
        (r#"["u",[],{}]"#, WireError::Field("packet")),
        (r#"["u",{"data":["a"]},{}]"#, WireError::Kind),
        (r#"["u",{"type":1,"data":["a"]},{}]"#, WireError::Kind),
        (r#"["u",{"type":2},{}]"#, WireError::Field("packet.data")),
        (
            r#"["u",{"type":2,"data":[]},{}]"#,
            WireError::Field("packet.data"),
        ),
        (
            r#"["u",{"type":2,"data":"a"},{}]"#,
            WireError::Field("packet.data"),
        ),
        (
            r#"["u",{"type":2,"data":[null]},{}]"#,
            WireError::Field("packet.data"),
        ),
        (
            r#"["u",{"type":2,"data":["connect"]},{}]"#,
            WireError::Field("packet.data"),
        ),
        (
            r#"["u",{"type":2,"data":["a"],"nsp":1},{}]"#,
            WireError::Field("nsp"),
        ),
        (
            r#"["u",{"type":2,"data":["a"]},{"rooms":"r"}]"#,
            WireError::Field("opts.rooms"),
        ),
        (
            r#"["u",{"type":2,"data":["a"]},{"rooms":[[]]}]"#,
            WireError::Field("opts.rooms"),
        ),
        (
            r#"["u",{"type":2,"data":["a"]},{"flags":1}]"#,
            WireError::Field("opts.flags"),
        ),
    ] {
        assert_eq!(decode_broadcast(&broadcast_of(json)), Err(error), "{json}");
    }
    assert_eq!(decode_broadcast(b"{}"), Err(WireError::Length));
    let mut long = broadcast_of(r#"["u",{"type":2,"data":["a"]},{}]"#);
    long.push(0);
    assert_eq!(decode_broadcast(&long), Err(WireError::Length));
}

#[test]
fn hostile_requests_and_responses_are_refused() {
    for (json, error) in [
        ("{", WireError::Malformed),
        (r#"{"type":5}"#, WireError::Field("requestId")),
        (r#"{"type":5,"requestId":"q"}"#, WireError::Field("opts")),
        (r#"{"type":"5"}"#, WireError::Field("type")),
        (r#"{"type":-1}"#, WireError::Field("type")),
        (r#"{"type":99}"#, WireError::Kind),
        (r#"{"type":6,"data":[1,]}"#, WireError::Malformed),
        (r#"{"type":6,"data":{}}"#, WireError::Field("data")),
        (
            r#"{"type":2,"opts":{},"rooms":{}}"#,
            WireError::Field("rooms"),
        ),
        (r#"{"type":2,"opts":{}}"#, WireError::Field("rooms")),
        (r#"{"type":1,"requestId":5}"#, WireError::Field("requestId")),
    ] {
        let read = decode_request(&"/".into(), json.as_bytes());
        assert_eq!(read, Err(error), "{json}");
    }
    for (json, error) in [
        ("{}", WireError::Field("requestId")),
        (
            r#"{"requestId":"q","type":8}"#,
            WireError::Field("clientCount"),
        ),
        (r#"{"requestId":"q","type":10}"#, WireError::Kind),
        (
            r#"{"requestId":"q","sockets":[{"id":1}]}"#,
            WireError::Field("sockets.id"),
        ),
        (
            r#"{"requestId":"q","sockets":["a",1]}"#,
            WireError::Field("sockets"),
        ),
    ] {
        assert_eq!(decode_response(json.as_bytes()), Err(error), "{json}");
    }
    assert_eq!(
        decode_request(&"/".into(), b"{\"\xff\":1}"),
        Err(WireError::Malformed)
    );
}

#[test]
fn what_no_peer_would_take_is_not_sent() {
    let opts = OptsRef::default();
    for json in ["[]", "{}", "[null]", "1", ""] {
        let sent = encode_broadcast("u", "/", out::text(json), opts);
        assert_eq!(sent, Err(WireError::Field("data")), "{json}");
    }
    let envelope = Envelope {
        from: "u".into(),
        namespace: "/".into(),
        command: Command::Heartbeat,
    };
    assert_eq!(encode(&chat(), &envelope), Err(WireError::Kind));
}

fn decode(message: &Message) -> Result<Envelope, WireError> {
    if message.channel == chat().request() {
        decode_request(&"/chat".into(), &message.payload)
    } else {
        decode_broadcast(&message.payload)
    }
}

proptest! {
    #[test]
    fn commands_come_back(envelope in envelope(prop_oneof![shared_command(), classic_command()])) {
        let mut envelope = envelope;
        let message = encode(&chat(), &envelope).unwrap();
        if matches!(envelope.command, Command::LegacyRoom { .. } | Command::LegacyDisconnect { .. }) {
            envelope.from = "".into();
        }
        prop_assert_eq!(decode(&message), Ok(envelope));
    }

    #[test]
    fn responses_come_back(response in response(prop_oneof![shared_reply(), classic_reply()])) {
        let message = encode_response(&chat(), None, &response).unwrap();
        prop_assert_eq!(decode_response(&message.payload), Ok(response));
    }

    #[test]
    fn nothing_panics(
        envelope in envelope(prop_oneof![shared_command(), classic_command()]),
        response in response(prop_oneof![shared_reply(), classic_reply()]),
        (changes, cut) in changes(),
        noise in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let command = encode(&chat(), &envelope).unwrap().payload;
        let response = encode_response(&chat(), None, &response).unwrap().payload;
        let hurt = [mutate(command, &changes, cut), mutate(response, &changes, cut), noise];
        for bytes in hurt {
            let _ = decode_broadcast(&bytes);
            let _ = decode_request(&"/".into(), &bytes);
            let _ = decode_response(&bytes);
        }
    }
}

use proptest::prelude::*;

use super::super::fixtures::*;
use super::super::*;
use super::*;

const VECTORS: &str = include_str!("../../../../../tests/fixtures/vectors/sharded.json");
const MODE: SubscriptionMode = SubscriptionMode::Dynamic;

fn write(dialect: Dialect, incoming: &Incoming, to: &str) -> Message {
    let namespace = match incoming {
        Incoming::Command(envelope) => &envelope.namespace,
        Incoming::Response { namespace, .. } => namespace,
    };
    let channels = Channels::new("socket.io", namespace);
    match incoming {
        Incoming::Command(envelope) => encode(dialect, &channels, MODE, envelope).unwrap(),
        Incoming::Response {
            from,
            namespace,
            response,
        } => encode_response(dialect, &channels, from, to, namespace, response).unwrap(),
    }
}

#[test]
fn captured_messages_are_read_and_written_back() {
    let mut seen = 0;
    for vector in vectors(VECTORS) {
        let Some(payload) = payload(&vector) else {
            continue;
        };
        let channel = vector["channel"].as_str().unwrap();
        let incoming = decode(&payload).unwrap();
        let to = channel.split('#').nth(2).unwrap();
        let again = write(Dialect::Sharded, &incoming, to);
        assert_eq!(
            (again.channel.as_str(), &again.payload),
            (channel, &payload),
            "{vector}"
        );
        let other = write(Dialect::Streams, &incoming, to);
        assert_eq!(decode(&other.payload), Ok(incoming), "{vector}");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn messages_without_data() {
    for (command, text) in [
        (
            Command::InitialHeartbeat,
            r#"{"type":1,"uid":"u","nsp":"/"}"#,
        ),
        (Command::Heartbeat, r#"{"type":2,"uid":"u","nsp":"/"}"#),
        (Command::AdapterClose, r#"{"type":13,"uid":"u","nsp":"/"}"#),
    ] {
        let incoming = Incoming::Command(Envelope {
            from: "u".into(),
            namespace: "/".into(),
            command,
        });
        assert_eq!(
            write(Dialect::Sharded, &incoming, "").payload,
            text.as_bytes()
        );
        assert_eq!(decode(text.as_bytes()), Ok(incoming.clone()));
        let packed = write(Dialect::Streams, &incoming, "").payload;
        assert_eq!(decode(&packed), Ok(incoming));
    }
}

#[test]
fn text_of_json_travels_untouched() {
    let deep = format!("{}{}", "[".repeat(MAX_DEPTH - 1), "]".repeat(MAX_DEPTH - 1));
    let arguments = [
        r#""\ud800""#,
        "1e999",
        "-0",
        "1.0",
        r#"{"a":1,"a":2}"#,
        r#"{"_placeholder":true,"num":0}"#,
        &deep,
    ];
    for argument in arguments {
        let text = format!(
            r#"{{"type":3,"data":{{"packet":{{"type":2,"data":["e", {argument} ]}},"opts":{{"rooms":[],"except":[],"flags":{{}}}}}},"uid":"u","nsp":"/"}}"#
        );
        let incoming = decode(text.as_bytes()).unwrap();
        let again = write(Dialect::Sharded, &incoming, "");
        assert_eq!(String::from_utf8(again.payload).unwrap(), text);
    }
    let deeper = format!(r#"{{"type":9,"data":{{"packet":["e",[{deep}]]}},"uid":"u","nsp":"/"}}"#);
    assert_eq!(decode(deeper.as_bytes()), Err(WireError::Depth));
}

#[test]
fn what_peers_leave_out_is_made_up_for() {
    let text = r#" {"nsp":null,"uid":"u","type":3,"data":{"opts":{"rooms":[5]},"packet":{"data":["e"],"type":2,"nsp":"/"}},"more":[{}]}"#;
    let Ok(Incoming::Command(envelope)) = decode(text.trim_start().as_bytes()) else {
        panic!("it is a command");
    };
    assert_eq!((&*envelope.namespace, &*envelope.from), ("/", "u"));
    let Command::Broadcast { opts, ack, .. } = envelope.command else {
        panic!("it is a broadcast");
    };
    assert_eq!(
        (opts.rooms, opts.except, ack),
        (vec!["5".into()], vec![], None)
    );
}

#[test]
fn hostile_messages_are_refused() {
    for (json, error) in [
        ("{}", WireError::Field("type")),
        (r#"{"type":3,"uid":"u"}"#, WireError::Field("data")),
        (r#"{"type":3}"#, WireError::Field("uid")),
        (r#"{"type":2,"uid":7}"#, WireError::Field("uid")),
        (r#"{"type":99,"uid":"u","data":{}}"#, WireError::Kind),
        (
            r#"{"type":3,"uid":"u","nsp":"/a","data":{"packet":{"type":2,"data":["e"],"nsp":"/b"},"opts":{"rooms":[],"except":[],"flags":{}}}}"#,
            WireError::Namespace,
        ),
        (
            r#"{"type":3,"uid":"u","data":[]}"#,
            WireError::Field("data"),
        ),
        (
            r#"{"type":3,"uid":"u","data":{}}"#,
            WireError::Field("packet"),
        ),
        (
            r#"{"type":3,"uid":"u","data":{"packet":{"type":2,"data":["disconnect"]},"opts":{}}}"#,
            WireError::Field("packet.data"),
        ),
        (
            r#"{"type":3,"uid":"u","data":{"packet":{"type":2,"data":["a"]}}}"#,
            WireError::Field("opts"),
        ),
        (
            r#"{"type":3,"uid":"u","data":{"packet":{"type":2,"data":["a",tru]},"opts":{}}}"#,
            WireError::Malformed,
        ),
        (
            r#"{"type":12,"uid":"u","data":{"packet":1}}"#,
            WireError::Field("requestId"),
        ),
        (
            r#"{"type":8,"uid":"u","data":{"requestId":"q"}}"#,
            WireError::Field("sockets"),
        ),
        (
            r#"{"type":11,"uid":"u","data":{"requestId":"q","clientCount":-1}}"#,
            WireError::Field("clientCount"),
        ),
        (r#"{"type":2,"uid":"u"}x"#, WireError::Malformed),
    ] {
        assert_eq!(decode(json.as_bytes()), Err(error), "{json}");
    }
    for bytes in [
        &b""[..],
        b"\xc1",
        b"\x90",
        b"[]",
        b"\"x\"",
        b"\xdf\xff\xff\xff\xff",
    ] {
        assert!(decode(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn what_the_format_has_not_is_not_sent() {
    let channels = Channels::new("p", "/");
    let envelope = Envelope {
        from: "u".into(),
        namespace: "/".into(),
        command: Command::AllRooms {
            request: "q".into(),
        },
    };
    let sent = encode(Dialect::Sharded, &channels, MODE, &envelope);
    assert_eq!(sent, Err(WireError::Kind));
    let response = Response {
        request: "q".into(),
        reply: Reply::Done,
    };
    let sent = encode_response(Dialect::Sharded, &channels, "u", "v", "/", &response);
    assert_eq!(sent, Err(WireError::Kind));
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::Sharded), Just(Dialect::Streams)]
}

fn incoming() -> impl Strategy<Value = Incoming> {
    prop_oneof![
        envelope(shared_command()).prop_map(Incoming::Command),
        response(shared_reply()).prop_map(|response| Incoming::Response {
            from: "u".into(),
            namespace: "/chat".into(),
            response,
        }),
    ]
}

proptest! {
    #[test]
    fn messages_come_back(incoming in incoming(), dialect in dialect()) {
        let message = write(dialect, &incoming, "v");
        prop_assert_eq!(decode(&message.payload), Ok(incoming));
    }

    #[test]
    fn the_short_way_is_the_same(data in event(), opts in opts(), dialect in dialect()) {
        let short = encode_broadcast(dialect, "u", "/", data.borrow(), opts.borrow()).unwrap();
        let incoming = Incoming::Command(Envelope {
            from: "u".into(),
            namespace: "/".into(),
            command: Command::Broadcast { data, opts, ack: None },
        });
        prop_assert_eq!(write(dialect, &incoming, "").payload, short);
    }

    #[test]
    fn nothing_panics(
        incoming in incoming(),
        dialect in dialect(),
        (changes, cut) in changes(),
        noise in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let _ = decode(&mutate(write(dialect, &incoming, "v").payload, &changes, cut));
        let _ = decode(&noise);
    }
}

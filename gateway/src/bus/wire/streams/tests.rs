use proptest::prelude::*;

use super::super::cluster::{self, Dialect, Incoming, SubscriptionMode};
use super::super::fixtures::*;
use super::super::*;
use super::*;

const VECTORS: &str = include_str!("../../../../../tests/fixtures/vectors/streams.json");

fn captured() -> serde_json::Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn read(pairs: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)]) -> Result<Incoming, WireError> {
    decode(
        pairs
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref())),
    )
}

#[test]
fn captured_entries_are_read_and_written_back() {
    for entry in captured()["xr"].as_array().unwrap() {
        assert!(entry_id(entry[0].as_str().unwrap()).is_some());
        let fields: Vec<&str> = entry[1]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap())
            .collect();
        let pairs: Vec<(&str, &str)> = fields.chunks(2).map(|pair| (pair[0], pair[1])).collect();
        let Ok(Incoming::Command(envelope)) = read(&pairs) else {
            panic!("{entry}");
        };
        let again = encode(&envelope).unwrap().pairs();
        let again: Vec<(&str, &str)> = again
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(again, pairs);
    }
}

/// The text after `start` in the lines of the transcript that contain it and were captured whole.
fn lines(start: &str) -> Vec<String> {
    let lines = captured()["lines"].as_array().unwrap().clone();
    let lines = lines.iter().map(|line| line.as_str().unwrap());
    let lines = lines
        .filter_map(|line| line.split_once(start))
        .filter(|(_, rest)| !rest.ends_with('…'));
    lines.map(|(_, rest)| rest.to_owned()).collect()
}

/// The bytes of a payload as redis-cli's MONITOR prints it.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend(c.to_string().bytes());
            continue;
        }
        match chars.next().unwrap() {
            'x' => {
                let digits: String = chars.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            't' => bytes.push(9),
            'n' => bytes.push(10),
            'r' => bytes.push(13),
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            other => bytes.push(other as u8),
        }
    }
    bytes
}

#[test]
fn captured_pubsub_messages_are_read_and_written_back() {
    let published = lines("| publish socket.io#/# ");
    assert!(!published.is_empty());
    for line in published {
        let payload = unescape(&line);
        let Ok(Incoming::Command(envelope)) = cluster::decode(&payload) else {
            panic!("{line}");
        };
        let channels = cluster::Channels::new("socket.io", "/");
        let mode = SubscriptionMode::Static;
        let again = cluster::encode(Dialect::Streams, &channels, mode, &envelope).unwrap();
        assert_eq!(
            (again.channel.as_str(), again.payload),
            ("socket.io#/#", payload)
        );
    }
}

/// By this a script knows a record of Node's.
const OF_NODE: char = 'h';

#[test]
fn a_captured_session_is_read_and_written_back() {
    for line in lines("| set ") {
        let words: Vec<&str> = line.split(' ').collect();
        let session = Session::decode(words[1].as_bytes()).unwrap();
        assert_eq!(session_key("sio:session:", &session.pid), words[0]);
        assert_eq!((session.rooms.len(), &*session.data), (3, r#"{"k":"v"}"#));
        assert_eq!((&session.user, &session.owner), (&None, &None));
        assert_eq!(session.encode().unwrap(), words[1]);
        assert!(words[1].starts_with(OF_NODE));
    }
    assert_eq!(lines("| set ").len(), 1);
}

#[test]
fn our_own_fields_are_kept() {
    let session = Session {
        sid: "-_sid".into(),
        pid: "pid".into(),
        rooms: vec!["-_sid".into(), "é".into()],
        data: r#"{"a":[1,{"b":null}]}"#.into(),
        user: Some(r#"{"id":18446744073709551615}"#.into()),
        owner: Some("pod-1".into()),
        position: Some("1-2".into()),
        namespace: Some("/a".into()),
        since: Some("1-1".into()),
        last: Some("1-1".into()),
        entered: Some("1-1 1-2".into()),
    };
    let text = session.encode().unwrap();
    assert_eq!(Session::decode(text.as_bytes()), Ok(session.clone()));
    for is_saved in [false, true] {
        let session = Session {
            owner: session.owner.clone().filter(|_| !is_saved),
            ..session.clone()
        };
        assert!(!session.encode().unwrap().starts_with(OF_NODE));
    }
}

#[test]
fn hostile_sessions_and_entries_are_refused() {
    for (value, error) in [
        ("", WireError::Length),
        ("!", WireError::Malformed),
        ("gA==", WireError::Field("sid")),
        ("kA==", WireError::Field("session")),
        ("3/////8=", WireError::Length),
    ] {
        assert_eq!(Session::decode(value.as_bytes()), Err(error), "{value}");
    }
    for (pairs, error) in [
        (&[][..], WireError::Field("type")),
        (
            &[("type", "x"), ("uid", "u"), ("nsp", "/")],
            WireError::Field("type"),
        ),
        (&[("type", "2"), ("uid", "u")], WireError::Field("nsp")),
        (&[("type", "2"), ("nsp", "/")], WireError::Field("uid")),
        (
            &[("type", "3"), ("uid", "u"), ("nsp", "/")],
            WireError::Field("data"),
        ),
        (
            &[("type", "3"), ("uid", "u"), ("nsp", "/"), ("data", "{")],
            WireError::Malformed,
        ),
        (
            &[("type", "3"), ("uid", "u"), ("nsp", "/"), ("data", "?")],
            WireError::Malformed,
        ),
        (
            &[("type", "99"), ("uid", "u"), ("nsp", "/"), ("data", "{}")],
            WireError::Kind,
        ),
    ] {
        assert_eq!(read(pairs), Err(error), "{pairs:?}");
    }
}

proptest! {
    #[test]
    fn entries_come_back(envelope in envelope(shared_command())) {
        let pairs = encode(&envelope).unwrap().pairs();
        prop_assert_eq!(read(&pairs), Ok(Incoming::Command(envelope)));
    }

    #[test]
    fn the_short_way_is_the_same(data in event(), opts in opts()) {
        let short = encode_broadcast("u", "/", data.borrow(), opts.borrow()).unwrap();
        let envelope = Envelope {
            from: "u".into(),
            namespace: "/".into(),
            command: Command::Broadcast { data: data.clone(), opts: opts.clone(), ack: None },
        };
        prop_assert_eq!(encode(&envelope).unwrap(), short);
    }

    #[test]
    fn nothing_panics(
        envelope in envelope(shared_command()),
        (changes, cut) in changes(),
        noise in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let pairs = encode(&envelope).unwrap().pairs();
        let hurt: Vec<(&str, Vec<u8>)> = pairs
            .into_iter()
            .map(|(name, value)| (name, mutate(value.into_bytes(), &changes, cut)))
            .collect();
        let _ = read(&hurt);
        let entry: [(&[u8], &[u8]); 4] = [(b"uid", b"u"), (b"nsp", b"/"), (b"type", b"3"), (b"data", &noise)];
        let _ = decode(entry);
        let _ = Session::decode(&noise);
        let _ = Session::decode(base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &noise).as_bytes());
    }
}

use std::time::Instant;

use super::*;
use crate::bus::{broadcast::Source, redis::Kind, wire::Reply};
use crate::target::Target;

const MODES: [Mode; 3] = [Mode::Classic, Mode::Sharded, Mode::Streams];

fn format(mode: Mode) -> Format {
    let names = streams::Names::new("socket.io".to_owned(), 1);
    Format::new(mode, "socket.io", SubscriptionMode::Dynamic, names)
}

/// The verb, the channel or stream, and for messages the payload.
fn said(publish: &Publish) -> (String, String, Bytes) {
    let words = publish.words();
    let text = |index: usize| String::from_utf8(words[index].clone()).unwrap();
    (text(0), text(1), Bytes::from(words[2].clone()))
}

/// What another server takes it for.
fn heard(by: &Format, publish: &Publish) -> Result<Heard, WireError> {
    let (verb, channel, payload) = said(publish);
    let kind = match &*verb {
        "SPUBLISH" => Kind::Sharded,
        "PUBLISH" if channel.starts_with("socket.io#") && by.mode == Mode::Classic => Kind::Pattern,
        "PUBLISH" => Kind::Channel,
        _ => {
            // XADD stream MAXLEN ~ n * name value…
            let words = publish.words();
            let fields = words[6..].chunks(2).map(|pair| (&*pair[0], &*pair[1]));
            return streams::decode(fields).map(|incoming| by.incoming(incoming));
        }
    };
    by.hear(kind, &channel, &payload)
}

fn command(heard: Result<Heard, WireError>) -> (Command, Origin) {
    match heard.unwrap() {
        Heard::Command(envelope, origin) => (envelope.command, origin),
        Heard::Response(..) => panic!("a response"),
        Heard::Nothing => panic!("nothing"),
    }
}

fn is_nothing(heard: &Result<Heard, WireError>) -> bool {
    matches!(heard, Ok(Heard::Nothing))
}

fn broadcast(rooms: &[&str]) -> Broadcast {
    let packet = br#"42/chat,["news",{"a":1}]"#;
    let mut frames = vec![0x81, packet.len() as u8];
    frames.extend_from_slice(packet);
    let target = Target {
        rooms: rooms.iter().map(|room| Arc::from(*room)).collect(),
        ..Target::all("/chat")
    };
    Broadcast::new(target, Bytes::from(frames), Instant::now(), Source::Client)
}

#[test]
fn where_broadcasts_go() {
    for (mode, rooms, expected) in [
        (Mode::Classic, vec![], "PUBLISH socket.io#/chat#"),
        (Mode::Classic, vec!["r"], "PUBLISH socket.io#/chat#r#"),
        (Mode::Classic, vec!["r", "s"], "PUBLISH socket.io#/chat#"),
        (Mode::Sharded, vec![], "SPUBLISH socket.io#/chat#"),
        (Mode::Sharded, vec!["r"], "SPUBLISH socket.io#/chat#r#"),
        (Mode::Sharded, vec!["r", "s"], "SPUBLISH socket.io#/chat#"),
        (Mode::Streams, vec!["r"], "XADD socket.io"),
    ] {
        let (ours, other) = (format(mode), format(mode));
        let publish = ours.broadcast(&broadcast(&rooms), None).unwrap();
        let (verb, channel, _) = said(&publish);
        assert_eq!(format!("{verb} {channel}"), expected);
        let (told, origin) = command(heard(&other, &publish));
        let Command::Broadcast {
            data,
            opts,
            ack: None,
        } = told
        else {
            panic!("{told:?}");
        };
        assert_eq!(&*data.json, r#"["news",{"a":1}]"#, "{mode:?}");
        assert_eq!(opts.rooms.len(), rooms.len());
        assert!(!origin.is_emitter);
        assert!(is_nothing(&heard(&ours, &publish)), "{mode:?} hears itself");
    }
}

#[test]
fn commands_reach_the_others_and_not_ourselves() {
    let opts = || Opts {
        rooms: vec!["r".into()],
        ..Opts::default()
    };
    let commands = [
        Command::Join {
            opts: opts(),
            rooms: vec!["s".into()],
        },
        Command::Leave {
            opts: opts(),
            rooms: vec!["s".into()],
        },
        Command::Disconnect {
            opts: opts(),
            close: true,
        },
        Command::FetchSockets {
            request: "abcdef".into(),
            opts: opts(),
        },
        Command::ServerSideEmit {
            request: Some("abcdef".into()),
            data: Data::text(r#"["e",1]"#),
        },
        Command::ServerSideEmit {
            request: None,
            data: Data::text(r#"["e",1]"#),
        },
    ];
    for mode in MODES {
        let (ours, other) = (format(mode), format(mode));
        for wanted in &commands {
            let publish = ours.command(&"/chat".into(), wanted.clone()).unwrap();
            let (told, _) = command(heard(&other, &publish));
            assert_eq!(&told, wanted, "{mode:?}");
            assert!(
                is_nothing(&heard(&ours, &publish)),
                "{mode:?} hears itself: {wanted:?}"
            );
        }
    }
}

#[test]
fn answers_come_to_who_asked() {
    for (mode, verb) in [
        (Mode::Classic, "PUBLISH"),
        (Mode::Sharded, "SPUBLISH"),
        (Mode::Streams, "PUBLISH"),
    ] {
        let (ours, other) = (format(mode), format(mode));
        let request = Command::FetchSockets {
            request: "abcdef".into(),
            opts: Opts::default(),
        };
        let asked = ours.command(&"/chat".into(), request).unwrap();
        let (_, origin) = command(heard(&other, &asked));
        let response = Response {
            request: "abcdef".into(),
            reply: Reply::Sockets(Vec::new()),
        };
        let answer = other.response(&origin, &response).unwrap();
        let (said_by, channel, _) = said(&answer);
        assert_eq!(said_by, verb);
        let subscribed =
            ours.subscriptions("/chat")
                .into_iter()
                .any(|subscription| match subscription {
                    Subscription::Channel(name) | Subscription::Sharded(name) => name == channel,
                    Subscription::Pattern(_) => false,
                });
        assert!(subscribed, "{mode:?} does not listen to {channel}");
        match heard(&ours, &answer).unwrap() {
            Heard::Response(from, found) => {
                assert_eq!(found, response, "{mode:?}");
                assert_eq!(from.is_some(), mode != Mode::Classic);
            }
            _ => panic!("{mode:?}: no response"),
        }
    }
}

#[test]
fn what_each_mode_listens_to() {
    for (mode, count, sharded) in [
        (Mode::Classic, 4, 0),
        (Mode::Sharded, 4, 2),
        (Mode::Streams, 4, 0),
    ] {
        let ours = format(mode);
        let all = ours.subscriptions("/chat");
        // Classic emitters, and requests of classic servers, are heard in every mode.
        assert!(
            all.contains(&Subscription::Pattern("socket.io#/chat#*".to_owned())),
            "{all:?}"
        );
        assert!(all.contains(&Subscription::Channel(
            "socket.io-request#/chat#".to_owned()
        )));
        let found = all
            .iter()
            .filter(|one| matches!(one, Subscription::Sharded(_)))
            .count();
        assert_eq!((all.len(), found), (count, sharded), "{mode:?}");
        let room = ours.room_subscription("/chat", "r");
        assert_eq!(room.is_some(), mode == Mode::Sharded);
        assert_eq!(ours.streams().is_empty(), mode != Mode::Streams);
        assert_eq!(ours.hears() == Hears::Everything, mode != Mode::Sharded);
    }
}

#[test]
fn a_classic_emitter_is_heard_in_every_mode() {
    let data = DataRef {
        json: r#"["e",1]"#,
        attachments: &[],
    };
    let opts = OptsRef {
        rooms: &[],
        except: &[],
        flags: Flags::default(),
    };
    let bytes: Bytes = classic::encode_broadcast(EMITTER, "/chat", data, opts)
        .unwrap()
        .into();
    for mode in MODES {
        let ours = format(mode);
        let (_, origin) = command(ours.hear(Kind::Pattern, "socket.io#/chat#", &bytes));
        assert!(origin.is_emitter && origin.classic, "{mode:?}");
        // On the channel of another namespace it is nobody's.
        assert!(is_nothing(&ours.hear(
            Kind::Pattern,
            "socket.io#/other#",
            &bytes
        )));
    }
}

#[test]
fn nonsense_is_refused() {
    for mode in MODES {
        let ours = format(mode);
        for (kind, channel) in [
            (Kind::Pattern, "socket.io#/chat#"),
            (Kind::Channel, "socket.io-request#/chat#"),
            (Kind::Channel, "socket.io-request#/chat"),
            (Kind::Channel, "socket.io-response#/chat#"),
            (Kind::Channel, "socket.io#/chat#"),
            (Kind::Sharded, "socket.io#/chat#"),
        ] {
            for payload in [
                &b""[..],
                b"{",
                b"\x93",
                b"\xff\xff",
                b"[1,2]",
                b"{\"type\":99}",
            ] {
                let heard = ours.hear(kind, channel, &Bytes::copy_from_slice(payload));
                assert!(
                    matches!(heard, Err(_) | Ok(Heard::Nothing)),
                    "{mode:?} {kind:?} {payload:?}"
                );
            }
        }
        let entry: [(&[u8], &[u8]); 1] = [(b"type", b"x")];
        assert!(streams::decode(entry).is_err());
    }
}

#[test]
fn the_probe_is_ours_alone() {
    let (ours, other) = (format(Mode::Sharded), format(Mode::Sharded));
    let (_, channel, _) = said(&ours.probe());
    assert_eq!(
        ours.probe_subscription(),
        Subscription::Channel(channel.clone())
    );
    assert!(ours.is_probe(&channel) && !other.is_probe(&channel));
}

#[test]
fn what_names_another_namespace_than_its_channel_is_refused() {
    let message = |namespace: &str| {
        let text = format!(
            r#"{{"type":3,"data":{{"packet":{{"type":2,"data":["e"]}},"opts":{{"rooms":[],"except":[],"flags":{{}}}}}},"uid":"u","nsp":"{namespace}"}}"#
        );
        Bytes::from(text)
    };
    for (mode, kind) in [
        (Mode::Sharded, Kind::Sharded),
        (Mode::Streams, Kind::Channel),
    ] {
        let ours = format(mode);
        for (channel, namespace, fits) in [
            ("socket.io#/chat#", "/chat", true),
            ("socket.io#/chat#room#", "/chat", true),
            ("socket.io#/chat#", "/admin", false),
            ("socket.io#/#", "/chat", false),
            ("other#/chat#", "/chat", false),
        ] {
            let heard = ours.hear(kind, channel, &message(namespace));
            assert_eq!(heard.is_ok(), fits, "{channel} {namespace}");
            assert!(fits || matches!(heard, Err(WireError::Namespace)));
        }
    }
}

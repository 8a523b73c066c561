//! What tests of all formats share: the bytes of Node peers, and arbitrary commands and replies.

use proptest::prelude::*;

use super::*;

/// The objects of a file of captured messages.
pub(super) fn vectors(text: &str) -> Vec<serde_json::Value> {
    serde_json::from_str(text).unwrap()
}

/// The bytes of a captured message, if it is one.
pub(super) fn payload(vector: &serde_json::Value) -> Option<Vec<u8>> {
    let field = |name| vector[name].as_str();
    match field("hex") {
        Some(hex) => Some(unhex(hex)),
        None => {
            let text = field("payload").or(field("decoded"))?;
            field("enc").map(|_| text.as_bytes().to_vec())
        }
    }
}

pub(super) fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn name() -> impl Strategy<Value = Box<str>> {
    "[a-zA-Z0-9_\\-é\"]{1,8}".prop_map(Into::into)
}

fn rooms() -> impl Strategy<Value = Vec<Arc<str>>> {
    prop::collection::vec(".{0,8}".prop_map(Arc::from), 0..4)
}

fn flags() -> impl Strategy<Value = Flags> {
    let timeout = prop::option::of(0..1_u64 << 53);
    let mark = prop::option::of(any::<u64>());
    (
        any::<bool>(),
        any::<Option<bool>>(),
        timeout,
        any::<bool>(),
        mark,
    )
        .prop_map(
            |(volatile, compress, timeout, expect_single_response, mark)| Flags {
                volatile,
                compress,
                timeout,
                expect_single_response,
                mark,
            },
        )
}

pub(super) fn opts() -> impl Strategy<Value = Opts> {
    (rooms(), rooms(), flags()).prop_map(|(rooms, except, flags)| Opts {
        rooms,
        except,
        flags,
    })
}

fn bare_opts() -> impl Strategy<Value = Opts> {
    opts().prop_map(|opts| Opts {
        flags: Flags::default(),
        ..opts
    })
}

/// An event in the text that a MessagePack peer would be read as, so that it survives either notation.
pub(super) fn event() -> impl Strategy<Value = Data> {
    let bytes = prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    (".{0,6}", -9_i64..9, prop::collection::vec(bytes, 0..3)).prop_map(
        |(text, number, attachments)| {
            let mut json = serde_json::json!(["event", text, number, {"k": [null, 1.5]}]);
            for num in 0..attachments.len() {
                let place = serde_json::json!({"_placeholder": true, "num": num});
                json.as_array_mut().unwrap().push(place);
            }
            Data {
                json: json.to_string().into(),
                attachments,
            }
        },
    )
}

/// Commands of all formats.
pub(super) fn shared_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (event(), opts(), prop::option::of(name()))
            .prop_map(|(data, opts, ack)| { Command::Broadcast { data, opts, ack } }),
        (bare_opts(), rooms()).prop_map(|(opts, rooms)| Command::Join { opts, rooms }),
        (bare_opts(), rooms()).prop_map(|(opts, rooms)| Command::Leave { opts, rooms }),
        (bare_opts(), any::<bool>()).prop_map(|(opts, close)| Command::Disconnect { opts, close }),
        (name(), bare_opts()).prop_map(|(request, opts)| Command::FetchSockets { request, opts }),
        (prop::option::of(name()), event())
            .prop_map(|(request, data)| Command::ServerSideEmit { request, data }),
    ]
}

/// Commands of the classic format alone.
pub(super) fn classic_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (name(), rooms()).prop_map(|(request, rooms)| Command::SocketIds { request, rooms }),
        name().prop_map(|request| Command::AllRooms { request }),
        (name(), name(), name(), any::<bool>()).prop_map(|(request, socket, room, join)| {
            Command::LegacyRoom {
                request,
                socket,
                room: room.into(),
                join,
            }
        }),
        (name(), name(), any::<bool>()).prop_map(|(request, socket, close)| {
            Command::LegacyDisconnect {
                request,
                socket,
                close,
            }
        }),
    ]
}

pub(super) fn envelope(command: impl Strategy<Value = Command>) -> impl Strategy<Value = Envelope> {
    (name(), command).prop_map(|(from, command)| Envelope {
        from,
        namespace: "/chat".into(),
        command,
    })
}

fn socket() -> impl Strategy<Value = RemoteSocket> {
    (name(), rooms()).prop_map(|(id, rooms)| RemoteSocket {
        id,
        handshake: r#"{"issued":1795372434827,"auth":{}}"#.into(),
        rooms,
        data: r#"{"a":[1.5,null]}"#.into(),
    })
}

/// Replies of all formats.
pub(super) fn shared_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        prop::collection::vec(socket(), 0..3).prop_map(Reply::Sockets),
        event().prop_map(Reply::ServerSideEmit),
        (0..1_u64 << 53).prop_map(Reply::ClientCount),
        event().prop_map(Reply::Ack),
    ]
}

/// Replies of the classic format alone.
pub(super) fn classic_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        prop::collection::vec(name(), 1..4).prop_map(Reply::SocketIds),
        rooms().prop_map(Reply::Rooms),
        Just(Reply::Done),
    ]
}

pub(super) fn response(reply: impl Strategy<Value = Reply>) -> impl Strategy<Value = Response> {
    (name(), reply).prop_map(|(request, reply)| Response { request, reply })
}

/// A valid message with some bytes changed, and perhaps cut.
pub(super) fn mutate(mut bytes: Vec<u8>, changes: &[(usize, u8)], cut: usize) -> Vec<u8> {
    for (at, byte) in changes {
        let len = bytes.len().max(1);
        if let Some(place) = bytes.get_mut(at % len) {
            *place = *byte;
        }
    }
    bytes.truncate(bytes.len().saturating_sub(cut));
    bytes
}

/// What to change in a message.
pub(super) fn changes() -> impl Strategy<Value = (Vec<(usize, u8)>, usize)> {
    let change = (any::<usize>(), any::<u8>());
    (prop::collection::vec(change, 0..4), 0_usize..3)
}

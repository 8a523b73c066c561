//! What somebody may write into Redis who knows the channels but not the formats, or too well.

use carillon_tests::cluster::{Mode, Setup};
use carillon_tests::resp::Client;
use serde_json::{Value, json};

/// Bytes for channels and values of streams.
pub(super) struct Frames {
    prefix: String,
    mode: Mode,
}

/// Names that clients take for their own events.
pub(super) const RESERVED: [&str; 5] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
];
/// Deeper than anything may be.
const DEEP: usize = 5000;

impl Frames {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            prefix: setup.prefix.clone(),
            mode: setup.mode,
        }
    }

    /// Publishes all of them by all ways; returns how many that were.
    pub(super) fn publish(&self, redis: &mut Client) -> usize {
        let mut count = 0;
        for (verb, channel) in self.channels() {
            for payload in payloads() {
                let command = [verb.as_bytes(), channel.as_bytes(), &payload];
                redis.command(&command).unwrap();
                count += 1;
            }
        }
        if self.mode == Mode::Streams {
            for fields in entries() {
                let stream = format!("{}-stream", self.prefix);
                let mut command = vec![b"XADD".to_vec(), stream.into_bytes(), b"*".to_vec()];
                command.extend(fields);
                redis.command(&command).unwrap();
                count += 1;
            }
        }
        count
    }

    fn channels(&self) -> Vec<(&'static str, String)> {
        let prefix = &self.prefix;
        let mut all = Vec::new();
        for namespace in ["/", "/chat"] {
            let of = |rest: &str| format!("{prefix}{rest}#{namespace}#");
            all.extend(
                [of(""), of("-request"), of("-response")].map(|channel| ("PUBLISH", channel)),
            );
            all.extend(
                ["room-a", "nobody", "a#b", ""].map(|room| ("PUBLISH", of("") + room + "#")),
            );
            if self.mode == Mode::Sharded {
                all.extend([of(""), of("") + "room-a#"].map(|channel| ("SPUBLISH", channel)));
            }
        }
        all.push(("PUBLISH", format!("{prefix}#")));
        all.push(("PUBLISH", format!("{prefix}-request#")));
        all
    }
}

fn payloads() -> Vec<Vec<u8>> {
    let mut all = garbage();
    all.extend(shapes().iter().map(|shape| shape.to_string().into_bytes()));
    all.extend(shapes().iter().map(msgpack));
    for shape in broadcasts() {
        let whole = msgpack(&shape);
        // Cut anywhere, and with something behind.
        let cuts = (0..whole.len().min(400)).step_by(7);
        all.extend(cuts.map(|at| whole[..at].to_vec()));
        all.push([&whole[..], b"more"].concat());
        all.push(whole);
    }
    all
}

fn garbage() -> Vec<Vec<u8>> {
    let mut seed: u32 = 1;
    let mut byte = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let mut all: Vec<Vec<u8>> = (0..64)
        .map(|length| (0..length).map(|_| byte()).collect())
        .collect();
    all.extend([
        vec![0x91; DEEP],
        [0x81, 0xa1, b'a'].repeat(DEEP),
        vec![b'['; DEEP],
        [vec![b'['; DEEP], vec![b']'; DEEP]].concat(),
        br#"{"a":"#.repeat(DEEP),
        // Lengths that are not there.
        vec![0xdd, 0xff, 0xff, 0xff, 0xff],
        vec![0xdf, 0xff, 0xff, 0xff, 0xff],
        vec![0xc6, 0xff, 0xff, 0xff, 0xff, 1],
        vec![0xdb, 0xff, 0xff, 0xff, 0xff],
        vec![
            0x93, 0xa6, b'a', b'b', b'c', b'd', b'e', b'f', 0xdf, 0x7f, 0xff, 0xff, 0xff,
        ],
        vec![0xc1],
        vec![0; 100_000],
        "null".into(),
        "\u{feff}{}".into(),
        b"{\"type\":3,\"type\":3".to_vec(),
        b"\"\\ud800\"".to_vec(),
    ]);
    all
}

/// Documents of a kind that no server sends.
fn shapes() -> Vec<Value> {
    let mut all = vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(""),
        json!([]),
        json!({}),
        json!([[[]]]),
    ];
    for number in -1..16 {
        all.push(json!({ "type": number }));
        all.push(json!({ "type": number, "requestId": 7, "uid": [], "rooms": "all", "opts": 1 }));
        all.push(json!({ "uid": "x", "nsp": "/", "type": number, "data": null }));
        all.push(json!({ "uid": "x", "nsp": "/", "type": number, "data": { "opts": { "rooms": ["nobody"] }, "packet": [], "rooms": {}, "requestId": [] } }));
        all.push(json!({ "uid": 5, "nsp": {}, "type": number, "data": { "requestId": "nobody's", "responses": 5 } }));
        all.push(json!({ "requestId": "nobody's", "type": number, "sockets": [[1], {}], "clientCount": -5 }));
    }
    all.push(json!({ "requestId": "nobody's", "clientCount": 1e300 }));
    all.push(json!({ "requestId": "nobody's", "packet": deep(1000) }));
    all
}

/// Broadcasts of the classic adapter and of the others that are nearly right.
fn broadcasts() -> Vec<Value> {
    let mut packets = vec![
        json!({ "type": 2, "nsp": "/", "data": [] }),
        json!({ "type": 2, "nsp": "/", "data": "wrong" }),
        json!({ "type": 2, "nsp": "/", "data": [null] }),
        json!({ "type": 2, "nsp": "/", "data": ["deep", deep(1000)] }),
        json!({ "type": 2, "nsp": "/nowhere", "data": ["wrong"] }),
        json!({ "type": 2, "nsp": "no slash", "data": ["wrong"] }),
        json!({ "type": 2, "nsp": "/".repeat(5000), "data": ["wrong"] }),
        json!({ "type": 4, "nsp": "/", "data": { "message": "wrong" } }),
        json!({ "type": 1, "nsp": "/" }),
        json!({ "type": 0, "nsp": "/", "data": { "sid": "wrong" } }),
        json!({ "type": 99, "nsp": "/", "data": ["wrong"] }),
        json!({ "nsp": "/", "data": 1 }),
        json!({ "type": 2, "nsp": "/", "data": ["wrong", bytes(11)] }),
        json!({ "type": 2, "nsp": "/", "data": ["wrong", { "_placeholder": true, "num": 5 }, bytes(1)] }),
    ];
    packets.extend(RESERVED.map(|name| json!({ "type": 2, "nsp": "/", "data": [name, "wrong"] })));
    let mut all = Vec::new();
    for packet in packets {
        let to = json!({ "rooms": [], "except": [], "flags": {} });
        all.push(json!(["wrongs", packet, to]));
        all.push(json!({ "uid": "wrong", "nsp": packet["nsp"], "type": 3, "data": { "packet": packet, "opts": to } }));
    }
    let packet = json!({ "type": 2, "nsp": "/", "data": ["for nobody"] });
    let rooms: Vec<String> = (0..20_000).map(|room| format!("nobody-{room}")).collect();
    for opts in [
        json!({ "rooms": rooms, "except": rooms }),
        json!({ "rooms": [1, {}, null, deep(600)] }),
        json!({ "rooms": "room-a", "except": 5, "flags": [] }),
        json!([]),
        json!(null),
    ] {
        all.push(json!(["wrongs", packet, opts]));
        all.push(json!({ "uid": "wrong", "nsp": "/", "type": 3, "data": { "packet": packet, "opts": opts } }));
    }
    all
}

/// Fields of entries, one after the other.
fn entries() -> Vec<Vec<Vec<u8>>> {
    let entry = |kind: &str, data: Vec<u8>| {
        let fields: [&[u8]; 8] = [
            b"uid",
            b"wrong",
            b"nsp",
            b"/",
            b"type",
            kind.as_bytes(),
            b"data",
            &data,
        ];
        fields.map(<[u8]>::to_vec).to_vec()
    };
    let mut all = vec![
        vec![b"a".to_vec(), b"b".to_vec()],
        vec![vec![0xff; 10], vec![0xfe; 10]],
        vec![b"uid".to_vec(), vec![0xff; 10]],
        entry("3", Vec::new()),
        entry("3", b"AAAA".to_vec()),
        entry("", b"{}".to_vec()),
        entry("99999999999999999999", b"{}".to_vec()),
    ];
    all.extend(garbage().into_iter().map(|payload| entry("3", payload)));
    // In JSON these are plain objects, and the namespace is that of the entry.
    let is_wrong = |shape: &Value| {
        let nsp = shape.get("nsp").is_none_or(|nsp| nsp == "/");
        nsp && !shape.to_string().contains("$bytes")
    };
    for shape in shapes().into_iter().chain(broadcasts()).filter(is_wrong) {
        for kind in ["3", "4", "5", "6", "9", "10", "-1", "three"] {
            // Joins and the like of nothing at all are taken; the data of broadcasts is what is wrong.
            let data = if shape["data"]["packet"].is_object() {
                &shape["data"]
            } else {
                &shape
            };
            if kind == "3" || !data.is_object() {
                all.push(entry(kind, data.to_string().into_bytes()));
            }
        }
    }
    all
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

/// A list of binary values; [`msgpack`] makes them of this.
fn bytes(count: usize) -> Value {
    Value::Array(vec![json!({ "$bytes": 3 }); count])
}

/// As the packages of Node write it, roughly: any type may be longer than it must.
fn msgpack(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    let head = |out: &mut Vec<u8>, kind: u8, length: usize| {
        out.push(kind);
        out.extend((length as u32).to_be_bytes());
    };
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(value) => out.push(0xc2 + u8::from(*value)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => {
                out.push(0xd3);
                out.extend(number.to_be_bytes());
            }
            None => {
                out.push(0xcb);
                out.extend(number.as_f64().unwrap().to_be_bytes());
            }
        },
        Value::String(text) => {
            head(out, 0xdb, text.len());
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(out, 0xdd, items.len());
            items.iter().for_each(|item| write(out, item));
        }
        Value::Object(fields) if fields.contains_key("$bytes") => {
            head(out, 0xc6, 3);
            out.extend([1, 2, 3]);
        }
        Value::Object(fields) => {
            head(out, 0xdf, fields.len());
            for (name, field) in fields {
                write(out, &json!(name));
                write(out, field);
            }
        }
    }
}

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use carillon_crds::compile::{development, load};

use super::*;
use crate::socket::packet::{self, Packet};

/// The rooms of a socket.
struct In(BTreeSet<String>);

impl Rooms for In {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn contains(&self, room: &str) -> bool {
        self.0.contains(room)
    }
}

/// A socket in `/`, with what `decide` needs.
struct Socket {
    rules: NamespaceRules,
    state: SocketState,
    start: Instant,
    rooms: In,
    kept: Kept,
}

impl Socket {
    fn new(text: &str) -> Self {
        let book = load(text).unwrap_or_else(|faults| panic!("{faults}"));
        Self::of(&book, "/")
    }

    fn of(book: &Rulebook, name: &str) -> Self {
        let rules = NamespaceRules::find(book, name).expect("declared");
        let query = [("lang", "de"), ("lang", "en"), ("secret", "x")];
        let auth = r#"{"token":"t","deep":{"a":[1],"b":2},"x":3}"#;
        let kept = Kept::new(&rules.rules, Some(auth), query.into_iter());
        let rooms = In(BTreeSet::new());
        Self {
            rules,
            state: SocketState::default(),
            start: Instant::now(),
            rooms,
            kept,
        }
    }

    /// What the event `["name",…]` does, as text.
    fn send(&mut self, millis: u64, event: &str) -> String {
        self.send_with(millis, event, &[])
    }

    fn send_with(&mut self, millis: u64, event: &str, attachments: &[Bytes]) -> String {
        let head = match attachments.len() {
            0 => "21".to_owned(),
            count => format!("5{count}-1"),
        };
        let text = head + event;
        let Ok(Packet::Event(event)) = packet::decode(&text) else {
            panic!("no event: {text}")
        };
        let call = Call {
            event: &event.name,
            args: &event.args,
            attachments,
            wants_ack: true,
        };
        let facts = Facts {
            socket_id: "-_socket",
            kept: &self.kept,
            rooms: &self.rooms,
        };
        let now = self.start + Duration::from_millis(millis);
        match decide(&self.rules, &mut self.state, now, &call, &facts) {
            Err(refusal) => refusal.to_string(),
            Ok(effects) => shown(&effects),
        }
    }
}

fn shown(effects: &Effects<'_>) -> String {
    let Effects {
        leave,
        join,
        replay,
        publish,
        ack,
    } = effects;
    let mut words: Vec<String> = leave.iter().map(|room| format!("-{room}")).collect();
    words.extend(join.iter().map(|room| format!("+{room}")));
    if *replay > 0 {
        words.push(format!("replay {replay}"));
    }
    for Publication {
        scope,
        except,
        event,
        payload,
        to_self,
        volatile,
    } in publish
    {
        let event = match event {
            EventName::Same => "same",
            EventName::Other(name) => name,
            EventName::Argument(name) => name,
        };
        let to = match scope {
            Scope::Rooms(rooms) => rooms.join("|"),
            Scope::Namespace => "all".to_owned(),
            Scope::Sender => "me".to_owned(),
        };
        let mut flags = if *to_self {
            " self".to_owned()
        } else {
            String::new()
        };
        flags += if *volatile { " volatile" } else { "" };
        flags += &except
            .iter()
            .map(|room| format!(" !{room}"))
            .collect::<String>();
        words.push(format!("{event} to {to}{flags} {}", payload_shown(payload)));
    }
    words.push(format!(
        "ack {}",
        ack.as_ref().map(payload_shown).unwrap_or_default()
    ));
    words.join("; ")
}

fn payload_shown(payload: &Payload<'_>) -> String {
    match payload {
        Payload::Same => "same".to_owned(),
        Payload::Text { args, attachments } => attachments
            .iter()
            .fold(format!("({args})"), |text, data| format!("{text}{data:?}")),
    }
}

#[test]
fn effects() {
    let mut socket = Socket::new(
        r#"
        schemas: { id: { type: string, pattern: "^[a-z]+$" } }
        namespaces:
        - name: /
          history: { size: 5, ttl: 1h }
          events:
          - { name: join, args: [{ $ref: "\#/schemas/id" }], leave: [lobby], join: ["r-{0}", "s-{socket.id}"], replay: 2 }
          - { name: say, publish: [{ to: ["r-{0.room}"], except: [quiet] }] }
          - { name: all, publish: [{ scope: namespace, event: other, args: ["{0}"], self: true, volatile: true }, { scope: self, args: [1, { a: "x{1}" }] }] }
          - { name: echo, ack: { args: true } }
          - { name: who, ack: { values: ["{auth.deep.a}", "{query.lang}", "{auth.token}-{ns.name}"] } }
          - { name: nothing }
        "#
        .replace("\\#", "#")
        .as_str(),
    );
    for (event, expected) in [
        (
            r#"["join","a"]"#,
            "-lobby; +r-a; +s--_socket; replay 2; ack ()",
        ),
        (
            r#"["join","A"]"#,
            "invalid: /0: value does not match \"^[a-z]+$\"",
        ),
        (r#"["join"]"#, "invalid: expected 1 arguments, got 0"),
        (r#"["say",{"room":7}]"#, "same to r-7 !quiet same; ack ()"),
        (
            r#"["say",{"room":null}]"#,
            "invalid: {0.room} is missing, or not a text, number or boolean",
        ),
        (
            r#"["all", {"n" : 1e400} ,true]"#,
            "\"other\" to all self volatile ({\"n\" : 1e400}); same to me self (1,{\"a\":\"xtrue\"}); ack ()",
        ),
        (r#"["echo",1,2]"#, "ack same"),
        (r#"["who"]"#, "ack ([1],\"de\",\"t-/\")"),
        (r#"["nothing",1]"#, "ack ()"),
        (r#"["else"]"#, "unknown_event: the event is not declared"),
    ] {
        assert_eq!(socket.send(0, event), expected, "{event}");
    }
}

#[test]
fn attachments_go_where_their_placeholders_go() {
    let mut socket = Socket::new(
        r#"
        namespaces:
        - name: /
          limits: { payload: 100 }
          events:
          - { name: swap, ack: { values: ["{1}", "{0}"] } }
          - { name: one, ack: { values: ["{0}"] } }
          - { name: typed, args: [{ binary: true, maxBytes: 3 }, true], publish: [{ scope: namespace }] }
          - { name: room, join: ["r-{0}"] }
        "#,
    );
    let data = [Bytes::from_static(b"a"), Bytes::from_static(b"bb")];
    let two = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    for (event, expected) in [
        (
            r#"["swap","#,
            r#"ack ({"_placeholder":true,"num":0},{"_placeholder":true,"num":1})b"bb"b"a""#,
        ),
        (r#"["one","#, r#"ack ({"_placeholder":true,"num":0})b"a""#),
        (r#"["typed","#, "same to all same; ack ()"),
        (
            r#"["room","#,
            "invalid: {0} is missing, or not a text, number or boolean",
        ),
    ] {
        assert_eq!(
            socket.send_with(0, &format!("{event}{two}"), &data),
            expected
        );
    }
    let large = [Bytes::from_static(b"1234"), Bytes::from_static(b"")];
    assert_eq!(
        socket.send_with(0, &format!(r#"["typed",{two}"#), &large),
        "invalid: /0: 4 bytes, at most 3 are allowed"
    );
    let larger = [Bytes::from(vec![0; 50]), Bytes::new()];
    assert_eq!(
        socket.send_with(0, &format!(r#"["one",{two}"#), &larger),
        "payload_too_large: an event is at most 100 bytes"
    );
}

#[test]
fn rooms_have_a_bound() {
    let mut socket = Socket::new(
        r#"
        namespaces:
        - name: /
          limits: { rooms: 2 }
          events:
          - { name: join, join: ["r-{0}", "r-{0}"] }
          - { name: move, leave: ["r-{0}"], join: ["r-{1}"] }
        "#,
    );
    socket.rooms.0.extend(["r-1".to_owned(), "r-2".to_owned()]);
    for (event, expected) in [
        (r#"["join",1]"#, "+r-1; +r-1; ack ()"),
        (
            r#"["join",3]"#,
            "too_many_rooms: a socket is in at most 2 rooms",
        ),
        (r#"["move",1,3]"#, "-r-1; +r-3; ack ()"),
        (r#"["move",1,1]"#, "-r-1; +r-1; ack ()"),
        (
            r#"["move",4,3]"#,
            "too_many_rooms: a socket is in at most 2 rooms",
        ),
    ] {
        assert_eq!(socket.send(0, event), expected, "{event}");
    }
    socket.rooms.0.insert("r-3".to_owned());
    assert_eq!(socket.send(0, r#"["join",3]"#), "+r-3; +r-3; ack ()");
}

#[test]
fn buckets_survive_a_reload_with_their_level_capped() {
    let rules = |rate: &str, burst: u32, limit: &str| {
        format!(
            "namespaces: [{{ name: /, limits: {{ events: {{ rate: {rate}, burst: {burst} }} }}, events: [{{ name: e, limit: {limit} }}, {{ name: f }}] }}]"
        )
    };
    let mut socket = Socket::new(&rules("1/s", 4, "2/s"));
    let (e, f) = (r#"["e"]"#, r#"["f"]"#);
    let of_event = "rate_limited: too many events: the limit of this event";
    let of_all = "rate_limited: too many events: the limit of the socket";
    assert_eq!(socket.send(0, e), "ack ()");
    assert_eq!(socket.send(0, e), "ack ()");
    assert_eq!(socket.send(0, e), of_event);
    assert_eq!(socket.send(0, f), "ack ()");
    assert_eq!(socket.send(0, f), of_all);
    assert_eq!(socket.send(1_000, e), "ack ()");
    assert_eq!(socket.send(1_000, e), of_all);

    socket.rules = Socket::new(&rules("1000/s", 2, "1/h")).rules;
    assert_eq!(socket.send(1_002, e), "ack ()", "one token was left");
    assert_eq!(socket.send(1_004, e), of_event);
    assert_eq!(socket.send(9_000, f), "ack ()");
    assert_eq!(socket.send(9_000, f), "ack ()");
    assert_eq!(socket.send(9_000, f), of_all, "capped at the new burst");
}

#[test]
fn development_mode() {
    let mut socket = Socket::of(&development(), "/any");
    for (event, expected) in [
        (r#"["join","a"]"#, "+a; ack ()"),
        (r#"["leave","a"]"#, "-a; ack ()"),
        (
            r#"["publish","a","news",1, {"x":[]}]"#,
            "\"news\" to a (1,{\"x\":[]}); ack ()",
        ),
        (r#"["publish","a","news"]"#, "\"news\" to a (); ack ()"),
        (
            r#"["publish","a","connect"]"#,
            "invalid: /1: not an event that can be sent",
        ),
        (
            r#"["publish","a"]"#,
            "invalid: expected at least 2 arguments, got 1",
        ),
        (
            r#"["join","-_x"]"#,
            "invalid: a room's name is not empty and does not start with -_",
        ),
        (
            r#"["publish","-_x","news"]"#,
            "invalid: a room's name is not empty and does not start with -_",
        ),
        (r#"["join",1]"#, "invalid: /0: expected a string"),
        (
            r#"["join","a","b"]"#,
            "invalid: expected 1 arguments, got 2",
        ),
        (r#"["other"]"#, "unknown_event: the event is not declared"),
    ] {
        assert_eq!(socket.send(0, event), expected, "{event}");
    }
    let data = [Bytes::from_static(b"x")];
    let event = r#"["publish","a","news",{"_placeholder":true,"num":0}]"#;
    assert_eq!(
        socket.send_with(0, event, &data),
        "\"news\" to a ({\"_placeholder\":true,\"num\":0})b\"x\"; ack ()"
    );
}

#[test]
fn admission_and_what_is_kept() {
    let text = r#"
        namespaces:
        - name: /
          autoJoin: [lobby, "u-{auth.deep.b}", "s-{socket.id}"]
          welcome: [{ event: hello, args: ["{auth.deep}", { lang: "{query.lang}" }] }, { event: hi }]
        - { name: /plain }
        - { name: /whole, welcome: [{ event: w, args: ["{auth}", "{auth.x}"] }] }"#;
    let book = load(text).expect("rules");
    let socket = Socket::of(&book, "/");
    assert_eq!(socket.kept.auth(), r#"{"deep":{"a":[1],"b":2}}"#);
    assert_eq!(socket.kept.query(), r#"{"lang":"de"}"#);
    let admission = admit(&socket.rules, "-_s", &socket.kept).expect("admitted");
    assert_eq!(admission.rooms.join(" "), "lobby u-2 s--_s");
    let welcome: Vec<_> = admission
        .welcome
        .iter()
        .map(|emit| format!("{} {}", emit.event, emit.args))
        .collect();
    assert_eq!(
        welcome,
        [r#""hello" {"a":[1],"b":2},{"lang":"de"}"#, r#""hi" "#]
    );

    let plain = Socket::of(&book, "/plain");
    assert_eq!((plain.kept.auth(), plain.kept.query()), ("{}", "{}"));
    let whole = Socket::of(&book, "/whole");
    assert_eq!(
        whole.kept.auth(),
        r#"{"token":"t","deep":{"a":[1],"b":2},"x":3}"#
    );
    let refused = admit(&whole.rules, "-_s", &Kept::default()).expect_err("no x");
    assert_eq!(refused.code, Code::Invalid);
}

#[test]
fn refusals_as_clients_see_them() {
    let mut refusal = Refusal::new(Code::Invalid, "a \"b\"");
    assert_eq!(
        refusal.to_event(Some("\"e\"")),
        r#"{"code":"invalid","message":"a \"b\"","event":"e"}"#
    );
    assert_eq!(
        refusal.to_event(None),
        r#"{"code":"invalid","message":"a \"b\""}"#
    );
    assert_eq!(
        refusal.to_ack(),
        r#"{"error":{"code":"invalid","message":"a \"b\""}}"#
    );
    refusal.retry_after = Some(Duration::from_micros(1_001));
    assert_eq!(
        refusal.to_ack(),
        r#"{"error":{"code":"invalid","message":"a \"b\"","retryAfter":2}}"#
    );
    let codes: BTreeSet<_> = Code::ALL.map(Code::code).into();
    assert_eq!(codes.len(), Code::ALL.len());
}

#[test]
fn a_socket_that_never_sent_anything_is_small() {
    assert!(
        size_of::<SocketState>() <= 32,
        "{}",
        size_of::<SocketState>()
    );
    assert!(size_of::<Kept>() <= 8, "{}", size_of::<Kept>());
}

use super::*;

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn pairs(pairs: &[(&str, &str)]) -> Value {
    let pairs = pairs
        .iter()
        .map(|(a, b)| Value::Array(vec![text(a), text(b)]));
    Value::Array(pairs.collect())
}

fn read(keys: &[(&str, &str)], nodes: &[(&str, &str)]) -> Option<Answer> {
    Answer::read(Value::Array(vec![
        text("sharded"),
        pairs(keys),
        pairs(nodes),
    ]))
}

#[test]
fn sightings() {
    let address: SocketAddr = "10.0.0.1:3001".parse().unwrap();
    for (line, expected) in [
        ("1 0 10.0.0.1:3001", Some((address, false, true))),
        ("0 0 10.0.0.1:3001", Some((address, false, false))),
        ("1 1 10.0.0.1:3001", Some((address, true, true))),
        (
            "1 0 [::1]:7",
            Some(("[::1]:7".parse().unwrap(), false, true)),
        ),
        ("1 0 host:7", None),
        ("1 0 ", None),
        ("1 0", None),
        ("1", None),
        ("", None),
    ] {
        let found = sighting(line).map(|found| (found.address, found.draining, found.live));
        assert_eq!(found, expected, "{line:?}");
    }
}

#[test]
fn answers() {
    let key = "k".repeat(KEY_BYTES);
    let answer = read(
        &[("3", &key), ("x", &key), ("300", &key), ("4", "short")],
        &[
            ("7", "1 0 10.0.0.1:1"),
            ("x", "1 0 10.0.0.1:1"),
            ("8", "1 0"),
            ("9", "0 1 10.0.0.2:2"),
        ],
    );
    let answer = answer.unwrap();
    assert_eq!(&*answer.mode, "sharded");
    let keys: Vec<u8> = answer.keys.iter().map(|(id, _)| *id).collect();
    assert_eq!(keys, [3]);
    let nodes: Vec<(u32, bool, bool)> = answer
        .nodes
        .iter()
        .map(|(incarnation, found)| (*incarnation, found.live, found.draining))
        .collect();
    assert_eq!(nodes, [(7, true, false), (9, false, true)]);
    assert!(read(&[], &[]).unwrap().nodes.is_empty());
}

#[test]
fn what_is_no_answer() {
    for value in [
        Value::Nil,
        Value::Okay,
        Value::Int(1),
        Value::Array(Vec::new()),
        Value::Array(vec![text("sharded"), pairs(&[])]),
        Value::Array(vec![Value::Nil, Value::Nil, Value::Nil]),
        Value::Array(vec![text("sharded"), text("x"), text("y")]),
    ] {
        assert!(Answer::read(value.clone()).is_none(), "{value:?}");
    }
}

//! What holds for every document, template and value.
#![cfg(feature = "compile")]

use carillon_crds::compile::load;
use carillon_crds::template::{Context, Room, Template, Values};
use carillon_crds::units::{Duration, Rate, Size};
use carillon_crds::{names, normal, raw};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Any JSON, not very deep, with keys that are easy to hit.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c\"\\\\{}\\[\\]:,é\u{1}]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a-c0-1\"é]{1,2}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn duration() -> impl Strategy<Value = String> {
    (1_u32..10_000, prop::sample::select(vec!["ms", "s", "m"]))
        .prop_map(|(n, unit)| format!("{n}{unit}"))
}

fn size() -> impl Strategy<Value = Value> {
    let text = (
        1_u32..1_000,
        prop::sample::select(vec!["KB", "MB", "KiB", "MiB"]),
    );
    prop_oneof![
        (1_u64..1_000_000).prop_map(Value::from),
        text.prop_map(|(n, unit)| Value::from(format!("{n}{unit}"))),
    ]
}

fn rate() -> impl Strategy<Value = String> {
    (1_u32..1_000, prop::sample::select(vec!["s", "m", "h"]))
        .prop_map(|(n, unit)| format!("{n}/{unit}"))
}

fn event(index: usize) -> impl Strategy<Value = Value> {
    let values = vec(any_json().prop_filter("no template", texts_are_plain), 0..3);
    (
        rate(),
        vec("[a-z]{1,4}-\\{0\\}", 0..3),
        any::<bool>(),
        values,
    )
        .prop_map(move |(rate, rooms, volatile, values)| {
            json!({
                "name": format!("event-{index}"), "limit": rate, "args": [{ "type": "string" }],
                "join": rooms, "ack": { "values": values },
                "publish": [{ "scope": "namespace", "volatile": volatile, "args": ["{0}"] }],
            })
        })
}

/// Whether no text in it looks like a template.
fn texts_are_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains(['{', '}']),
        Value::Array(items) => items.iter().all(texts_are_plain),
        Value::Object(entries) => entries.values().all(texts_are_plain),
        _ => true,
    }
}

fn document() -> impl Strategy<Value = Value> {
    let engine = (duration(), duration(), size());
    let namespace = (
        rate(),
        1_u32..500,
        size(),
        duration(),
        vec(0_usize..1, 0..3),
    );
    (engine, namespace, event(0), event(1)).prop_map(|(engine, namespace, first, second)| {
        json!({
            "engine": { "pingInterval": engine.0, "pingTimeout": engine.1, "compression": { "polling": engine.2 } },
            "namespaces": [{
                "name": "/", "events": [first, second],
                "limits": { "events": { "rate": namespace.0, "burst": namespace.1 } },
                "backlog": { "bytes": namespace.2 },
                "history": { "size": namespace.1, "ttl": namespace.3 },
            }],
        })
    })
}

struct Facts(Vec<String>);

impl Context for Facts {
    fn argument(&self, index: usize) -> Option<&str> {
        self.0.get(index).map(String::as_str)
    }

    fn attachments(&self) -> usize {
        2
    }

    fn auth(&self) -> &str {
        self.0.first().map_or("{}", String::as_str)
    }

    fn query(&self) -> &str {
        "{}"
    }

    fn socket_id(&self) -> &str {
        "-_id"
    }

    fn ns(&self, name: &str) -> Option<&str> {
        (name == "a").then_some("b")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}", yamlish in "[a-c:\\-\\[\\]{}, \n'\"&*!|>#0-9.]{0,60}") {
        let _faults = (load(&text), load(&yamlish));
    }

    #[test]
    fn no_value_makes_the_parser_panic(value in any_json(), key in prop::sample::select(vec!["engine", "schemas", "namespaces", "apiKeys", "limits", "cors"])) {
        let mut document = json!({ "namespaces": [{ "name": "/" }] });
        document[key] = value.clone();
        let _faults = load(&document.to_string());
        let schema = json!({ "schemas": { "a": value }, "namespaces": [{ "name": "/" }] });
        let _faults = load(&schema.to_string());
    }

    #[test]
    fn a_document_and_its_forms_are_one(document in document()) {
        let book = load(&document.to_string()).map_err(|faults| TestCaseError::fail(faults.to_string()))?;
        for form in [normal::json(&book.document), normal::effective(&book.document).to_string(), normal::effective_yaml(&book.document)] {
            let again = load(&form).map_err(|faults| TestCaseError::fail(faults.to_string()))?;
            prop_assert_eq!(&again.document, &book.document);
            prop_assert_eq!(&again.hash, &book.hash);
        }
    }

    #[test]
    fn units_read_what_they_write(millis in 0_u64..10_000_000_000, bytes in 1_u64..1 << 40, rate in rate()) {
        let duration = Duration::from_millis(millis);
        if let Ok(again) = duration.to_string().parse::<Duration>() {
            prop_assert_eq!(again, duration);
        } else {
            prop_assert!(millis > 999_999_999);
        }
        let size = Size::from_bytes(bytes);
        let written = serde_json::to_value(size).expect("plain");
        prop_assert_eq!(serde_json::from_value::<Size>(written).expect("a size"), size);
        prop_assert_eq!(rate.parse::<Rate>().expect("a rate").to_string(), rate);
    }

    #[test]
    fn lookup_agrees_with_a_decoded_value(value in any_json(), path in vec("[a-c0-1é]{1,2}", 0..4), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.expect("plain");
        let steps: Vec<Box<str>> = path.iter().map(|step| step.as_str().into()).collect();
        let expected = path.iter().try_fold(&value, |value, step| match value {
            Value::Array(items) if step == "0" || !step.starts_with('0') => items.get(step.parse::<usize>().ok()?),
            Value::Object(entries) => entries.get(step),
            _ => None,
        });
        let found = raw::lookup(&text, &steps).map(|raw| serde_json::from_str::<Value>(raw).expect("a value"));
        prop_assert_eq!(found.as_ref(), expected);
    }

    #[test]
    fn nothing_makes_raw_functions_panic(text in "[\\[\\]{}:,\"\\\\a0 é]{0,40}", path in vec("[a0]{0,2}", 0..3)) {
        let steps: Vec<Box<str>> = path.iter().map(|step| step.as_str().into()).collect();
        let _found = (raw::lookup(&text, &steps), raw::placeholder(&text), raw::unquote(&text));
        raw::renumber(&text, &mut String::new(), &mut Vec::new());
    }

    #[test]
    fn renumbering_changes_nothing_else(value in any_json()) {
        let (mut out, mut used) = (String::new(), Vec::new());
        raw::renumber(&serde_json::to_string_pretty(&value).expect("plain"), &mut out, &mut used);
        prop_assert_eq!(serde_json::from_str::<Value>(&out).expect("JSON"), value);
        prop_assert!(used.is_empty());
    }

    #[test]
    fn literal_text_renders_to_itself(text in "\\PC{0,30}") {
        let escaped = text.replace('{', "{{").replace('}', "}}");
        let template = Template::parse(&escaped).expect("all braces are double");
        let mut out = String::new();
        template.render(&Facts(Vec::new()), &mut out).expect("no placeholder");
        prop_assert_eq!(out, text);
    }

    #[test]
    fn rendered_rooms_keep_their_bounds(template in "-?[a-z]{0,3}\\{[01](\\.a)?\\}", values in vec(any_json(), 2)) {
        let facts = Facts(values.iter().map(Value::to_string).collect());
        let room = Room::new(Template::parse(&template).expect("a template"));
        if let Ok(name) = room.render(&facts, &mut String::new()) {
            prop_assert!(name.len() <= names::MAX_ROOM_BYTES && !name.starts_with("-_"));
        }
    }

    #[test]
    fn rendered_values_are_json(list in vec(any_json(), 0..4), values in vec(any_json(), 2)) {
        let facts = Facts(values.iter().map(Value::to_string).collect());
        let mut sound = true;
        let template = Values::parse(&list, &mut |_, found| sound &= found.is_ok());
        let (mut out, mut used) = (String::new(), Vec::new());
        if sound && template.render(&facts, &mut out, &mut used).is_ok() {
            let whole: Vec<Value> = serde_json::from_str(&format!("[{out}]")).expect("JSON");
            prop_assert_eq!(whole.len(), list.len());
        }
    }
}

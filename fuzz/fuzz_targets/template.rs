//! Any template over any argument: rooms keep their bounds, and values stay JSON.
#![no_main]

use carillon_crds::names;
use carillon_crds::template::{Context, Room, Template, Values};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

struct Facts<'a> {
    argument: &'a str,
    attachments: usize,
}

impl Context for Facts<'_> {
    fn argument(&self, index: usize) -> Option<&str> {
        (index < 2).then_some(self.argument)
    }

    fn attachments(&self) -> usize {
        self.attachments
    }

    fn auth(&self) -> &str {
        self.argument
    }

    fn query(&self) -> &str {
        "{}"
    }

    fn socket_id(&self) -> &str {
        "-_id"
    }

    fn ns(&self, name: &str) -> Option<&str> {
        (name == "name").then_some("/")
    }
}

fuzz_target!(|input: (&str, &str, u8)| {
    let (text, argument, attachments) = input;
    let facts = Facts {
        argument,
        attachments: usize::from(attachments % 3),
    };
    if let Ok(template) = Template::parse(text) {
        let room = Room::new(template);
        if let (Room::Template(_), Ok(name)) = (&room, room.render(&facts, &mut String::new())) {
            assert!(name.len() <= names::MAX_ROOM_BYTES);
            assert!(!name.starts_with(names::SOCKET_ID_PREFIX));
        }
    }
    let values = Values::parse(&[Value::from(text)], &mut |_, _| {});
    let (mut out, mut used) = (String::new(), Vec::new());
    let rendered = values.render(&facts, &mut out, &mut used);
    let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
    if rendered.is_ok() && Template::parse(text).is_ok() && is_json(argument) {
        assert!(is_json(&out), "{out}");
    }
});

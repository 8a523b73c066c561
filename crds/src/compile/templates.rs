//! Templates beside what they may name.

use serde_json::Value;

use super::Checks;
use super::later::NOT_YET;
use super::rulebook::Kept;
use crate::fault;
use crate::names;
use crate::template::{Placeholder, Room, Source, Template, Values};

/// What the templates of one place may name; what they do name is collected.
pub(super) struct Names<'a> {
    /// The captures of the namespace's pattern.
    pub(super) captures: &'a [String],
    /// What must be kept of a handshake.
    pub(super) kept: &'a mut Kept,
    /// The arguments that an event surely has.
    pub(super) arguments: Has,
}

/// How many arguments a template may name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Has {
    /// There is no event.
    NoEvent,
    /// So many are declared.
    Exactly(usize),
    /// They are unchecked, or more may follow.
    Any,
}

impl Names<'_> {
    /// A list of rooms.
    pub(super) fn rooms(&mut self, texts: &[String], path: &str, checks: &mut Checks) -> Vec<Room> {
        let places = texts.iter().enumerate();
        places
            .filter_map(|(i, text)| self.room(text, &fault::item(path, i), checks))
            .collect()
    }

    /// A list of arguments.
    pub(super) fn values(&mut self, list: &[Value], path: &str, checks: &mut Checks) -> Values {
        Values::parse(list, &mut |steps, found| {
            let complaint = match found {
                Ok(placeholder) => self.complaint(placeholder),
                Err(message) => Some(message),
            };
            if let Some(message) = complaint {
                let (path, value) = place(path, steps, list);
                checks.fault(path, value, message);
            }
        })
    }

    fn room(&mut self, text: &str, path: &str, checks: &mut Checks) -> Option<Room> {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(error) => {
                checks.fault(path, text, error.to_string());
                return None;
            }
        };
        let complaints = template
            .placeholders()
            .filter_map(|name| self.complaint(name));
        let complaints: Vec<_> = complaints.chain(room_complaint(&template)).collect();
        for message in &complaints {
            checks.fault(path, text, message.as_str());
        }
        complaints.is_empty().then(|| Room::new(template))
    }

    /// Why a placeholder cannot stand here; one that can is noted.
    fn complaint(&mut self, placeholder: &Placeholder) -> Option<String> {
        let shown = placeholder.shown();
        match (&placeholder.source, self.arguments) {
            (Source::User, _) => return Some(format!("{shown}: {NOT_YET}")),
            (Source::Argument(_), Has::NoEvent) => {
                return Some(format!(
                    "{shown} is an argument, but no event is at hand here"
                ));
            }
            (Source::Argument(index), Has::Exactly(count)) if *index >= count => {
                return Some(match count {
                    0 => format!("{shown} is beyond the declared arguments: there are none"),
                    1 => format!("{shown} is beyond the declared arguments, allowed: {{0}}"),
                    _ => format!(
                        "{shown} is beyond the declared arguments, allowed: {{0}} to {{{}}}",
                        count - 1
                    ),
                });
            }
            (Source::Namespace(name), _)
                if &**name != "name" && !self.captures.contains(&name.to_string()) =>
            {
                let mut known = vec!["{ns.name}".to_owned()];
                known.extend(self.captures.iter().map(|name| format!("{{ns.{name}}}")));
                return Some(format!(
                    "{shown} is no capture of the namespace's pattern, allowed: {}",
                    known.join(", ")
                ));
            }
            (Source::Auth, _) => note(&mut self.kept.auth, placeholder.path.clone()),
            (Source::Query, _) => note(&mut self.kept.query, placeholder.path[0].clone()),
            _ => {}
        }
        None
    }
}

/// Why a template can never be a room's name.
fn room_complaint(template: &Template) -> Option<String> {
    let prefix = template.prefix();
    if template.fixed() == Some("") {
        return Some("expected a room's name".to_owned());
    }
    if prefix.is_empty() {
        return Some("a room starts with literal text, such as `room-{0}`: else a client could name any room".to_owned());
    }
    if prefix.starts_with(names::SOCKET_ID_PREFIX) {
        return Some("a room may not start with `-_`: such rooms are the sockets' own".to_owned());
    }
    (prefix.len() > names::MAX_ROOM_BYTES)
        .then(|| format!("a room is at most {} bytes", names::MAX_ROOM_BYTES))
}

fn note<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// The place inside a list of arguments, and what stands there.
fn place(path: &str, steps: &[String], list: &[Value]) -> (String, Value) {
    let Some((first, rest)) = steps.split_first() else {
        return (path.to_owned(), Value::Null);
    };
    let index: usize = first.parse().unwrap_or(0);
    let mut found = (fault::item(path, index), list.get(index));
    for step in rest {
        found = match found.1 {
            Some(Value::Array(items)) => {
                let index: usize = step.parse().unwrap_or(0);
                (fault::item(&found.0, index), items.get(index))
            }
            other => (
                fault::key(&found.0, step),
                other.and_then(|value| value.get(step)),
            ),
        };
    }
    (found.0, found.1.cloned().unwrap_or(Value::Null))
}

//! What is kept of a handshake: only what the namespace's templates name.

use carillon_crds::compile::Namespace;
use carillon_crds::raw;

use crate::socket::json;

/// The kept parts of a CONNECT payload and of a query. One word if there are none.
#[derive(Clone, Debug, Default)]
pub struct Kept(Option<Box<Parts>>);

#[derive(Clone, Debug)]
struct Parts {
    auth: Box<str>,
    query: Box<str>,
}

impl Kept {
    /// Keeps what the templates of `rules` name of a CONNECT payload (a checked JSON object) and
    /// of a decoded query, of which the first of several equal keys counts.
    #[must_use]
    pub fn new<'q>(
        rules: &Namespace,
        auth: Option<&str>,
        query: impl Iterator<Item = (&'q str, &'q str)>,
    ) -> Self {
        let named = &rules.kept;
        if named.auth.is_empty() && named.query.is_empty() {
            return Self(None);
        }
        let paths: Vec<&[Box<str>]> = named.auth.iter().map(Vec::as_slice).collect();
        let auth = auth
            .and_then(|auth| part(auth, &paths))
            .unwrap_or_else(|| EMPTY.to_owned());
        let mut kept = Object::default();
        let mut seen: Vec<&str> = Vec::new();
        for (key, value) in query {
            if named.query.iter().any(|name| **name == *key) && !seen.contains(&key) {
                seen.push(key);
                let mut quoted = String::new();
                json::quote(&mut quoted, value);
                kept.push(key, &quoted);
            }
        }
        Self(Some(Box::new(Parts {
            auth: auth.into(),
            query: kept.close().into(),
        })))
    }

    /// What was kept before, by another pod: the CONNECT payload's part and the query's.
    #[must_use]
    pub fn restored(parts: Option<(String, String)>) -> Self {
        Self(parts.map(|(auth, query)| {
            Box::new(Parts {
                auth: auth.into(),
                query: query.into(),
            })
        }))
    }

    /// Both parts, if anything is kept.
    #[must_use]
    pub fn parts(&self) -> Option<(&str, &str)> {
        let parts = self.0.as_deref()?;
        Some((&parts.auth, &parts.query))
    }

    /// The kept part of the CONNECT payload: a JSON object.
    #[must_use]
    pub fn auth(&self) -> &str {
        self.0.as_ref().map_or(EMPTY, |parts| &parts.auth)
    }

    /// The kept part of the query: a JSON object of strings.
    #[must_use]
    pub fn query(&self) -> &str {
        self.0.as_ref().map_or(EMPTY, |parts| &parts.query)
    }
}

/// The part of `value` that the paths lead to: all of it if one of them is empty.
fn part(value: &str, paths: &[&[Box<str>]]) -> Option<String> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.to_owned());
    }
    let mut kept = Object::default();
    let mut seen: Vec<&str> = Vec::new();
    for (first, _) in paths.iter().filter_map(|path| path.split_first()) {
        if seen.contains(&&**first) {
            continue;
        }
        seen.push(first);
        let same = paths.iter().filter(|path| path.first() == Some(first));
        let rest: Vec<&[Box<str>]> = same.map(|path| &path[1..]).collect();
        let child = raw::lookup(value, std::slice::from_ref(first));
        if let Some(child) = child.and_then(|child| part(child, &rest)) {
            kept.push(first, &child);
        }
    }
    Some(kept.close())
}

/// A JSON object that is being written.
#[derive(Default)]
struct Object(String);

impl Object {
    fn push(&mut self, key: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        json::quote(&mut self.0, key);
        self.0.push(':');
        self.0.push_str(value);
    }

    fn close(mut self) -> String {
        self.0.push_str(if self.0.is_empty() { EMPTY } else { "}" });
        self.0
    }
}

const EMPTY: &str = "{}";

//! Templates: literal text with placeholders such as `{0.billId}`.

use std::borrow::Cow;
use std::sync::Arc;

use crate::raw;

pub use values::{Found, Values};

mod values;

/// What the placeholders of a template stand for. JSON values are raw text.
pub trait Context {
    /// An argument of the event.
    fn argument(&self, index: usize) -> Option<&str>;
    /// How many attachments the arguments stand for.
    fn attachments(&self) -> usize;
    /// The payload of CONNECT, or what is kept of it: an object.
    fn auth(&self) -> &str;
    /// The query of the handshake, or what is kept of it: an object of strings.
    fn query(&self) -> &str;
    /// The socket's id, as plain text.
    fn socket_id(&self) -> &str;
    /// A capture of the namespace's pattern, or its `name`, as plain text.
    fn ns(&self, name: &str) -> Option<&str>;
}

/// A parsed text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Value(Placeholder),
}

/// One `{…}` of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// Where the value comes from.
    pub source: Source,
    /// The way from there to the value.
    pub path: Vec<Box<str>>,
}

/// Where the value of a placeholder comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An argument of the event.
    Argument(usize),
    /// The payload of CONNECT.
    Auth,
    /// The query of the handshake.
    Query,
    /// The socket's id.
    SocketId,
    /// The namespace: a capture of its pattern, or its name.
    Namespace(Box<str>),
    /// The identity.
    User,
}

/// A text that is no template, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace that opens or closes nothing.
    #[error(
        "a single brace: a placeholder is {{0}}, {{0.path}} or alike, and {{{{ or }}}} stands for a brace itself"
    )]
    Brace,
    /// A placeholder that stands for nothing.
    #[error(
        "{{{0}}} stands for nothing, allowed: {{0}}, {{0.path}}, {{auth}}, {{auth.path}}, {{query.name}}, {{socket.id}}, {{ns.name}}"
    )]
    Unknown(String),
}

/// A placeholder that has no value to put there: the event is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// Nothing is there, or nothing that has a place in a text.
    #[error("{0} is missing, or not a text, number or boolean")]
    Missing(String),
    /// The room's name is longer than allowed.
    #[error(
        "the room's name is longer than {} bytes",
        crate::names::MAX_ROOM_BYTES
    )]
    RoomTooLong,
    /// The room's name is one that only a socket's own room may have, or empty.
    #[error("a room's name is not empty and does not start with -_")]
    RoomReserved,
    /// Text that looks like an attachment would be sent together with attachments.
    #[error("{0} holds a placeholder of an attachment")]
    Attachment(String),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// If a brace is single or a placeholder unknown.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
            } else if brace == "{" {
                let (inner, after) = rest.split_once('}').ok_or(TemplateError::Brace)?;
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                }
                parts.push(Part::Value(Placeholder::parse(inner)?));
                rest = after;
            } else {
                return Err(TemplateError::Brace);
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        Ok(Self { parts })
    }

    /// Every placeholder.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(placeholder) => Some(placeholder),
            Part::Literal(_) => None,
        })
    }

    /// The literal text before the first placeholder.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Literal(text)) => text,
            _ => "",
        }
    }

    /// The placeholder, if the template is nothing else.
    #[must_use]
    pub fn only(&self) -> Option<&Placeholder> {
        match self.parts.as_slice() {
            [Part::Value(placeholder)] => Some(placeholder),
            _ => None,
        }
    }

    /// The text, if there are no placeholders.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text with every scalar put in.
    ///
    /// # Errors
    /// If a value is missing or is no scalar.
    pub fn render(&self, context: &dyn Context, out: &mut String) -> Result<(), RenderError> {
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Value(placeholder) => {
                    let text = placeholder.text(context);
                    out.push_str(&text.ok_or_else(|| RenderError::Missing(placeholder.shown()))?);
                }
            }
        }
        Ok(())
    }
}

impl Placeholder {
    fn parse(inner: &str) -> Result<Self, TemplateError> {
        let unknown = || TemplateError::Unknown(inner.to_owned());
        let mut segments = inner.split('.');
        let first = segments.next().unwrap_or_default();
        let path: Vec<Box<str>> = segments.map(Into::into).collect();
        if path.iter().any(|key| key.is_empty() || key.contains('{')) {
            return Err(unknown());
        }
        let (source, path) = match (first, path.as_slice()) {
            ("auth", _) => (Source::Auth, path),
            ("user", _) => (Source::User, path),
            ("query", [_]) => (Source::Query, path),
            ("socket", [id]) if &**id == "id" => (Source::SocketId, Vec::new()),
            ("ns", [name]) => (Source::Namespace(name.clone()), Vec::new()),
            _ => (Source::Argument(argument(first).ok_or_else(unknown)?), path),
        };
        Ok(Self { source, path })
    }

    /// The placeholder as the document writes it.
    #[must_use]
    pub fn shown(&self) -> String {
        let first: Cow<'_, str> = match &self.source {
            Source::Argument(index) => index.to_string().into(),
            Source::Auth => "auth".into(),
            Source::Query => "query".into(),
            Source::SocketId => "socket.id".into(),
            Source::Namespace(name) => format!("ns.{name}").into(),
            Source::User => "user".into(),
        };
        let path = self.path.iter().flat_map(|key| [".", key]);
        ["{", &first].into_iter().chain(path).chain(["}"]).collect()
    }

    /// The value as JSON text.
    fn json<'a>(&self, context: &'a dyn Context) -> Option<Cow<'a, str>> {
        if let Some(plain) = self.plain(context) {
            let mut quoted = String::with_capacity(plain.len() + 2);
            raw::quote(plain, &mut quoted);
            return Some(Cow::Owned(quoted));
        }
        self.raw(context).map(Cow::Borrowed)
    }

    /// The value as text inside a longer one: scalars only.
    fn text<'a>(&self, context: &'a dyn Context) -> Option<Cow<'a, str>> {
        if let Some(plain) = self.plain(context) {
            return Some(Cow::Borrowed(plain));
        }
        let raw = self.raw(context)?;
        match raw.as_bytes().first()? {
            b'"' => raw::unquote(raw),
            b'{' | b'[' | b'n' => None,
            _ => Some(Cow::Borrowed(raw)),
        }
    }

    fn plain<'a>(&self, context: &'a dyn Context) -> Option<&'a str> {
        match &self.source {
            Source::SocketId => Some(context.socket_id()),
            Source::Namespace(name) => context.ns(name),
            Source::Argument(_) | Source::Auth | Source::Query | Source::User => None,
        }
    }

    fn raw<'a>(&self, context: &'a dyn Context) -> Option<&'a str> {
        let whole = match &self.source {
            Source::Argument(index) => context.argument(*index)?,
            Source::Auth => context.auth(),
            Source::Query => context.query(),
            Source::SocketId | Source::Namespace(_) | Source::User => return None,
        };
        raw::lookup(whole, &self.path)
    }
}

/// A room's name with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// Always the same name.
    Fixed(Arc<str>),
    /// A name that each event makes.
    Template(Template),
}

impl Room {
    /// A room of a parsed template.
    #[must_use]
    pub fn new(template: Template) -> Self {
        match template.fixed() {
            Some(name) => Self::Fixed(name.into()),
            None => Self::Template(template),
        }
    }

    /// The room's name; `scratch` is a buffer to be used again.
    ///
    /// # Errors
    /// If a value is missing or the name is not one that a room may have.
    pub fn render(
        &self,
        context: &dyn Context,
        scratch: &mut String,
    ) -> Result<Arc<str>, RenderError> {
        let template = match self {
            Self::Fixed(name) => return Ok(name.clone()),
            Self::Template(template) => template,
        };
        scratch.clear();
        template.render(context, scratch)?;
        check_room(scratch)?;
        Ok(scratch.as_str().into())
    }
}

/// Whether a text may be the name of a room.
///
/// # Errors
/// The reason if it may not.
pub fn check_room(name: &str) -> Result<(), RenderError> {
    if name.len() > crate::names::MAX_ROOM_BYTES {
        return Err(RenderError::RoomTooLong);
    }
    if name.is_empty() || name.starts_with(crate::names::SOCKET_ID_PREFIX) {
        return Err(RenderError::RoomReserved);
    }
    Ok(())
}

/// The number of an argument: at most two digits, no leading zero.
fn argument(text: &str) -> Option<usize> {
    let plain = text == "0"
        || (matches!(text.len(), 1 | 2)
            && !text.starts_with('0')
            && text.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;

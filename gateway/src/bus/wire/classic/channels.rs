//! The channels of a namespace.

use std::borrow::Cow;
use std::sync::Arc;

/// The names of the channels of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    broadcast: String,
    request: String,
    response: String,
}

/// What a channel of broadcasts says about its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// They are for nobody or for several rooms in particular.
    Namespace,
    /// They are for this room alone.
    Room(&'a str),
}

impl Channels {
    /// The channels of `namespace` (with its slash) under a key prefix, `socket.io` by default.
    pub fn new(prefix: &str, namespace: &str) -> Self {
        Self {
            broadcast: format!("{prefix}#{namespace}#"),
            request: format!("{prefix}-request#{namespace}#"),
            response: format!("{prefix}-response#{namespace}#"),
        }
    }

    /// The pattern that covers all broadcasts, for PSUBSCRIBE; what a pattern would take for a wildcard is escaped.
    pub fn pattern(&self) -> String {
        let mut pattern = String::with_capacity(self.broadcast.len() + 1);
        for c in self.broadcast.chars() {
            if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('*');
        pattern
    }

    /// Where a broadcast goes: exactly one room has a channel of its own.
    pub fn broadcast(&self, rooms: &[Arc<str>]) -> Cow<'_, str> {
        match rooms {
            [room] => format!("{}{room}#", self.broadcast).into(),
            _ => Cow::Borrowed(&self.broadcast),
        }
    }

    /// Where requests go.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// Where responses go.
    pub fn response(&self) -> &str {
        &self.response
    }

    /// Where responses to one server go, if they are not sent to all.
    pub fn response_to(&self, uid: &str) -> String {
        format!("{}{uid}#", self.response)
    }

    /// What a channel that the pattern matched is for; `None` if it is none of this namespace.
    pub fn heard<'a>(&self, channel: &'a str) -> Option<Heard<'a>> {
        match channel.strip_prefix(self.broadcast.as_str())? {
            "" => Some(Heard::Namespace),
            room => room.strip_suffix('#').map(Heard::Room),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let channels = Channels::new("socket.io", "/chat");
        assert_eq!(channels.request(), "socket.io-request#/chat#");
        assert_eq!(channels.response(), "socket.io-response#/chat#");
        assert_eq!(channels.response_to("a-_"), "socket.io-response#/chat#a-_#");
        assert_eq!(channels.pattern(), "socket.io#/chat#*");
        for (rooms, channel) in [
            (&[][..], "socket.io#/chat#"),
            (&["a#b"], "socket.io#/chat#a#b#"),
            (&["a", "b"], "socket.io#/chat#"),
        ] {
            let rooms: Vec<Arc<str>> = rooms.iter().map(|room| Arc::from(*room)).collect();
            assert_eq!(channels.broadcast(&rooms), channel);
        }
    }

    #[test]
    fn a_prefix_is_no_pattern() {
        let channels = Channels::new("a*b?[c]\\^é", "/");
        assert_eq!(channels.pattern(), "a\\*b\\?\\[c\\]\\\\\\^é#/#*");
    }

    #[test]
    fn rooms_are_found_in_channels() {
        let channels = Channels::new("socket.io", "/");
        for (channel, heard) in [
            ("socket.io#/#", Some(Heard::Namespace)),
            ("socket.io#/#r#", Some(Heard::Room("r"))),
            ("socket.io#/#a#b#", Some(Heard::Room("a#b"))),
            ("socket.io#/##", Some(Heard::Room(""))),
            ("socket.io#/#r", None),
            ("socket.io#/chat#", None),
            ("other#/#", None),
            ("", None),
        ] {
            assert_eq!(channels.heard(channel), heard, "{channel}");
        }
    }
}

//! Whom a message is for: a namespace, some of its rooms, and who is left out.

use std::sync::Arc;

/// A selection of sockets of one namespace.
///
/// A socket is selected when it is in at least one of `rooms` (every socket if there are none) and in none of `except`.
/// The 20-character id of a socket is the name of a room that only this socket is in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The namespace, with its leading slash.
    pub namespace: Arc<str>,
    /// The rooms, united; empty means the whole namespace.
    pub rooms: Vec<Arc<str>>,
    /// The rooms and socket ids whose members are left out.
    pub except: Vec<Arc<str>>,
}

impl Target {
    /// Everybody in a namespace.
    pub fn all(namespace: impl Into<Arc<str>>) -> Self {
        Self {
            namespace: namespace.into(),
            rooms: Vec::new(),
            except: Vec::new(),
        }
    }

    /// The members of one room, or the socket of that id.
    pub fn room(namespace: impl Into<Arc<str>>, room: impl Into<Arc<str>>) -> Self {
        Self {
            namespace: namespace.into(),
            rooms: vec![room.into()],
            except: Vec::new(),
        }
    }

    /// The same selection without the members of `room` (a sender's own id leaves the sender out).
    #[must_use]
    pub fn except(mut self, room: impl Into<Arc<str>>) -> Self {
        self.except.push(room.into());
        self
    }

    /// Whether it selects the whole namespace, exceptions aside.
    pub fn is_whole_namespace(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Whether a socket that is in the rooms for which `is_in` answers true is selected.
    pub fn selects(&self, mut is_in: impl FnMut(&str) -> bool) -> bool {
        (self.rooms.is_empty() || self.rooms.iter().any(|room| is_in(room)))
            && !self.except.iter().any(|room| is_in(room))
    }
}

/// Whether `room` can only be the own room of one of our sockets.
///
/// No room template may start with these two characters, so a client cannot join such a room.
pub fn is_socket_room(room: &str) -> bool {
    room.starts_with("-_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rooms: &[&str], except: &[&str], member: &[&str], expected: bool) {
        let target = Target {
            namespace: "/".into(),
            rooms: rooms.iter().map(|room| Arc::from(*room)).collect(),
            except: except.iter().map(|room| Arc::from(*room)).collect(),
        };
        assert_eq!(
            target.selects(|room| member.contains(&room)),
            expected,
            "{rooms:?} except {except:?} for {member:?}"
        );
    }

    #[test]
    fn rooms_unite_and_exceptions_win() {
        check(&[], &[], &[], true);
        check(&["a"], &[], &[], false);
        check(&["a", "b"], &[], &["b"], true);
        check(&["a"], &["b"], &["a", "b"], false);
        check(&[], &["b"], &["b"], false);
        check(&[], &["b"], &["a"], true);
    }
}

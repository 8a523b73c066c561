//! What an event is decided on.

use bytes::Bytes;
use carillon_crds::template::Context;

use super::{Kept, NamespaceRules};
use crate::socket::packet::Args;

/// An event as a client sent it, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The name, unescaped.
    pub event: &'a str,
    /// The arguments.
    pub args: &'a Args<'a>,
    /// The attachments that the arguments stand for.
    pub attachments: &'a [Bytes],
    /// Whether the sender waits for an acknowledgement.
    pub wants_ack: bool,
}

/// What else templates and limits ask for.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The socket's id.
    pub socket_id: &'a str,
    /// What is kept of its handshake.
    pub kept: &'a Kept,
    /// The rooms that it is in.
    pub rooms: &'a dyn Rooms,
}

/// The rooms of a socket, without its own.
pub trait Rooms {
    /// How many there are.
    fn count(&self) -> usize;
    /// Whether it is in this one.
    fn contains(&self, room: &str) -> bool;
}

/// A socket that is in no room yet.
impl Rooms for () {
    fn count(&self) -> usize {
        0
    }

    fn contains(&self, _: &str) -> bool {
        false
    }
}

/// All that a template can name.
pub(super) struct Names<'a> {
    pub(super) rules: &'a NamespaceRules,
    pub(super) socket_id: &'a str,
    pub(super) kept: &'a Kept,
    pub(super) call: Option<&'a Call<'a>>,
}

impl Context for Names<'_> {
    fn argument(&self, index: usize) -> Option<&str> {
        self.call?.args.get(index)
    }

    fn attachments(&self) -> usize {
        self.call.map_or(0, |call| call.attachments.len())
    }

    fn auth(&self) -> &str {
        self.kept.auth()
    }

    fn query(&self) -> &str {
        self.kept.query()
    }

    fn socket_id(&self) -> &str {
        self.socket_id
    }

    fn ns(&self, name: &str) -> Option<&str> {
        self.rules.capture(name)
    }
}

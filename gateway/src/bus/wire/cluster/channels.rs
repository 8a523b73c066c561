//! The channels of a namespace.

use std::borrow::Cow;
use std::sync::Arc;

use crate::id::SOCKET_ID_CHARS;

/// Which rooms have a channel of their own. All servers of a cluster must agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubscriptionMode {
    /// None.
    Static,
    /// Those that are not named by a socket.
    #[default]
    Dynamic,
    /// All.
    DynamicPrivate,
}

impl SubscriptionMode {
    /// Whether a server listens to the channel of a room that it has members of; `own` is the room of one socket.
    pub fn subscribes(self, own: bool) -> bool {
        match self {
            Self::Static => false,
            Self::Dynamic => !own,
            Self::DynamicPrivate => true,
        }
    }

    /// Whether a broadcast without ack to that room alone goes to its channel. A name as long as a socket id counts as one.
    pub fn publishes(self, room: &str) -> bool {
        match self {
            Self::Static => false,
            Self::Dynamic => room.encode_utf16().count() != SOCKET_ID_CHARS,
            Self::DynamicPrivate => true,
        }
    }
}

/// The names of the channels of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    main: String,
}

impl Channels {
    /// The channels of `namespace` (with its slash) under a prefix, `socket.io` by default.
    pub fn new(prefix: &str, namespace: &str) -> Self {
        Self {
            main: format!("{prefix}#{namespace}#"),
        }
    }

    /// The channel that every server listens to.
    pub fn main(&self) -> &str {
        &self.main
    }

    /// The channel of what is answered to one server.
    pub fn response_to(&self, uid: &str) -> String {
        format!("{}{uid}#", self.main)
    }

    /// The channel of a room.
    pub fn room(&self, room: &str) -> String {
        format!("{}{room}#", self.main)
    }

    /// Where a broadcast goes; one `with_ack` always to the main channel.
    pub fn broadcast(
        &self,
        mode: SubscriptionMode,
        rooms: &[Arc<str>],
        with_ack: bool,
    ) -> Cow<'_, str> {
        match rooms {
            [room] if !with_ack && mode.publishes(room) => self.room(room).into(),
            _ => Cow::Borrowed(&self.main),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SubscriptionMode::{Dynamic, DynamicPrivate, Static};
    use super::*;

    #[test]
    fn one_room_has_a_channel_where_the_mode_says_so() {
        let channels = Channels::new("p", "/n");
        let id = "9O7EpPVS4XDTpGdXAAAB";
        for (mode, rooms, with_ack, channel) in [
            (Dynamic, &["r"][..], false, "p#/n#r#"),
            (Dynamic, &["r"], true, "p#/n#"),
            (Dynamic, &["r", "s"], false, "p#/n#"),
            (Dynamic, &[], false, "p#/n#"),
            (Dynamic, &[id], false, "p#/n#"),
            (Dynamic, &["ééééééééééé"], false, "p#/n#ééééééééééé#"),
            (Dynamic, &["😀😀😀😀😀😀😀😀😀😀"], false, "p#/n#"),
            (DynamicPrivate, &[id], false, "p#/n#9O7EpPVS4XDTpGdXAAAB#"),
            (DynamicPrivate, &[id], true, "p#/n#"),
            (Static, &["r"], false, "p#/n#"),
        ] {
            let rooms: Vec<Arc<str>> = rooms.iter().map(|room| Arc::from(*room)).collect();
            assert_eq!(
                channels.broadcast(mode, &rooms, with_ack),
                channel,
                "{mode:?} {rooms:?}"
            );
        }
        assert_eq!(channels.response_to("u"), "p#/n#u#");
    }

    #[test]
    fn subscriptions() {
        assert!(Dynamic.subscribes(false) && !Dynamic.subscribes(true));
        assert!(DynamicPrivate.subscribes(true) && !Static.subscribes(false));
    }
}

//! Entries of messages that the stream gives their places, and what else recovery needs of the format.

use std::time::Duration;

use super::{Format, Mode};
use crate::bus::{
    broadcast::{Broadcast, Mark},
    redis::{Publish, Subscription, Trim},
    wire::{DataRef, Flags, OptsRef, WireError, streams},
};
use crate::id::{EntryId, PrivateId};

/// The field by which a process knows its own entries again; all others ignore it.
const MARK: &str = "carillon";
/// What the streams adapter puts before the name of a session.
const SESSIONS: &str = "sio:session:";

impl Format {
    /// What streams forget from now on: what is so much older than the latest entry; without an age, by length.
    pub(in crate::bus::cluster) fn set_trim(&self, latest: EntryId, age: Option<Duration>) {
        let before = age.map(|age| {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            EntryId {
                millis: latest.millis.saturating_sub(age),
                sequence: 0,
            }
        });
        self.trim.set(before.map_or(Trim::Length, Trim::Before));
    }

    /// Our name among the servers of the cluster.
    pub(in crate::bus::cluster) fn uid(&self) -> &str {
        &self.uid
    }

    /// The streams that give messages their places.
    pub fn names(&self) -> Option<streams::Names> {
        (self.mode == Mode::Streams).then(|| self.names.clone())
    }

    /// Which order a stream is, counted from 1.
    pub(in crate::bus::cluster) fn lane(&self, stream: &str) -> Option<usize> {
        let place = self.names.all().iter().position(|name| name == stream);
        place.map(|place| place + 1)
    }

    /// The entry of a message that is not encoded yet.
    pub(in crate::bus::cluster) fn entry(
        &self,
        broadcast: &Broadcast,
    ) -> Result<Publish, WireError> {
        let keep = broadcast.keep.as_ref().ok_or(WireError::Field("data"))?;
        let comma = if keep.args.is_empty() { "" } else { "," };
        let json = format!("[{}{comma}{}]", keep.name, keep.args);
        let data = DataRef {
            json: &json,
            attachments: &keep.attachments,
        };
        let target = &broadcast.target;
        let mark = broadcast.mark.map(|mark| mark.0);
        let opts = OptsRef {
            rooms: &target.rooms,
            except: &target.except,
            flags: Flags {
                volatile: broadcast.volatile,
                mark,
                ..Flags::default()
            },
        };
        let namespace = &*target.namespace;
        let entry = streams::encode_broadcast(&self.uid, namespace, data, opts)?;
        let mut pairs = entry.pairs();
        pairs.extend(mark.map(|mark| (MARK, mark.to_string())));
        Ok(Publish::entry(
            self.names.of(namespace),
            self.trim.get(),
            pairs,
        ))
    }

    /// Whether an entry is our own, and by what we know it.
    pub(in crate::bus::cluster) fn own<'a>(
        &self,
        fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Option<Option<Mark>> {
        let (mut is_own, mut mark) = (false, None);
        for (name, value) in fields {
            match name {
                b"uid" => is_own = value == self.uid.as_bytes(),
                _ if name == MARK.as_bytes() => {
                    let text = std::str::from_utf8(value).ok();
                    mark = text.and_then(|text| text.parse().ok()).map(Mark);
                }
                _ => {}
            }
        }
        is_own.then_some(mark)
    }

    /// Where a session is kept.
    pub(in crate::bus::cluster) fn session_key(&self, pid: PrivateId) -> String {
        streams::session_key(SESSIONS, pid.as_str())
    }

    /// The channel on which a process is asked to give a socket up, and hears what others answer.
    pub(in crate::bus::cluster) fn letterbox(&self, uid: &str) -> String {
        format!("{}:carillon:pod:{uid}", self.prefix)
    }

    pub(in crate::bus::cluster) fn own_letterbox(&self) -> Subscription {
        Subscription::Channel(self.letterbox(&self.uid))
    }
}

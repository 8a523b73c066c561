//! What a recoverable socket takes along to another pod, and how it goes on there: after what it was told it is told what this
//! pod has of the stream behind that, up to where this shard is, and is in its rooms by then.

use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Member, Session};
use crate::bus::broadcast::Broadcast;
use crate::bus::recovery::{Record, Wanted};
use crate::hub::{Restorable, Socket};
use crate::id::{EntryId, PrivateId, Version};
use crate::node::holding::Meanwhile;
use crate::node::recovery::NOBODY;

/// The part of its session that another pod does not know by the outline; positions are texts.
#[derive(Serialize, Deserialize)]
pub(super) struct Carried {
    pid: String,
    /// Where it connected for the first time.
    position: String,
    /// Up to there it was told everything.
    upto: String,
    /// The last of that.
    last: String,
    /// Where it entered its rooms.
    entered: Vec<(String, String)>,
    data: Box<str>,
    version: Version,
}

/// A socket that is about to go on here.
pub(super) struct Arriving {
    record: Record,
    missed: Vec<Arc<Broadcast>>,
    meanwhile: Meanwhile,
}

impl Carried {
    pub(super) fn of(record: Record) -> Self {
        let entered = record.rooms.iter();
        Self {
            pid: record.pid.as_str().into(),
            position: record.position.to_string(),
            upto: record.upto.to_string(),
            last: record.last.to_string(),
            entered: entered
                .map(|(room, position)| (room.to_string(), position.to_string()))
                .collect(),
            data: record.data,
            version: record.version,
        }
    }

    fn record(&self, session: &Session, member: &Member) -> Option<Record> {
        let entered = self.entered.iter();
        let entered = entered.map(|(room, position)| Some((room.as_str().into(), id(position)?)));
        Some(Record {
            pid: PrivateId::parse(&self.pid)?,
            position: id(&self.position)?,
            upto: id(&self.upto)?,
            last: id(&self.last)?,
            rooms: entered.collect::<Option<_>>()?,
            data: self.data.clone(),
            version: self.version.moved(),
            ..session.blank(member)?
        })
    }
}

impl Session {
    /// Whether the held sockets can be told here what follows these positions. That is looked at before their session is asked
    /// for, as long as it costs nothing if it is not so.
    pub(super) async fn follows(&self, positions: &[Option<EntryId>]) -> bool {
        let members: Vec<Rc<Member>> = self.members.borrow().to_vec();
        for (member, position) in members.iter().zip(positions) {
            let Some(from) = *position else { continue };
            let lane = self.node.bus.lane(&member.socket.namespace.name);
            let record = self.blank(member);
            let Some(record) = record.filter(|_| self.node.holding.has(&member.socket)) else {
                return false;
            };
            if !self.reach(lane, from).await || self.missed(&record, from, 0).is_none() {
                return false;
            }
        }
        true
    }

    /// The sockets that are recoverable of those that were held, in the order of the members; `None` if they cannot go on here.
    /// Nothing may be awaited before they do.
    pub(super) async fn arriving(
        &self,
        carried: &[Option<&Carried>],
    ) -> Option<Vec<Option<Arriving>>> {
        let members: Vec<Rc<Member>> = self.members.borrow().to_vec();
        let mut records = Vec::new();
        for (member, carried) in members.iter().zip(carried) {
            let record = match carried {
                Some(carried) => Some(carried.record(self, member)?),
                None if self.node.holding.has(&member.socket) => return None,
                None => None,
            };
            let lane = self.node.bus.lane(&member.socket.namespace.name);
            if let Some(record) = &record
                && !self.reach(lane, record.upto).await
            {
                return None;
            }
            records.push(record);
        }
        if members.len() != carried.len() || self.is_closed.get() {
            return None;
        }
        let members = members.iter().zip(records);
        let arriving = members.map(|(member, record)| match record {
            Some(record) => Some(Some(self.arrival(&member.socket, record)?)),
            None => Some(None),
        });
        arriving.collect()
    }

    fn arrival(&self, socket: &Socket, mut record: Record) -> Option<Arriving> {
        let node = &self.node;
        let meanwhile = node.holding.end(socket)?;
        // Its client is here by another connection already.
        if node.bus.is_live(record.pid) {
            return None;
        }
        let position = node.position(node.bus.lane(&record.namespace));
        let rooms = socket.rooms().into_iter().map(|room| {
            let known = || record.rooms.iter().find(|(name, _)| *name == room);
            let entered = meanwhile.entry_to(&room);
            let entered = entered.or_else(|| known().map(|(_, entered)| *entered));
            (room, entered.unwrap_or(position))
        });
        record.rooms = rooms.collect();
        Some(Arriving {
            missed: self.missed(&record, record.upto, usize::MAX)?,
            record,
            meanwhile,
        })
    }

    /// The socket goes on.
    pub(super) fn arrive(&self, socket: &Rc<Socket>, arriving: Arriving) {
        let Arriving {
            record,
            mut missed,
            meanwhile,
        } = arriving;
        let node = &self.node;
        if !socket.is_connected() {
            // It was ended meanwhile.
            return node.bus.forget(socket.id, record.pid, record.version);
        }
        missed.retain(|broadcast| node.replays.admits(socket, broadcast));
        node.tell_missed(&socket.namespace, &self.client, &missed);
        let lane = node.bus.lane(&record.namespace);
        let restorable = Restorable::new(record.pid, lane, record.position);
        let told = (record.last, record.upto);
        node.enlist(
            socket,
            restorable.going_on(record.data, record.rooms, told, record.version),
        );
        node.tell_unstored(socket, &meanwhile);
    }

    /// What this pod has behind `from`, up to where this shard is.
    fn missed(&self, record: &Record, from: EntryId, bytes: usize) -> Option<Vec<Arc<Broadcast>>> {
        let node = &self.node;
        let wanted = Wanted {
            record,
            from,
            upto: node.position(node.bus.lane(&record.namespace)),
            bytes,
        };
        node.bus.missed(&wanted).map(|missed| missed.entries)
    }

    /// The record of a held socket as far as it is known here; `None` where it cannot be recoverable.
    fn blank(&self, member: &Member) -> Option<Record> {
        let socket = &member.socket;
        let rooms = socket.rooms().into_iter();
        Some(Record {
            namespace: socket.namespace.name.clone(),
            sid: socket.id,
            pid: PrivateId::random(),
            rooms: rooms.map(|room| (room, EntryId::default())).collect(),
            position: EntryId::default(),
            upto: EntryId::default(),
            last: EntryId::default(),
            is_foreign: false,
            data: "{}".into(),
            user: NOBODY.into(),
            owner: self.node.shard,
            window: member.space.recovery()?,
            version: Version::default(),
        })
    }
}

fn id(text: &str) -> Option<EntryId> {
    text.parse().ok()
}

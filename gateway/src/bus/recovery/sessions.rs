//! Where each recoverable session is: alive on a shard, or saved until its client comes back. One that goes on in another process is
//! kept too: until that process has written it, whoever takes it asks here.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use super::Record;
use crate::id::{PrivateId, SocketId};

/// All sessions of recoverable namespaces. The bus holds the lock around it.
#[derive(Debug)]
pub(in crate::bus) struct Sessions {
    slots: HashMap<PrivateId, Slot>,
    /// The saved ones, oldest first; some are taken since.
    order: VecDeque<(PrivateId, Instant)>,
    saved: usize,
    bytes: usize,
    bound: usize,
    evicted: u64,
    warned: bool,
}

#[derive(Debug)]
enum Slot {
    Live {
        shard: usize,
        namespace: Arc<str>,
        socket: SocketId,
    },
    Saved {
        record: Box<Record>,
        until: Instant,
        has_moved: bool,
    },
}

/// What was found of a session that somebody takes.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// All of it.
    Saved(Box<Record>),
    /// Its socket lives there, and has to give it up.
    Live {
        /// The shard.
        shard: usize,
        /// The namespace.
        namespace: Arc<str>,
        /// The socket.
        socket: SocketId,
    },
}

impl Sessions {
    /// No session; the saved ones may hold `bound` bytes.
    pub(in crate::bus) fn new(bound: usize) -> Self {
        Self {
            slots: HashMap::new(),
            order: VecDeque::new(),
            saved: 0,
            bytes: 0,
            bound,
            evicted: 0,
            warned: false,
        }
    }

    pub(super) fn enlist(
        &mut self,
        shard: usize,
        namespace: Arc<str>,
        socket: SocketId,
        pid: PrivateId,
    ) {
        let live = Slot::Live {
            shard,
            namespace,
            socket,
        };
        self.put(pid, live);
    }

    pub(super) fn save(&mut self, record: Record, now: Instant) {
        self.keep(record, false, now);
    }

    /// The socket of that session goes on in another process.
    pub(super) fn hand_over(&mut self, record: Record, now: Instant) {
        self.keep(record, true, now);
    }

    fn keep(&mut self, record: Record, has_moved: bool, now: Instant) {
        let (pid, until) = (record.pid, now + record.window);
        self.saved += usize::from(!has_moved);
        self.bytes += weight(&record);
        self.order.push_back((pid, until));
        let slot = Slot::Saved {
            record: Box::new(record),
            until,
            has_moved,
        };
        self.put(pid, slot);
        while self.bytes > self.bound && self.evict() {}
    }

    /// The socket of that private id has ended; another one that has taken its place stays.
    pub(super) fn forget(&mut self, gone: SocketId, pid: PrivateId) {
        let is_it =
            matches!(self.slots.get(&pid), Some(Slot::Live { socket, .. }) if *socket == gone);
        if is_it {
            self.slots.remove(&pid);
        }
    }

    /// Takes a session out, for one socket alone.
    pub(super) fn take(&mut self, wanted: &str, pid: PrivateId, now: Instant) -> Found {
        if let Some((shard, namespace, socket)) = self.take_live(wanted, pid) {
            return Found::Live {
                shard,
                namespace,
                socket,
            };
        }
        self.take_saved(wanted, pid, now)
            .map_or(Found::Nothing, Found::Saved)
    }

    /// The same, where its socket lives.
    pub(in crate::bus) fn take_live(
        &mut self,
        wanted: &str,
        pid: PrivateId,
    ) -> Option<(usize, Arc<str>, SocketId)> {
        let Some(Slot::Live {
            shard,
            namespace,
            socket,
        }) = self.slots.get(&pid)
        else {
            return None;
        };
        if **namespace != *wanted {
            return None;
        }
        let found = (*shard, Arc::clone(namespace), *socket);
        self.slots.remove(&pid);
        Some(found)
    }

    /// The same, where it is saved.
    pub(super) fn take_saved(
        &mut self,
        wanted: &str,
        pid: PrivateId,
        now: Instant,
    ) -> Option<Box<Record>> {
        self.kept(wanted, pid, false)?;
        match self.remove(pid) {
            Some(Slot::Saved { record, until, .. }) if now < until => Some(record),
            _ => None,
        }
    }

    /// One that was handed over, for who has read that it is here, because no other process has written it since. It stays: who has
    /// asked may die before it writes it.
    pub(in crate::bus) fn given_away(
        &self,
        wanted: &str,
        pid: PrivateId,
        now: Instant,
    ) -> Option<Box<Record>> {
        let (record, until) = self.kept(wanted, pid, true)?;
        (now < until).then(|| Box::new(record.clone()))
    }

    fn kept(&self, wanted: &str, pid: PrivateId, moved: bool) -> Option<(&Record, Instant)> {
        match self.slots.get(&pid) {
            Some(Slot::Saved {
                record,
                until,
                has_moved,
            }) if *has_moved == moved && *record.namespace == *wanted => Some((record, *until)),
            _ => None,
        }
    }

    /// Whether its socket lives in this process.
    pub(super) fn is_live(&self, pid: PrivateId) -> bool {
        matches!(self.slots.get(&pid), Some(Slot::Live { .. }))
    }

    /// Forgets who was away too long, and all of namespaces that are not recoverable any more.
    pub(super) fn trim(&mut self, is_recoverable: &dyn Fn(&str) -> bool, now: Instant) {
        let over: Vec<PrivateId> = self
            .slots
            .iter()
            .filter(|(_, slot)| {
                matches!(slot, Slot::Saved { record, until, .. } if *until <= now || !is_recoverable(&record.namespace))
            })
            .map(|(pid, _)| *pid)
            .collect();
        for pid in over {
            self.remove(pid);
        }
        let slots = &self.slots;
        self.order
            .retain(|(pid, since)| is_saved(slots.get(pid), *since));
    }

    /// How many are saved, and how many were forgotten before their time.
    pub(super) fn load(&self) -> (usize, u64) {
        (self.saved, self.evicted)
    }

    fn put(&mut self, pid: PrivateId, slot: Slot) {
        if let Some(before) = self.slots.insert(pid, slot) {
            self.uncount(&before);
        }
    }

    fn remove(&mut self, pid: PrivateId) -> Option<Slot> {
        let slot = self.slots.remove(&pid)?;
        self.uncount(&slot);
        Some(slot)
    }

    fn uncount(&mut self, slot: &Slot) {
        if let Slot::Saved {
            record, has_moved, ..
        } = slot
        {
            self.saved -= usize::from(!has_moved);
            self.bytes -= weight(record);
        }
    }

    /// Forgets the session that was saved first; false if none is left.
    fn evict(&mut self) -> bool {
        let Some((pid, until)) = self.order.pop_front() else {
            return false;
        };
        if is_saved(self.slots.get(&pid), until) {
            self.remove(pid);
            self.evicted += 1;
            if !self.warned {
                self.warned = true;
                tracing::warn!(
                    bytes = self.bound,
                    "recovery holds all sessions that it may: the oldest are forgotten"
                );
            }
        }
        true
    }
}

fn is_saved(slot: Option<&Slot>, since: Instant) -> bool {
    matches!(slot, Some(Slot::Saved { until, .. }) if *until == since)
}

fn weight(record: &Record) -> usize {
    let rooms = record.rooms.iter();
    let rooms: usize = rooms
        .map(|(room, _)| size_of_val(room) + room.len() + 32)
        .sum();
    size_of::<Record>() + 128 + rooms + record.data.len() + record.user.len()
}

//! The rooms of `churn`: who is in which, what was asked, what has to arrive.

use std::collections::{HashMap, VecDeque};

use crate::histogram::{Histogram, Quantiles};
use crate::payload::PayloadFormat;
use crate::report::Faults;
use crate::swarm::Traffic;
use crate::wire::Change;

/// What to send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Join { client: u32, room: u32 },
    Leave { client: u32, room: u32 },
}

/// Counts since the beginning, filling included.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) joins: u64,
    pub(super) leaves: u64,
    pub(super) published: u64,
    pub(super) faults: Faults,
}

/// How far a room's member has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Empty,
    /// The join waits for its acknowledgement.
    Joining,
    /// It has come; the message waits for its turn or is under way.
    Waiting,
    /// The message has arrived, or was given up: the member may leave.
    Settled,
}

#[derive(Clone, Copy)]
struct Room {
    stage: Stage,
    member: u32,
    /// Of the latest message.
    sequence: u32,
    /// Whether the next member joins in the moment this one leaves; changes with every leave.
    swap: bool,
    /// Who was the member before, and since when it surely is none: its leave's acknowledgement.
    former: Option<(u32, Option<u64>)>,
}

struct Asked {
    change: Change,
    client: u32,
    room: u32,
    time: u64,
}

pub(super) struct Rooms {
    format: PayloadFormat,
    members: u32,
    rooms: Vec<Room>,
    /// Requests that are not answered, by the sequence that names them.
    asked: HashMap<u32, Asked>,
    next_sequence: u32,
    /// Joins since acknowledged, whose message is to be published.
    due: VecDeque<u32>,
    /// Messages under way: when they are given up, room, sequence.
    under_way: VecDeque<(u64, u32, u32)>,
    /// A join that follows a leave of the same room.
    swap: Option<Request>,
    next_member: u32,
    /// Places in the two rounds, and which one is next.
    everywhere: u32,
    hot: u32,
    turn_of_hot: bool,
    answered: u64,
    acks: Histogram,
    latency: Histogram,
    totals: Totals,
}

impl Rooms {
    pub(super) fn new(format: PayloadFormat, members: usize, rooms: u32) -> Self {
        let room = Room {
            stage: Stage::Empty,
            member: 0,
            sequence: 0,
            swap: true,
            former: None,
        };
        Self {
            format,
            members: members as u32,
            rooms: vec![room; rooms as usize],
            asked: HashMap::new(),
            next_sequence: 0,
            due: VecDeque::new(),
            under_way: VecDeque::new(),
            swap: None,
            next_member: 0,
            everywhere: 0,
            hot: 0,
            turn_of_hot: false,
            answered: 0,
            acks: Histogram::new(),
            latency: Histogram::new(),
            totals: Totals::default(),
        }
    }

    /// The join of the next room that is empty.
    pub(super) fn fill(&mut self) -> Option<Request> {
        let room = self.everywhere % self.rooms.len() as u32;
        self.everywhere += 1;
        (self.rooms[room as usize].stage == Stage::Empty).then(|| self.join(room))
    }

    /// The next change, of a room that waits for nothing.
    pub(super) fn next(&mut self) -> Option<Request> {
        if let Some(join) = self.swap.take() {
            return Some(join);
        }
        for _ in 0..TRIES {
            let room = self.pick();
            let Room {
                stage,
                member,
                swap,
                ..
            } = self.rooms[room as usize];
            match stage {
                Stage::Empty => return Some(self.join(room)),
                Stage::Settled => {
                    self.rooms[room as usize].swap = !swap;
                    if swap {
                        self.swap = Some(self.join(room));
                    }
                    return Some(Request::Leave {
                        client: member,
                        room,
                    });
                }
                Stage::Joining | Stage::Waiting => {}
            }
        }
        None
    }

    fn pick(&mut self) -> u32 {
        let count = self.rooms.len() as u32;
        self.turn_of_hot = !self.turn_of_hot;
        let (place, round) = if self.turn_of_hot {
            (&mut self.hot, (count / HOT_SHARE).max(1))
        } else {
            (&mut self.everywhere, count)
        };
        *place = (*place + 1) % round;
        *place
    }

    fn join(&mut self, room: u32) -> Request {
        let client = self.next_member;
        self.next_member = (client + 1) % self.members;
        Request::Join { client, room }
    }

    /// Notes a request that is sent now; its sequence names it.
    pub(super) fn asked(&mut self, change: Change, client: u32, room: u32, time: u64) -> u32 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let place = &mut self.rooms[room as usize];
        match change {
            Change::Join => {
                self.totals.joins += 1;
                place.stage = Stage::Joining;
                place.member = client;
            }
            Change::Leave => {
                self.totals.leaves += 1;
                place.stage = Stage::Empty;
                place.former = Some((client, None));
            }
        }
        let asked = Asked {
            change,
            client,
            room,
            time,
        };
        self.asked.insert(sequence, asked);
        sequence
    }

    /// A room whose message is to be published now, and the message's sequence.
    pub(super) fn due(&mut self, now: u64) -> Option<(u32, u32)> {
        let room = self.due.pop_front()?;
        let sequence = self.rooms[room as usize].sequence;
        self.totals.published += 1;
        self.under_way.push_back((now + PATIENCE, room, sequence));
        Some((room, sequence))
    }

    /// Counts what has been under way for too long as lost.
    pub(super) fn give_up(&mut self, now: u64) {
        while let Some((end, room, sequence)) = self.under_way.front().copied() {
            let place = &mut self.rooms[room as usize];
            let missing = place.stage == Stage::Waiting && place.sequence == sequence;
            if missing && end > now {
                return;
            }
            if missing {
                place.stage = Stage::Settled;
                self.totals.faults.lost += 1;
            }
            self.under_way.pop_front();
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.asked.is_empty() && self.due.is_empty() && self.under_way.is_empty()
    }

    /// Latencies and answers count from now on.
    pub(super) fn start_measuring(&mut self) {
        self.answered = 0;
        self.acks.clear();
        self.latency.clear();
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    pub(super) fn unanswered(&self) -> u64 {
        self.asked.len() as u64
    }

    pub(super) fn acks(&self) -> Quantiles {
        self.acks.quantiles()
    }

    pub(super) fn latency(&self) -> Quantiles {
        self.latency.quantiles()
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    pub(super) fn members(&self) -> usize {
        self.members as usize
    }

    pub(super) fn format(&self) -> &PayloadFormat {
        &self.format
    }
}

impl Traffic for Rooms {
    fn delivered(&mut self, client: usize, _: u32, payload: &[u8], now: u64) {
        let faults = &mut self.totals.faults;
        let Some(stamp) = self.format.check(payload) else {
            faults.corrupt += 1;
            return;
        };
        let Some(room) = self.rooms.get_mut(stamp.publisher as usize) else {
            faults.misrouted += 1;
            return;
        };
        let is_member = room.stage != Stage::Empty && room.member as usize == client;
        if is_member && stamp.sequence == room.sequence && room.stage == Stage::Waiting {
            room.stage = Stage::Settled;
            self.latency.record(now.saturating_sub(stamp.time));
            return;
        }
        match room.former {
            // Published before its leave was acknowledged: it may still hear it.
            Some((former, left)) if former as usize == client && !is_member => {
                if left.is_some_and(|left| left < stamp.time) {
                    faults.misrouted += 1;
                }
            }
            _ if is_member && stamp.sequence == room.sequence => faults.duplicates += 1,
            _ if is_member => faults.reordered += 1,
            _ => faults.misrouted += 1,
        }
    }

    fn echoed(&mut self, _: usize, _: u32, _: &[u8], _: u64, _: &mut Vec<u8>) {
        self.totals.faults.corrupt += 1;
    }

    fn done(&mut self, client: usize, sequence: u32, now: u64) {
        let Some(asked) = self.asked.remove(&sequence) else {
            self.totals.faults.corrupt += 1;
            return;
        };
        if asked.client as usize != client {
            self.totals.faults.misrouted += 1;
        }
        self.answered += 1;
        let room = &mut self.rooms[asked.room as usize];
        match asked.change {
            Change::Join => {
                self.acks.record(now.saturating_sub(asked.time));
                room.stage = Stage::Waiting;
                room.sequence += 1;
                self.due.push_back(asked.room);
            }
            Change::Leave => {
                if let Some((former, left)) = &mut room.former
                    && *former == asked.client
                {
                    *left = Some(now);
                }
            }
        }
    }
}

/// One of this many rooms is hot.
const HOT_SHARE: u32 = 100;
/// Rooms that may be passed over for one change.
const TRIES: usize = 64;
/// A message that takes longer is lost.
const PATIENCE: u64 = 5_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Stamp;

    fn rooms() -> Rooms {
        Rooms::new(PayloadFormat::new(64), 3, 1)
    }

    /// Sends what is next and returns it with its sequence.
    fn ask(rooms: &mut Rooms) -> (Request, u32) {
        let request = rooms.next().expect("a room that waits for nothing");
        let sequence = match request {
            Request::Join { client, room } => rooms.asked(Change::Join, client, room, 0),
            Request::Leave { client, room } => rooms.asked(Change::Leave, client, room, 0),
        };
        (request, sequence)
    }

    fn deliver(rooms: &mut Rooms, client: usize, sequence: u32, time: u64) {
        let mut payload = Vec::new();
        let stamp = Stamp {
            publisher: 0,
            sequence,
            time,
        };
        rooms.format.write(stamp, &mut payload);
        rooms.delivered(client, 9, &payload, time + 1);
    }

    /// Room 0 with member 0, whose message has arrived.
    fn settled() -> Rooms {
        let mut rooms = rooms();
        let (request, sequence) = ask(&mut rooms);
        assert_eq!(request, Request::Join { client: 0, room: 0 });
        assert_eq!(rooms.due(1), None);
        assert_eq!(rooms.next(), None);
        rooms.done(0, sequence, 1);
        assert_eq!(rooms.due(1), Some((0, 1)));
        deliver(&mut rooms, 0, 1, 1);
        rooms.give_up(1);
        assert!(rooms.is_quiet());
        rooms
    }

    #[test]
    fn a_room_changes_hands() {
        let mut rooms = settled();
        let (request, leave) = ask(&mut rooms);
        assert_eq!(request, Request::Leave { client: 0, room: 0 });
        let (request, join) = ask(&mut rooms);
        assert_eq!(request, Request::Join { client: 1, room: 0 });
        rooms.done(1, join, 5);
        assert_eq!(rooms.due(5), Some((0, 2)));
        deliver(&mut rooms, 0, 2, 5);
        rooms.done(0, leave, 6);
        deliver(&mut rooms, 1, 2, 5);
        assert!(rooms.totals().faults.is_clean());
        deliver(&mut rooms, 0, 2, 7);
        assert_eq!(rooms.totals().faults.misrouted, 1);
        deliver(&mut rooms, 1, 2, 5);
        assert_eq!(rooms.totals().faults.duplicates, 1);
    }

    #[test]
    fn what_does_not_arrive_is_lost() {
        let mut rooms = settled();
        ask(&mut rooms);
        let (_, join) = ask(&mut rooms);
        rooms.done(1, join, 5);
        assert_eq!(rooms.due(5), Some((0, 2)));
        rooms.give_up(5 + PATIENCE - 1);
        assert_eq!(rooms.totals().faults.lost, 0);
        rooms.give_up(5 + PATIENCE);
        assert_eq!(rooms.totals().faults.lost, 1);
        assert_eq!(rooms.unanswered(), 1);
    }
}

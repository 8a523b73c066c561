use std::{ops::RangeInclusive, time::Duration};

use bytes::Bytes;

use super::*;
use crate::bus::{
    Bounds, Bus,
    broadcast::{HistoryLimits, Keep, Source},
    inbox::Inbox,
};
use crate::target::Target;

const BOOT: u64 = 1_700_000_000_000;
const WINDOW: Duration = Duration::from_secs(60);

pub(super) fn id(sequence: u64) -> EntryId {
    EntryId {
        millis: BOOT,
        sequence,
    }
}

pub(super) fn message(namespace: &str, rooms: &[&str], args: &str, accepted: Instant) -> Broadcast {
    let mut target = Target::all(namespace);
    target.rooms = rooms.iter().map(|room| Arc::from(*room)).collect();
    let mut broadcast = Broadcast::new(target, Bytes::new(), accepted, Source::Client);
    broadcast.keep = Some(Keep {
        limits: HistoryLimits::NONE,
        recovery: Some(WINDOW),
        name: "\"e\"".into(),
        args: args.into(),
        attachments: Vec::new(),
        frames: Bytes::new(),
    });
    broadcast
}

pub(super) fn record(rooms: &[(&str, u64)]) -> Record {
    Record {
        namespace: "/".into(),
        sid: SocketId::random(),
        pid: PrivateId::random(),
        rooms: rooms
            .iter()
            .map(|(room, entered)| (Arc::from(*room), id(*entered)))
            .collect(),
        position: id(0),
        upto: id(0),
        last: id(0),
        is_foreign: false,
        data: "{}".into(),
        user: "null".into(),
        owner: 0,
        window: WINDOW,
        version: Version::default(),
    }
}

struct Bench {
    bus: Bus,
    inboxes: Vec<Inbox>,
    now: Instant,
}

impl Bench {
    fn new(bounds: Bounds) -> Self {
        let (bus, inboxes) = Bus::memory(2, BOOT, bounds);
        Self {
            bus,
            inboxes,
            now: Instant::now(),
        }
    }

    /// Publishes to rooms, by the number of the message.
    fn publish(&self, numbers: RangeInclusive<u64>, rooms: &[&str]) {
        for number in numbers {
            let message = message("/", rooms, &number.to_string(), self.now);
            let entry = self.bus.publish(None, message).unwrap().entry;
            assert_eq!(entry, Some(id(number)));
        }
    }

    fn page(&self, record: &Record, from: u64, bytes: usize) -> Option<Missed> {
        let wanted = Wanted {
            record,
            from: id(from),
            upto: self.bus.head(0),
            bytes,
        };
        self.bus.missed(&wanted)
    }

    /// The numbers of the missed messages.
    fn missed(&self, record: &Record, from: u64) -> Option<Vec<u64>> {
        let missed = self.page(record, from, usize::MAX)?;
        assert_eq!(missed.next, None);
        Some(numbers(&missed))
    }
}

fn numbers(missed: &Missed) -> Vec<u64> {
    let entries = missed.entries.iter();
    entries.map(|entry| entry.entry.unwrap().sequence).collect()
}

#[test]
fn every_event_ends_with_its_place_or_with_the_position() {
    let mut bench = Bench::new(Bounds::default());
    bench.publish(1..=1, &["a"]);
    let mut volatile = message("/", &[], "", bench.now);
    volatile.volatile = true;
    assert_eq!(bench.bus.publish(None, volatile).unwrap().entry, None);
    bench.publish(2..=2, &[]);
    for inbox in &mut bench.inboxes {
        let mut texts = Vec::new();
        while let Some(Inbound::Broadcast(broadcast)) = inbox.try_recv() {
            texts.push(String::from_utf8(broadcast.frames[2..].to_vec()).unwrap());
        }
        let expected = [
            format!(r#"42["e",1,"{BOOT}-1"]"#),
            format!(r#"42["e","{BOOT}-1"]"#),
            format!(r#"42["e",2,"{BOOT}-2"]"#),
        ];
        assert_eq!(texts, expected);
    }
    assert_eq!(bench.bus.in_flight(), 0, "what was reserved is released");
}

#[test]
fn a_refused_message_takes_no_id() {
    let bounds = Bounds {
        inbox: 1,
        ..Bounds::default()
    };
    let mut bench = Bench::new(bounds);
    bench.publish(1..=1, &[]);
    bench
        .bus
        .publish(None, message("/", &[], "", bench.now))
        .unwrap_err();
    bench
        .inboxes
        .iter_mut()
        .for_each(|inbox| _ = inbox.try_recv());
    bench.publish(2..=2, &[]);
}

#[test]
fn what_was_missed_is_what_selects_the_socket() {
    let bench = Bench::new(Bounds::default());
    let mine = record(&[("a", 0), ("b", 5)]);
    bench.publish(1..=2, &["a"]);
    bench.publish(3..=3, &[]);
    bench.publish(4..=4, &["b"]);
    bench.publish(5..=5, &["c"]);
    bench.publish(6..=6, &["b", "a", "c", "b"]);
    bench.publish(7..=7, &[mine.sid.as_str()]);
    for except in ["b", mine.sid.as_str()] {
        let mut excepted = message("/", &["a"], "", bench.now);
        excepted.target = excepted.target.except(except);
        bench.bus.publish(None, excepted).unwrap();
    }
    bench.publish(10..=10, &["b"]);
    let other = message("/other", &["a"], "", bench.now);
    bench.bus.publish(None, other).unwrap();

    assert_eq!(bench.missed(&mine, 0), Some(vec![1, 2, 3, 6, 7, 10]));
    assert_eq!(bench.missed(&mine, 6), Some(vec![7, 10]));
    assert_eq!(bench.missed(&mine, 11), Some(vec![]));
    assert_eq!(bench.missed(&mine, 12), None, "no id of ours");
    let elsewhere = Wanted {
        record: &mine,
        from: EntryId {
            millis: BOOT - 1,
            sequence: 1,
        },
        upto: bench.bus.head(0),
        bytes: 1,
    };
    assert!(bench.bus.missed(&elsewhere).is_none(), "of another boot");
}

#[test]
fn pages_are_bounded_and_meet() {
    let bench = Bench::new(Bounds::default());
    bench.publish(1..=5, &["a"]);
    bench.publish(6..=10, &["b"]);
    let mine = record(&[("a", 0), ("b", 0)]);
    let one = bench.page(&mine, 0, usize::MAX).unwrap().entries[0]
        .frames
        .len();
    let (mut from, mut seen, mut pages) = (0, Vec::new(), 0);
    loop {
        let page = bench.page(&mine, from, 3 * one + 1).unwrap();
        assert!(page.entries.len() <= 3);
        seen.extend(numbers(&page));
        pages += 1;
        let Some(next) = page.next else { break };
        from = next.sequence;
    }
    assert_eq!((seen, pages), ((1..=10).collect(), 4));
    let tiny = bench.page(&mine, 0, 0).unwrap();
    assert_eq!(numbers(&tiny), [1], "one message always goes");
}

#[test]
fn only_what_a_room_has_forgotten_stands_in_the_way() {
    let mut bench = Bench::new(Bounds::default());
    let (busy, calm) = (record(&[("busy", 0)]), record(&[("calm", 0)]));
    bench.publish(1..=1, &["calm"]);
    bench.publish(2..=4, &["busy"]);
    bench.now += WINDOW + Duration::from_secs(31);
    bench.publish(5..=5, &["busy"]);
    assert_eq!(bench.missed(&busy, 3), None);
    assert_eq!(bench.missed(&busy, 4), Some(vec![5]));
    assert_eq!(bench.missed(&calm, 0), None);
    assert_eq!(bench.missed(&calm, 1), Some(vec![]), "quiet since long");
    let late = record(&[("busy", 4)]);
    assert_eq!(bench.missed(&late, 0), Some(vec![5]), "entered afterwards");
}

#[test]
fn bytes_are_bounded_and_what_does_not_fit_is_counted() {
    let one = {
        let bench = Bench::new(Bounds::default());
        bench.publish(1..=1, &["a"]);
        bench.bus.recovery_load().bytes
    };
    let bounds = Bounds {
        recovery: 3 * one,
        ..Bounds::default()
    };
    let mut bench = Bench::new(bounds);
    bench.publish(1..=5, &["a"]);
    let load = bench.bus.recovery_load();
    assert_eq!((load.bytes, load.messages_evicted), (3 * one, 2));
    let mine = record(&[("a", 0)]);
    assert_eq!(bench.missed(&mine, 1), None);
    assert_eq!(bench.missed(&mine, 2), Some(vec![3, 4, 5]));
    bench.now += WINDOW + Duration::from_secs(31);
    bench.bus.trim_recovery(&|_| true, bench.now);
    assert_eq!(bench.bus.recovery_load().bytes, 0);
}

#[test]
fn history_and_recovery_share_one_order() {
    let bench = Bench::new(Bounds::default());
    bench.publish(1..=1, &["a"]);
    let mut both = message("/", &["a"], "2", bench.now);
    if let Some(keep) = &mut both.keep {
        keep.limits = HistoryLimits {
            size: 1,
            ttl: WINDOW,
        };
    }
    bench.bus.publish(None, both).unwrap();
    assert_eq!(bench.missed(&record(&[("a", 0)]), 0), Some(vec![1, 2]));
    let past = crate::bus::history::Past {
        namespace: "/",
        rooms: &["a".into()],
        since: None,
        last: 9,
    };
    let entries = bench.bus.history(&past, bench.now).entries;
    assert_eq!(&*entries[0].keep.as_ref().unwrap().args, "2");
    assert_eq!(entries.len(), 1);
}

fn taken(bus: &Bus, namespace: &str, record: &Record, now: Instant) -> bool {
    match bus.take(namespace, record.pid, now) {
        Taken::Now(found) => {
            if let Some(found) = &found {
                assert_eq!(**found, *record);
            }
            found.is_some()
        }
        Taken::Soon(_) => panic!("it is saved"),
    }
}

#[test]
fn a_saved_session_is_taken_once_in_its_namespace_and_window() {
    let bench = Bench::new(Bounds::default());
    let (bus, now) = (&bench.bus, bench.now);
    let mine = record(&[("a", 1)]);
    bus.save(mine.clone(), now);
    assert_eq!(bus.recovery_load().sessions, 1);
    assert!(!taken(bus, "/other", &mine, now));
    assert!(taken(bus, "/", &mine, now));
    assert!(!taken(bus, "/", &mine, now), "once");
    bus.save(mine.clone(), now);
    assert!(!taken(bus, "/", &mine, now + WINDOW), "too late");
    bus.save(mine.clone(), now);
    bus.trim_recovery(&|_| false, now);
    assert!(!taken(bus, "/", &mine, now), "no rule any more");
    bus.save(mine.clone(), now);
    bus.trim_recovery(&|_| true, now + WINDOW);
    assert_eq!(bus.recovery_load(), RecoveryLoad::default());
}

#[test]
fn a_session_that_was_handed_over_is_for_who_has_read_that_it_is_here() {
    let bench = Bench::new(Bounds::default());
    let (bus, now) = (&bench.bus, bench.now);
    let mine = record(&[("a", 1)]);
    bus.enlist(0, &mine.namespace, mine.sid, mine.pid);
    assert!(bus.is_live(mine.pid));
    bus.hand_over(mine.clone(), now);
    assert!(!bus.is_live(mine.pid));
    assert_eq!(bus.recovery_load().sessions, 0, "its client is not away");
    assert!(!taken(bus, "/", &mine, now), "it is not ours to give");
    assert!(bus.given_away("/other", mine.pid, now).is_none());
    for _ in 0..2 {
        assert_eq!(bus.given_away("/", mine.pid, now).as_deref(), Some(&mine));
    }
    assert!(bus.given_away("/", mine.pid, now + WINDOW).is_none());
    bus.hand_over(mine.clone(), now);
    bus.enlist(0, &mine.namespace, mine.sid, mine.pid);
    assert!(
        bus.given_away("/", mine.pid, now).is_none(),
        "it has come back"
    );
    bus.release(mine.sid, mine.pid);
    bus.hand_over(mine.clone(), now);
    bus.trim_recovery(&|_| true, now + WINDOW);
    assert!(bus.given_away("/", mine.pid, now).is_none());
    assert_eq!(bus.recovery_load(), RecoveryLoad::default());
}

#[test]
fn one_of_many_gets_it() {
    let bench = Bench::new(Bounds::default());
    let mine = record(&[]);
    bench.bus.save(mine.clone(), bench.now);
    let winners: usize = std::thread::scope(|scope| {
        let take = || usize::from(taken(&bench.bus, "/", &mine, bench.now));
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
        tries.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert_eq!(winners, 1);
}

#[test]
fn sessions_are_bounded_by_bytes() {
    let one = record(&[("a", 1)]);
    let bounds = Bounds {
        sessions: 1000,
        ..Bounds::default()
    };
    let bench = Bench::new(bounds);
    bench.bus.save(one.clone(), bench.now);
    for _ in 0..9 {
        bench.bus.save(record(&[("a", 1)]), bench.now);
    }
    let load = bench.bus.recovery_load();
    assert_eq!(load.sessions as u64 + load.sessions_evicted, 10);
    assert!(load.sessions_evicted > 0);
    assert!(
        !taken(&bench.bus, "/", &one, bench.now),
        "the oldest goes first"
    );
}

#[tokio::test]
async fn a_socket_that_lives_is_given_up_by_its_shard() {
    let mut bench = Bench::new(Bounds::default());
    let mine = record(&[]);
    let namespace: Arc<str> = "/".into();
    bench.bus.enlist(1, &namespace, mine.sid, mine.pid);
    let Taken::Soon(answer) = bench.bus.take("/", mine.pid, bench.now) else {
        panic!("it lives");
    };
    assert!(matches!(
        bench.bus.take("/", mine.pid, bench.now),
        Taken::Now(None)
    ));
    match bench.inboxes[1].try_recv() {
        Some(Inbound::Yield { socket, reply, .. }) => {
            assert_eq!(socket, mine.sid);
            reply.send(Some(Box::new(mine.clone()))).unwrap();
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(answer.await.unwrap(), Some(Box::new(mine.clone())));

    bench.bus.enlist(0, &namespace, mine.sid, mine.pid);
    bench.bus.forget(SocketId::random(), mine.pid, mine.version);
    assert!(matches!(
        bench.bus.take("/", mine.pid, bench.now),
        Taken::Soon(_)
    ));
    bench.bus.enlist(0, &namespace, mine.sid, mine.pid);
    bench.bus.forget(mine.sid, mine.pid, mine.version);
    assert!(matches!(
        bench.bus.take("/", mine.pid, bench.now),
        Taken::Now(None)
    ));
}

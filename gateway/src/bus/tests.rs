use std::time::Duration;

use bytes::Bytes;

use super::{
    broadcast::{Keep, Source},
    gather::AckReply,
    inbox::Inbound,
    query::{Answer, Change, Counts, Query},
    *,
};
use crate::target::Target;

const BOOT: u64 = 1_700_000_000_000;

fn bus(shards: usize) -> (Bus, Vec<Inbox>) {
    Bus::memory(shards, BOOT, Bounds::default())
}

fn plain(text: &'static str) -> Broadcast {
    let frames = Bytes::from_static(text.as_bytes());
    Broadcast::new(Target::all("/"), frames, Instant::now(), Source::Client)
}

fn kept(text: &'static str, rooms: &[&str], size: usize) -> Broadcast {
    let mut broadcast = plain(text);
    broadcast.target.rooms = rooms.iter().map(|room| Arc::from(*room)).collect();
    broadcast.keep = Some(Keep {
        limits: limits(size),
        recovery: None,
        name: "\"e\"".into(),
        args: text.into(),
        attachments: Vec::new(),
        frames: broadcast.frames.clone(),
    });
    broadcast
}

fn limits(size: usize) -> HistoryLimits {
    HistoryLimits {
        size,
        ttl: Duration::from_secs(60),
    }
}

fn taken(inbox: &mut Inbox) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(message) = inbox.try_recv() {
        if let Inbound::Broadcast(broadcast) = message {
            texts.push(String::from_utf8(broadcast.frames.to_vec()).unwrap());
        }
    }
    texts
}

fn past(bus: &Bus, rooms: &[&str], last: usize, since: Option<EntryId>, now: Instant) -> String {
    let rooms: Vec<Arc<str>> = rooms.iter().map(|room| Arc::from(*room)).collect();
    let past = Past {
        namespace: "/",
        rooms: &rooms,
        since,
        last,
    };
    let entries = bus.history(&past, now).entries;
    let texts: Vec<&str> = entries
        .iter()
        .map(|entry| &*entry.keep.as_ref().unwrap().args)
        .collect();
    texts.join(" ")
}

#[test]
fn a_message_without_history_is_delivered_by_its_publisher_and_sent_to_the_others() {
    let (bus, mut inboxes) = bus(3);
    let published = bus.publish(Some(1), plain("a")).unwrap();
    assert!(published.deliver.is_some());
    assert_eq!(bus.in_flight(), 2);
    let seen: Vec<_> = inboxes.iter_mut().map(taken).collect();
    assert_eq!(seen, [vec!["a"], vec![], vec!["a"]]);
    assert_eq!(bus.in_flight(), 0);
}

#[test]
fn a_message_from_the_control_side_reaches_every_inbox() {
    let (bus, mut inboxes) = bus(2);
    assert!(bus.publish(None, plain("a")).unwrap().deliver.is_none());
    let seen: Vec<_> = inboxes.iter_mut().map(taken).collect();
    assert_eq!(seen, [vec!["a"], vec!["a"]]);
}

#[test]
fn kept_messages_reach_every_inbox_in_the_order_of_ids() {
    let (bus, mut inboxes) = bus(2);
    for (from, text) in [(Some(0), "1"), (None, "2"), (Some(1), "3")] {
        let published = bus.publish(from, kept(text, &["r"], 10)).unwrap();
        assert!(published.deliver.is_none());
        assert_eq!(
            published.entry.unwrap().to_string(),
            format!("{BOOT}-{text}")
        );
    }
    let seen: Vec<_> = inboxes.iter_mut().map(taken).collect();
    assert_eq!(seen, [vec!["1", "2", "3"], vec!["1", "2", "3"]]);
}

#[test]
fn publishers_at_once_leave_one_order_everywhere() {
    let (bus, mut inboxes) = bus(3);
    std::thread::scope(|scope| {
        for shard in 0..3 {
            let bus = &bus;
            scope.spawn(move || {
                for _ in 0..200 {
                    bus.publish(Some(shard), kept("x", &["r"], 10)).unwrap();
                }
            });
        }
    });
    for inbox in &mut inboxes {
        let mut ids = Vec::new();
        while let Some(Inbound::Broadcast(broadcast)) = inbox.try_recv() {
            ids.push(broadcast.entry.unwrap().sequence);
        }
        assert_eq!(ids, (1..=600).collect::<Vec<_>>());
    }
}

#[test]
fn a_full_inbox_refuses_for_all() {
    let bounds = Bounds {
        inbox: 1,
        ..Bounds::default()
    };
    let (bus, mut inboxes) = Bus::memory(2, BOOT, bounds);
    bus.publish(None, plain("a")).unwrap();
    taken(&mut inboxes[0]);
    assert_eq!(
        bus.publish(None, plain("b")).unwrap_err(),
        PublishError::Full
    );
    assert_eq!(taken(&mut inboxes[0]), Vec::<String>::new());
    assert_eq!(taken(&mut inboxes[1]), ["a"]);
    bus.publish(None, kept("c", &[], 1)).unwrap();
    assert_eq!(taken(&mut inboxes[0]), ["c"]);
}

#[test]
fn the_past_is_kept_by_room_size_and_age() {
    let (bus, _inboxes) = bus(1);
    let now = Instant::now();
    for text in ["1", "2", "3"] {
        bus.publish(None, kept(text, &["a"], 2)).unwrap();
    }
    bus.publish(None, kept("4", &["a", "b", "-_0123456789abcdefgh"], 2))
        .unwrap();
    bus.publish(None, kept("5", &[], 2)).unwrap();
    let mut volatile = kept("6", &["a"], 2);
    volatile.volatile = true;
    assert_eq!(bus.publish(None, volatile).unwrap().entry, None);

    assert_eq!(past(&bus, &["a"], 9, None, now), "3 4");
    assert_eq!(past(&bus, &["a"], 1, None, now), "4");
    assert_eq!(past(&bus, &["a", "b"], 9, None, now), "3 4");
    assert_eq!(past(&bus, &["-_0123456789abcdefgh"], 9, None, now), "");
    assert_eq!(past(&bus, &[""], 9, None, now), "5");
    let third = format!("{BOOT}-3").parse().unwrap();
    assert_eq!(past(&bus, &["a"], 9, Some(third), now), "4");
    let later = now + Duration::from_secs(61);
    assert_eq!(past(&bus, &["a", "b", ""], 9, None, later), "");
    bus.trim(&|_| Some(limits(2)), later);
    assert_eq!(bus.history_bytes(), 0);
}

#[test]
fn a_smaller_rule_trims_at_once() {
    let (bus, _inboxes) = bus(1);
    let now = Instant::now();
    for text in ["1", "2", "3"] {
        bus.publish(None, kept(text, &["a"], 5)).unwrap();
    }
    bus.trim(&|_| Some(limits(1)), now);
    assert_eq!(past(&bus, &["a"], 9, None, now), "3");
    bus.trim(&|_| None, now);
    assert_eq!(bus.history_bytes(), 0);
}

#[test]
fn the_oldest_entries_of_all_rooms_make_room() {
    let one = {
        let (bus, _inboxes) = bus(1);
        bus.publish(None, kept("1", &["a"], 5)).unwrap();
        bus.history_bytes()
    };
    let bounds = Bounds {
        history: 2 * one,
        ..Bounds::default()
    };
    let (bus, _inboxes) = Bus::memory(1, BOOT, bounds);
    for (text, room) in [("1", "a"), ("2", "b"), ("3", "a")] {
        bus.publish(None, kept(text, &[room], 5)).unwrap();
    }
    let now = Instant::now();
    assert_eq!(past(&bus, &["a", "b"], 9, None, now), "2 3");
    assert_eq!(bus.history_bytes(), 2 * one);
}

#[tokio::test]
async fn a_watch_wakes_for_its_room_only() {
    let (bus, _inboxes) = bus(1);
    let mut watch = bus.watch("/".into(), "a".into());
    bus.publish(None, kept("1", &["b"], 5)).unwrap();
    let waited = tokio::time::timeout(Duration::ZERO, watch.changed()).await;
    assert!(waited.is_err());
    bus.publish(None, kept("2", &["a"], 5)).unwrap();
    watch.changed().await;
    drop(watch);
}

#[tokio::test]
async fn counts_and_answers_come_from_every_shard() {
    let (bus, mut inboxes) = bus(2);
    let tally = bus.change(&Target::all("/"), &Change::Join(vec!["a".into()]));
    for (inbox, share) in inboxes.iter_mut().zip([2, 3]) {
        match inbox.recv().await {
            Some(Inbound::Change { reply, .. }) => reply.add(share),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(tally.total().await, 5);

    let answers = bus.ask(&Query::Counts);
    for inbox in &mut inboxes {
        match inbox.recv().await {
            Some(Inbound::Query { reply, .. }) => reply.send(Answer::Counts(Counts::default())),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(answers.all(Duration::from_secs(5)).await.unwrap().len(), 2);
    assert!(bus.ask(&Query::Counts).all(Duration::ZERO).await.is_none());
}

fn reply(socket: &str, bytes: usize) -> AckReply {
    AckReply {
        socket: socket.into(),
        args: " ".repeat(bytes).into(),
        attachments: Vec::new(),
    }
}

#[tokio::test]
async fn acks_end_with_the_last_answer_that_can_come() {
    let (bus, _inboxes) = bus(2);
    let (gather, mut acks) = bus.acks(1 << 20, Duration::from_secs(5));
    assert_ne!(gather.id(), bus.next_ack_id());
    gather.expect(1);
    gather.reply(reply("a", 1));
    gather.expect(2);
    gather.gone();
    let pending = tokio::time::timeout(Duration::ZERO, acks.collect(None)).await;
    assert!(pending.is_err());
    assert_eq!((acks.expected(), acks.missing()), (3, 2));
    gather.reply(reply("b", 1));
    acks.collect(None).await;
    assert_eq!((acks.replies.len(), acks.missing()), (2, 1));
    drop(acks);
    assert!(gather.is_closed());
}

#[tokio::test]
async fn acks_end_early_when_enough_have_answered_and_are_bounded_in_bytes() {
    let (bus, _inboxes) = bus(1);
    let (gather, mut acks) = bus.acks(1000, Duration::from_secs(5));
    gather.expect(3);
    gather.reply(reply("a", 10));
    acks.collect(Some(1)).await;
    gather.reply(reply("b", 1000));
    gather.reply(reply("c", 10));
    acks.collect(None).await;
    let names: Vec<_> = acks.replies.iter().map(|reply| &*reply.socket).collect();
    assert_eq!(names, ["a", "c"]);
}

use super::*;
use crate::bus::recovery::tests::{id, message, record};

/// What is kept of messages to a room each, by their numbers.
fn kept(messages: &[(u64, &str)]) -> Kept {
    let mut kept = Kept::new(1 << 20, 3);
    for (number, room) in messages {
        let mut message = message("/", &[*room], "", Instant::now());
        message.entry = Some(id(*number));
        message.lane = 1;
        kept.append(id(*number), &Arc::new(message));
    }
    kept
}

#[test]
fn the_last_that_a_socket_may_have_been_told() {
    let kept = kept(&[(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "b")]);
    let last = |rooms: &[(&str, u64)], told: u64, known: u64| {
        let record = record(rooms);
        kept.last(&record, 1, (id(told), id(known))).sequence
    };
    for (rooms, told, known, expected) in [
        (&[("a", 0)][..], 0, 0, 3),
        (&[("a", 0), ("b", 0)], 0, 0, 5),
        (&[], 2, 0, 2),
        (&[("nobody", 0)], 2, 0, 2),
        // It came when the last message had gone.
        (&[("a", 3)], 1, 0, 1),
        (&[("b", 2)], 1, 0, 5),
        // All that is later than what is known of it is none of its rooms.
        (&[("a", 0)], 1, 3, 1),
        (&[("a", 0)], 1, 2, 3),
        // What it was told is later than its rooms.
        (&[("a", 0)], 4, 0, 4),
    ] {
        let case = format!("{rooms:?} {told} {known}");
        assert_eq!(last(rooms, told, known), expected, "{case}");
    }
}

#[test]
fn without_a_message_the_floor_tells() {
    let mut kept = Kept::new(1 << 20, 3);
    let record = record(&[("a", 0)]);
    let last = |kept: &Kept| kept.last(&record, 1, (id(2), id(0))).sequence;
    assert_eq!(last(&kept), 2);
    kept.forget_before(2, id(9));
    assert_eq!(last(&kept), 2, "another order");
    kept.forget_before(1, id(7));
    assert_eq!(last(&kept), 7, "it may have been told what is forgotten");
}

#[test]
fn what_is_forgotten_is_not_known() {
    let numbers = |kept: &Kept, namespace: &str, rooms: &[(&str, u64)], from: u64| {
        let mut record = record(rooms);
        record.namespace = namespace.into();
        let wanted = Wanted {
            record: &record,
            from: id(from),
            upto: id(9),
            bytes: usize::MAX,
        };
        let missed = kept.read(&wanted, 1)?;
        let entries = missed.entries.iter();
        Some(
            entries
                .map(|entry| entry.entry.unwrap().sequence)
                .collect::<Vec<_>>(),
        )
    };
    let mut kept = kept(&[(1, "a"), (2, "b"), (3, "a"), (5, "b")]);
    let a = [("a", 0)];
    assert_eq!(numbers(&kept, "/", &a, 0), Some(vec![1, 3]));
    kept.forget_before(2, id(8));
    assert_eq!(numbers(&kept, "/", &a, 0), Some(vec![1, 3]));
    kept.forget_before(1, id(2));
    assert_eq!(numbers(&kept, "/", &a, 1), None);
    assert_eq!(numbers(&kept, "/", &a, 2), Some(vec![3]));
    // Who has entered since misses nothing, in a room that is new and in a namespace without a message too.
    for (namespace, rooms) in [("/", [("b", 2)]), ("/", [("new", 2)])] {
        let found = numbers(&kept, namespace, &rooms, 2);
        assert!(found.is_some(), "{namespace} {rooms:?}");
    }
    assert_eq!(numbers(&kept, "/none", &[], 1), None);
    assert_eq!(numbers(&kept, "/none", &[], 2), Some(vec![]));
    // An older floor takes nothing back.
    kept.forget_before(1, id(1));
    assert_eq!(numbers(&kept, "/", &a, 1), None);
}

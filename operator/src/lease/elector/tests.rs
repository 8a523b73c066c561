//! Tables for one elector, and a model of an API server against which several compete.

use proptest::prelude::*;

use super::*;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn held(version: u64, by: &str, seconds: i32) -> Lease {
    Lease {
        metadata: ObjectMeta {
            uid: Some("u".to_owned()),
            resource_version: Some(version.to_string()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(by.to_owned()),
            lease_duration_seconds: Some(seconds),
            lease_transitions: Some(3),
            ..LeaseSpec::default()
        }),
    }
}

/// A step in words, so that a table can hold it.
fn say(step: &Step, start: Instant) -> String {
    match step {
        Step::Read => "read".to_owned(),
        Step::Create(_) => "create".to_owned(),
        Step::Update(lease) => {
            let spec = lease.spec.as_ref().unwrap();
            let version = lease.metadata.resource_version.as_deref().unwrap();
            format!(
                "update {version}, {} transitions",
                spec.lease_transitions.unwrap()
            )
        }
        Step::Wait(until) => format!("wait {}", (*until - start).as_millis()),
        Step::Lost => "lost".to_owned(),
    }
}

enum Do {
    Saw(Option<Lease>),
    Wrote { sent: u64, lease: Lease },
    Failed,
    Conflicted,
}

#[test]
fn what_follows_from_what_was_seen() {
    let mine = |version| held(version, "me", 15);
    let check = |done: Vec<(u64, Do)>, at: u64, expected: &str| {
        let start = crate::clock::monotonic();
        let mut elector = Elector::new("me".to_owned(), Times::default());
        for (at, what) in done {
            let now = start + ms(at);
            match what {
                Do::Saw(lease) => elector.saw(now, lease),
                Do::Wrote { sent, lease } => {
                    elector.wrote(start + ms(sent), now, lease);
                }
                Do::Failed => elector.failed(now, ms(2_000)),
                Do::Conflicted => elector.conflicted(),
            }
        }
        let step = elector.next(start + ms(at), Timestamp::UNIX_EPOCH);
        assert_eq!(say(&step, start), expected);
    };
    // A candidate.
    check(vec![], 0, "read");
    check(vec![(0, Do::Saw(None))], 0, "create");
    check(
        vec![(0, Do::Saw(Some(held(7, "", 1))))],
        0,
        "update 7, 4 transitions",
    );
    check(
        vec![(100, Do::Saw(Some(held(7, "other", 15))))],
        200,
        "wait 15100",
    );
    check(
        vec![(100, Do::Saw(Some(held(7, "other", 5))))],
        5_099,
        "wait 5100",
    );
    check(
        vec![(100, Do::Saw(Some(held(7, "other", 5))))],
        5_100,
        "update 7, 4 transitions",
    );
    check(
        vec![
            (0, Do::Saw(Some(held(7, "other", 15)))),
            (9_000, Do::Saw(Some(held(8, "other", 15)))),
        ],
        15_500,
        "wait 24000",
    );
    // The same version seen again, or an older one, renews nothing.
    check(
        vec![
            (0, Do::Saw(Some(held(7, "other", 15)))),
            (9_000, Do::Saw(Some(held(7, "other", 15)))),
            (9_500, Do::Saw(Some(held(6, "other", 15)))),
        ],
        15_000,
        "update 7, 4 transitions",
    );
    check(vec![(0, Do::Saw(None)), (10, Do::Failed)], 100, "wait 2010");
    check(vec![(0, Do::Saw(None)), (10, Do::Conflicted)], 100, "read");
    // A leader.
    let led = |sent, at| {
        (
            at,
            Do::Wrote {
                sent,
                lease: mine(5),
            },
        )
    };
    check(vec![led(0, 900)], 1_000, "wait 2000");
    check(vec![led(0, 900)], 2_000, "update 5, 3 transitions");
    check(vec![led(0, 900), (2_500, Do::Failed)], 2_600, "wait 4500");
    check(vec![led(0, 900), (2_500, Do::Failed)], 4_500, "read");
    check(vec![led(0, 900), (9_500, Do::Failed)], 9_900, "wait 10000");
    check(vec![led(0, 900), (9_500, Do::Failed)], 10_000, "lost");
    check(
        vec![led(0, 900), (1_000, Do::Saw(Some(held(6, "other", 15))))],
        1_000,
        "lost",
    );
    check(
        vec![led(0, 900), (1_000, Do::Saw(Some(held(4, "other", 15))))],
        1_000,
        "wait 2000",
    );
    check(vec![led(0, 900), (1_000, Do::Saw(None))], 1_000, "lost");
}

#[test]
fn a_lease_is_released_only_by_its_holder() {
    let now = crate::clock::monotonic();
    let mut elector = Elector::new("me".to_owned(), Times::default());
    elector.saw(now, Some(held(1, "other", 15)));
    assert_eq!(elector.released(Timestamp::UNIX_EPOCH), None);
    let mut elector = Elector::new("me".to_owned(), Times::default());
    elector.wrote(now, now, held(1, "me", 15));
    let lease = elector.released(Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(holder(&lease), None);
    assert_eq!(lease.metadata.resource_version.as_deref(), Some("1"));
}

/// An API server that knows one Lease.
#[derive(Default)]
struct Server {
    lease: Option<Lease>,
    version: u64,
}

impl Server {
    fn write(&mut self, mut lease: Lease) -> Option<Lease> {
        let known = self
            .lease
            .as_ref()
            .and_then(|lease| lease.metadata.resource_version.clone());
        if lease.metadata.resource_version != known {
            return None;
        }
        self.version += 1;
        lease.metadata.uid = Some("u".to_owned());
        lease.metadata.resource_version = Some(self.version.to_string());
        self.lease = Some(lease.clone());
        Some(lease)
    }
}

/// One thing that happens: to which process, how much later, and how it goes wrong.
#[derive(Debug, Clone)]
struct Turn {
    who: usize,
    after: u64,
    stopped: u64,
    answer_lost: bool,
    request_lost: bool,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = (
        0..3usize,
        0..900u64,
        prop_oneof![8 => 0..50u64, 1 => 0..30_000u64],
        0..10u8,
        0..10u8,
    )
        .prop_map(|(who, after, stopped, answer, request)| Turn {
            who,
            after,
            stopped,
            answer_lost: answer == 0,
            request_lost: request == 0,
        });
    prop::collection::vec(turn, 1..300)
}

proptest! {
    /// Whatever is lost and however long a process stands still between deciding and hearing: the gates of two are never open at once.
    #[test]
    fn never_two_leaders(turns in turns()) {
        let start = crate::clock::monotonic();
        let mut now = start;
        let mut server = Server::default();
        let mut electors: Vec<_> = (0..3).map(|i| Elector::new(format!("e{i}"), Times::default())).collect();
        let mut open: Vec<Option<Instant>> = vec![None; 3];
        for turn in turns {
            now += ms(turn.after);
            let elector = &mut electors[turn.who];
            match elector.next(now, Timestamp::UNIX_EPOCH) {
                Step::Wait(_) => {}
                Step::Lost => {
                    open[turn.who] = None;
                    *elector = Elector::new(format!("e{}", turn.who), Times::default());
                }
                Step::Read => elector.saw(now, server.lease.clone()),
                Step::Create(lease) | Step::Update(lease) => {
                    let sent = now;
                    let answer = if turn.request_lost { None } else { Some(server.write(*lease)) };
                    now += ms(turn.stopped);
                    match answer {
                        Some(Some(lease)) if !turn.answer_lost => {
                            let until = elector.wrote(sent, now, lease);
                            open[turn.who] = Some(until);
                        }
                        Some(None) if !turn.answer_lost => elector.conflicted(),
                        _ => elector.failed(now, ms(500)),
                    }
                }
            }
            let leaders = open.iter().filter(|until| until.is_some_and(|until| now < until)).count();
            prop_assert!(leaders <= 1, "{open:?} at {:?}", now - start);
        }
    }
}

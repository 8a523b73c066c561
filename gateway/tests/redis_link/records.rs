//! Which of several writings of a session stands, in whatever order they reach Redis.

use std::time::Duration;

use carillon_gateway::bus::cluster::records::{self, Claim, Taken};
use carillon_gateway::bus::redis::Value;
use carillon_gateway::bus::wire::streams::Session;
use carillon_gateway::id::Version;
use carillon_tests::redis::Redis;
use carillon_tests::resp::Reply;
use carillon_tests::topology::RedisCluster;
use tokio::sync::oneshot;
use tokio::time;

use crate::fixture::{Pair, run};

const KEY: &str = "sio:session:7CcKH5dfDPIJp9r7AAAD";
const MARK: &str = "{sio:session:7CcKH5dfDPIJp9r7AAAD}:version";
const WINDOW: Duration = Duration::from_secs(60);

/// The records of one session.
struct Bench<'a> {
    redis: &'a Redis,
    pair: Pair,
}

impl<'a> Bench<'a> {
    async fn start(redis: &'a Redis) -> Self {
        let pair = Pair::up(&redis.url()).await;
        Self { redis, pair }
    }

    async fn write_for(&self, version: Version, record: &str, ttl: Duration) -> bool {
        let write = records::write(KEY.to_owned(), version, record, ttl);
        self.pair.ask(write).await == Ok(Value::Int(1))
    }

    async fn write(&self, version: Version, record: &str) -> bool {
        self.write_for(version, record, WINDOW).await
    }

    async fn erase(&self, version: Version) -> bool {
        let erase = records::erase(KEY.to_owned(), version);
        self.pair.ask(erase).await == Ok(Value::Int(1))
    }

    async fn take(&self) -> Option<(String, Version)> {
        self.take_by(&Claim::Free).await.map(parts)
    }

    async fn take_by(&self, claim: &Claim) -> Option<Taken> {
        take(&self.pair, KEY, claim).await
    }

    async fn under_way(&self) -> Option<Box<str>> {
        let take = records::take(KEY.to_owned(), &Claim::Free);
        records::under_way(&self.pair.ask(take).await.unwrap())
    }

    async fn is_under_way(&self) -> bool {
        self.under_way().await.is_some()
    }

    fn node_writes(&self, record: &str) {
        self.redis.command(&["SET", KEY, record, "PX", "60000"]);
    }

    fn node_takes(&self) {
        self.redis.command(&["DEL", KEY]);
    }

    fn record(&self) -> Option<String> {
        match self.redis.command(&["GET", KEY]) {
            Reply::Bulk(None) => None,
            kept => Some(kept.text()),
        }
    }
}

async fn take(pair: &Pair, key: &str, claim: &Claim) -> Option<Taken> {
    let take = records::take(key.to_owned(), claim);
    records::taken(pair.ask(take).await.unwrap())
}

fn parts(taken: Taken) -> (String, Version) {
    let record = String::from_utf8(taken.record).unwrap();
    (record, taken.version)
}

/// A record of ours, in that room.
fn ours(room: &str) -> String {
    let text = || Some("1-1".into());
    let session = Session {
        sid: "-_sid".into(),
        pid: "7CcKH5dfDPIJp9r7AAAD".into(),
        rooms: vec!["-_sid".into(), room.into()],
        data: "{}".into(),
        user: text(),
        position: text(),
        namespace: text(),
        since: text(),
        last: text(),
        entered: text(),
        ..Session::default()
    };
    session.encode().unwrap()
}

/// One of Node's.
fn nodes(room: &str) -> String {
    let session = Session {
        sid: "-_sid".into(),
        pid: "7CcKH5dfDPIJp9r7AAAD".into(),
        rooms: vec!["-_sid".into(), room.into()],
        data: "{}".into(),
        ..Session::default()
    };
    session.encode().unwrap()
}

/// Any two writings leave the later one, in both orders.
#[test]
fn the_later_one_stands() {
    run(async {
        let redis = Redis::start();
        let bench = Bench::start(&redis).await;
        let new = Version::default().next();
        let taken = Version::taken(1_764_055_339_000);
        let order = [
            new,
            new.next(),
            new.moved(),
            new.moved().next(),
            taken,
            taken.next(),
            taken.moved(),
        ];
        for (index, late) in order.iter().enumerate() {
            for newer in &order[index..] {
                redis.command(&["FLUSHALL"]);
                assert!(bench.write(*newer, &ours("newer")).await);
                assert!(!bench.write(*late, &ours("late")).await, "{late:?}");
                assert!(!bench.erase(*late).await, "{late:?}");
                assert_eq!(bench.record(), Some(ours("newer")), "{late:?} {newer:?}");
            }
            for newer in &order[index + 1..] {
                redis.command(&["FLUSHALL"]);
                assert!(bench.write(*late, &ours("late")).await);
                assert!(bench.write(*newer, &ours("newer")).await, "{newer:?}");
                assert_eq!(bench.record(), Some(ours("newer")), "{late:?} {newer:?}");
            }
        }
    });
}

/// What the former owner has sent comes after the next one has written, and after that one's socket has ended.
#[test]
fn one_that_is_taken_does_not_come_back() {
    run(async {
        let redis = Redis::start();
        let bench = Bench::start(&redis).await;
        let (former, moved) = (Version::default(), Version::default().moved());
        assert!(bench.write(former.next(), &ours("a")).await);
        let first = bench.take_by(&Claim::Free).await.unwrap();
        let mine = Claim::Since(first.mark.clone());
        let (record, taken) = parts(first);
        assert_eq!(record, ours("a"));
        assert!(taken > former.moved() && taken > former.next());
        assert_eq!(bench.take_by(&mine).await, None, "nothing was written");
        // It may have saved it before it was asked.
        assert!(bench.write(former.next().next(), &ours("b")).await);
        assert_eq!(bench.take().await, None, "by others");
        let (record, again) = bench.take_by(&mine).await.map(parts).unwrap();
        assert_eq!(record, ours("b"));
        assert!(again > taken, "each is later than all before");
        assert_eq!(bench.take_by(&mine).await, None, "it was taken since");
        assert!(bench.write(again.next(), &ours("c")).await);
        for late in [former.next().next().next(), moved.next(), taken.next()] {
            assert!(!bench.write(late, &ours("late")).await, "{late:?}");
        }
        assert_eq!(bench.record(), Some(ours("c")));
        assert!(bench.erase(again.next().next()).await);
        for late in [former.next(), moved.next(), taken.next(), again.next()] {
            assert!(!bench.write(late, &ours("late")).await, "{late:?}");
        }
        assert_eq!(bench.record(), None);
    });
}

/// Until whoever has taken it has written it, or has erased it, others who ask are told so.
#[test]
fn one_that_was_just_taken_is_under_way() {
    run(async {
        let redis = Redis::start();
        let bench = Bench::start(&redis).await;
        assert!(!bench.is_under_way().await, "there is none");
        for record in [ours("a"), nodes("a")] {
            redis.command(&["FLUSHALL"]);
            bench.node_writes(&record);
            let (_, taken) = bench.take().await.unwrap();
            assert!(bench.is_under_way().await);
            assert!(bench.write(taken.next(), &ours("b")).await);
            let (record, again) = bench.take().await.unwrap();
            assert_eq!(record, ours("b"));
            assert!(bench.is_under_way().await);
            assert!(bench.erase(again.next()).await);
            assert!(!bench.is_under_way().await, "it has ended");
        }
        bench.node_writes(&nodes("c"));
        let (_, taken) = bench.take().await.unwrap();
        assert!(bench.write(taken.next(), &ours("c")).await);
        bench.node_takes();
        assert!(!bench.is_under_way().await, "Node has it");
    });
}

/// The record stays until the taker has written it: if that dies, one other takes it from the mark that was left, and whichever of
/// the two writes last, the later taker's stands.
#[test]
fn one_whose_taker_dies_is_taken_from_its_mark() {
    run(async {
        let redis = Redis::start();
        let bench = Bench::start(&redis).await;
        let short = Duration::from_millis(500);
        for record in [ours("a"), nodes("a")] {
            redis.command(&["FLUSHALL"]);
            redis.command(&["SET", KEY, &record, "PX", "500"]);
            let (_, dead) = bench.take().await.unwrap();
            let left = [KEY, MARK].map(|key| redis.command(&["PTTL", key]).integer());
            assert!(left.iter().all(|left| *left > 50_000), "{left:?}");
            let mark = bench.under_way().await.unwrap();
            let from = Claim::From(mark.clone());
            let (found, taken) = bench.take_by(&from).await.map(parts).unwrap();
            assert_eq!(found, record);
            assert!(taken > dead);
            assert_eq!(bench.take_by(&from).await, None, "by one only");
            let other = bench.under_way().await.unwrap();
            assert!(
                records::taker(&other) > records::taker(&mark),
                "by the second one"
            );
            // It was not dead, but slow.
            assert!(bench.write_for(dead.next(), &ours("slow"), short).await);
            let still = bench.under_way().await.unwrap();
            assert_eq!(records::taker(&still), records::taker(&other));
            assert!(still != other, "something was written");
            assert!(bench.write(taken.next(), &ours("b")).await);
            assert!(!bench.write(dead.next().next(), &ours("slow")).await);
            assert_eq!(bench.record(), Some(ours("b")));
        }
    });
}

/// The client has come to us, and lost us before we wrote its session, and has come to Node.
#[test]
fn one_that_is_under_way_is_taken_by_node() {
    run(async {
        let redis = Redis::start();
        let bench = Bench::start(&redis).await;
        for record in [ours("a"), nodes("a")] {
            redis.command(&["FLUSHALL"]);
            bench.node_writes(&record);
            let (_, taken) = bench.take().await.unwrap();
            bench.node_takes();
            assert!(!bench.is_under_way().await, "there is none");
            assert!(!bench.write(taken.next(), &ours("late")).await);
            assert_eq!(bench.record(), None);
            bench.node_writes(&nodes("b"));
            assert!(!bench.write(taken.next().next(), &ours("late")).await);
            let (found, _) = bench.take().await.unwrap();
            assert_eq!(found, nodes("b"));
        }
    });
}

/// A Redis that has lost all, or the record alone, has it again in the end.
#[test]
fn what_was_lost_is_written_again() {
    run(async {
        let redis = Redis::start();
        let bench = Bench::start(&redis).await;
        let short = Duration::from_millis(50);
        let mut version = Version::taken(7).next();
        assert!(bench.write(version, &ours("a")).await);
        redis.command(&["FLUSHALL"]);
        version = version.next();
        assert!(bench.write_for(version, &ours("a"), short).await);
        redis.command(&["DEL", KEY]);
        version = version.next();
        assert!(!bench.write(version, &ours("a")).await, "was it taken?");
        time::sleep(2 * short).await;
        version = version.next();
        assert!(bench.write_for(version, &ours("a"), short).await);
        let left = [KEY, MARK].map(|key| redis.command(&["PTTL", key]).integer());
        assert!(left[1] <= left[0] && left[0] <= 50, "{left:?}");
        time::sleep(2 * short).await;
        assert_eq!(redis.command(&["DBSIZE"]).integer(), 0);
    });
}

#[test]
fn beside_node() {
    run(async {
        let redis = Redis::start();
        let bench = Bench::start(&redis).await;
        // From Node to us.
        bench.node_writes(&nodes("a"));
        let (record, version) = bench.take().await.unwrap();
        assert_eq!(record, nodes("a"));
        assert!(bench.write(version.next(), &ours("b")).await);
        // And back: what we have sent before comes too late for it.
        bench.node_takes();
        let late = version.next().next();
        assert!(!bench.write(late, &ours("late")).await);
        assert_eq!(bench.record(), None);
        bench.node_writes(&nodes("c"));
        assert!(!bench.write(late, &ours("late")).await);
        assert!(!bench.erase(late).await);
        assert_eq!(bench.record(), Some(nodes("c")));
        // Whoever takes it from there is later than all of us before.
        let (record, again) = bench.take().await.unwrap();
        assert_eq!(record, nodes("c"));
        assert!(again > version);
        assert!(bench.write(again.next(), &ours("d")).await);
        assert!(!bench.write(late, &ours("late")).await);
        assert_eq!(bench.record(), Some(ours("d")));
    });
}

/// Records lie on all nodes, each with its mark; those of several sessions may be written at once.
#[test]
fn on_a_cluster() {
    let cluster = RedisCluster::start();
    run(async {
        let pair = Pair::up(&cluster.url()).await;
        let answers: Vec<_> = (0..30)
            .map(|index| {
                let (to, answer) = oneshot::channel();
                let (key, new) = (format!("sio:session:all-{index}"), Version::default());
                let write = records::write(key, new, &ours("a"), WINDOW);
                pair.link.publish(write, Some(to)).unwrap();
                answer
            })
            .collect();
        for answer in answers {
            assert_eq!(answer.await.unwrap(), Ok(Value::Int(1)));
        }
        for index in 0..30 {
            let key = || format!("sio:session:{index}");
            let write = |version, room| records::write(key(), version, &ours(room), WINDOW);
            let new = Version::default().next();
            assert_eq!(pair.ask(write(new.next(), "a")).await, Ok(Value::Int(1)));
            assert_eq!(pair.ask(write(new, "late")).await, Ok(Value::Int(0)));
            let taken = take(&pair, &key(), &Claim::Free).await;
            let (record, version) = taken.map(parts).unwrap();
            assert_eq!(record, ours("a"));
            assert_eq!(pair.ask(write(version, "b")).await, Ok(Value::Int(1)));
            assert_eq!(
                pair.ask(write(new.moved(), "late")).await,
                Ok(Value::Int(0))
            );
        }
    });
}

//! The reader of streams.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use carillon_gateway::bus::redis::{Publish, Settings, StreamEvent, Trim, read_streams};
use carillon_tests::forwarder::Forwarder;
use carillon_tests::redis::Options;
use carillon_tests::topology::RedisCluster;
use tokio::sync::mpsc;
use tokio::time;

use crate::fixture::{PATIENCE, Pair, run};

pub(crate) struct Reader(mpsc::Receiver<StreamEvent>);

impl Reader {
    fn start(url: &str, streams: &[&str]) -> Self {
        Self::of(Settings::new(url.parse().unwrap()), streams)
    }

    pub(crate) fn of(settings: Settings, streams: &[&str]) -> Self {
        let (to, from) = mpsc::channel(8);
        let streams = streams.iter().map(|stream| (*stream).to_owned()).collect();
        let no_past = Arc::new(|| None);
        tokio::task::spawn_local(read_streams(settings, streams, no_past, to));
        Self(from)
    }

    async fn next(&mut self) -> StreamEvent {
        time::timeout(PATIENCE, self.0.recv())
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn until_up(&mut self) {
        loop {
            match self.next().await {
                StreamEvent::Up => return,
                StreamEvent::Down(_) | StreamEvent::CaughtUp | StreamEvent::Begin { .. } => {}
                event => panic!("{event:?}"),
            }
        }
    }

    /// How many entries come until it has caught up.
    async fn caught_up(&mut self) -> usize {
        let mut entries = 0;
        loop {
            match self.next().await {
                StreamEvent::Entry(_) => entries += 1,
                StreamEvent::CaughtUp => return entries,
                _ => {}
            }
        }
    }

    pub(crate) async fn entry(&mut self) -> (String, String) {
        loop {
            if let StreamEvent::Entry(entry) = self.next().await {
                let value = String::from_utf8(entry.fields[0].1.clone()).unwrap();
                return (entry.stream, value);
            }
        }
    }
}

#[test]
fn a_stream_has_a_bound_in_bytes() {
    run(async {
        let redis = Options::default().start();
        let pair = Pair::up(&redis.url()).await;
        let cut = async || pair.link.cap_stream("s", 1 << 20).await.unwrap();
        assert_eq!(cut().await, 0, "there is none");
        for _ in 0..2000 {
            redis.command(&["XADD", "s", "*", "data", &"x".repeat(1000)]);
        }
        let first = cut().await;
        assert!((1000..1200).contains(&first), "{first} of 2,000 were cut");
        assert_eq!(cut().await, 0);
        let left = redis.command(&["XLEN", "s"]).integer();
        assert_eq!(left as u64, 2000 - first);
        // The newest are left.
        redis.command(&["XADD", "s", "*", "data", "last"]);
        let last = redis.command(&["XREVRANGE", "s", "+", "-", "COUNT", "1"]);
        let fields = &last.array()[0].array()[1];
        assert_eq!(fields.array()[1].text(), "last");
    });
}

#[test]
fn a_restart_loses_nothing_and_repeats_nothing() {
    run(async {
        let redis = Options::default().appendonly().start();
        redis.command(&["XADD", "a", "*", "n", "old"]);
        let mut reader = Reader::start(&redis.url(), &["a", "b"]);
        reader.until_up().await;
        let add = |n: u32| {
            let stream = if n.is_multiple_of(2) { "a" } else { "b" };
            redis.command(&["XADD", stream, "*", "n", &n.to_string()]);
        };
        // More than one read, and some that nobody has taken when Redis dies.
        (0..600).for_each(add);
        let mut all = vec![reader.entry().await];
        redis.kill();
        redis.restart();
        (600..660).for_each(add);
        while all.len() < 660 {
            all.push(reader.entry().await);
        }
        let of = |wanted: &str| -> Vec<u32> {
            let own = all.iter().filter(|(stream, _)| stream == wanted);
            own.map(|(_, value)| value.parse().unwrap()).collect()
        };
        let expected = |first| (first..660).step_by(2).collect::<Vec<u32>>();
        assert_eq!((of("a"), of("b")), (expected(0), expected(1)));
        let more = time::timeout(Duration::from_millis(300), reader.entry()).await;
        assert!(more.is_err(), "{more:?}");
    });
}

/// Who waits for [`StreamEvent::CaughtUp`] has what was written while Redis was away.
#[test]
fn it_has_caught_up_after_what_it_missed() {
    run(async {
        let redis = Options::default().start();
        let way = Forwarder::start(Ipv4Addr::new(127, 0, 0, 21), redis.port());
        let url = format!("redis://127.0.0.21:{}", redis.port());
        let mut reader = Reader::start(&url, &["a", "b"]);
        assert_eq!(reader.caught_up().await, 0);
        for _ in 0..2 {
            way.cut();
            for n in 0..600 {
                redis.command(&["XADD", ["a", "b"][n % 2], "*", "n", "1"]);
            }
            way.mend();
            assert_eq!(reader.caught_up().await, 600);
        }
    });
}

#[test]
fn large_entries_come_few_at_once() {
    run(async {
        let redis = Options::default().start();
        let mut reader = Reader::start(&redis.url(), &["a"]);
        reader.until_up().await;
        let text = "x".repeat(1 << 20);
        for _ in 0..40 {
            redis.command(&["XADD", "a", "*", "n", &text]);
        }
        for _ in 0..40 {
            assert_eq!(reader.entry().await.1.len(), 1 << 20);
        }
    });
}

#[test]
fn streams_on_several_nodes() {
    run(async {
        let cluster = RedisCluster::start();
        let mut reader = Reader::start(&cluster.url(), &["s", "s-1", "s-2", "s-3"]);
        assert_eq!(reader.caught_up().await, 0);
        let link = Pair::up(&cluster.url()).await.link;
        let mut wanted = Vec::new();
        for n in 0..20 {
            let stream = ["s", "s-1", "s-2", "s-3"][n % 4];
            let pairs = vec![("n", n.to_string())];
            let publish = Publish::entry(stream.to_owned(), Trim::Length, pairs);
            link.publish(publish, None).unwrap();
            wanted.push((stream.to_owned(), n.to_string()));
        }
        let mut found = Vec::new();
        for _ in 0..20 {
            found.push(reader.entry().await);
        }
        found.sort_by_key(|(_, n)| n.parse::<u32>().unwrap());
        assert_eq!(found, wanted);
    });
}

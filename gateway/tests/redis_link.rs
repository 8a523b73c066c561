//! The link to Redis, on real servers in every shape and in every kind of trouble.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a panic is the report of a failure"
)]

#[path = "redis_link/fixture.rs"]
mod fixture;
#[path = "redis_link/garbage.rs"]
mod garbage;
#[path = "redis_link/held.rs"]
mod held;
#[path = "redis_link/partial.rs"]
mod partial;
#[path = "redis_link/records.rs"]
mod records;
#[path = "redis_link/shapes.rs"]
mod shapes;
#[path = "redis_link/source.rs"]
mod source;
#[path = "redis_link/streams.rs"]
mod streams;

use std::time::Duration;

use carillon_gateway::bus::redis::{
    Event, LinkError, Publish, PublishError, Settings, Subscription, Trim,
};
use carillon_tests::redis::{Options, Redis};
use tokio::time;

use self::fixture::{Pair, channel, run, say, say_sharded, sharded};

#[test]
fn a_kill_and_a_restart() {
    run(async {
        let redis = Redis::start();
        let mut pair = Pair::up(&redis.url()).await;
        pair.listen_to(channel("a")).await;
        pair.hears_itself(say("a", "1")).await;
        redis.kill();
        pair.until_down().await;
        // Nobody waits for a Redis that is away.
        let confirmed = pair.link.subscribe(sharded("late"));
        let confirmed = time::timeout(Duration::from_millis(500), confirmed).await;
        assert!(confirmed.expect("an answer at once").is_err());
        assert_eq!(
            pair.link.publish(say("a", "lost").publish(), None),
            Err(PublishError::Down)
        );
        redis.restart();
        pair.until_up().await;
        pair.hears_itself(say("a", "2")).await;
        pair.hears_itself(say_sharded("late", "3")).await;
    });
}

#[test]
fn a_frozen_redis() {
    run(async {
        let redis = Redis::start();
        let mut pair = Pair::up(&redis.url()).await;
        pair.listen_to(channel("a")).await;
        redis.freeze();
        let confirmed = pair.link.subscribe(channel("b"));
        pair.until_down().await;
        let confirmed = time::timeout(Duration::from_millis(500), confirmed).await;
        assert!(confirmed.expect("an answer at once").is_err());
        redis.thaw();
        pair.until_up().await;
        pair.hears_itself(say("a", "1")).await;
        pair.hears_itself(say("b", "2")).await;
    });
}

#[test]
fn a_listener_that_is_cut_off() {
    run(async {
        let redis = Redis::start();
        let mut pair = Pair::up(&redis.url()).await;
        pair.listen_to(channel("a")).await;
        for round in 0..3 {
            redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
            pair.until("the listener is down", |event| {
                matches!(event, Event::Down { listener: true, .. })
            })
            .await;
            pair.until("the listener is up", |event| {
                assert!(!matches!(event, Event::Down { .. }), "{event:?}");
                matches!(event, Event::Listening)
            })
            .await;
            pair.hears_itself(say("a", &round.to_string())).await;
        }
    });
}

#[test]
fn two_thousand_subscribes_are_few_commands() {
    run(async {
        let redis = Redis::start();
        let pair = Pair::up(&redis.url()).await;
        let all: Vec<_> = (0..2000)
            .map(|i| pair.link.subscribe(sharded(&format!("room{i}"))))
            .collect();
        for confirmed in all {
            time::timeout(Duration::from_secs(5), confirmed)
                .await
                .unwrap()
                .unwrap();
        }
        assert_eq!(pair.link.shardnumsub("room1999").await, Ok(1));
        let stats = redis.command(&["INFO", "commandstats"]).text();
        let line = stats
            .lines()
            .find(|line| line.starts_with("cmdstat_ssubscribe:"));
        let calls = line
            .unwrap()
            .split_once("calls=")
            .unwrap()
            .1
            .split_once(',')
            .unwrap()
            .0;
        assert!(calls.parse::<u32>().unwrap() <= 4, "{calls} commands");
        // Given up and taken again at once: it was never gone.
        pair.link.unsubscribe(sharded("room7"));
        pair.link.subscribe(sharded("room7")).await.unwrap();
        assert_eq!(pair.link.shardnumsub("room7").await, Ok(1));
        pair.link.unsubscribe(sharded("room7"));
        pair.link.subscribe(sharded("room8")).await.unwrap();
        assert_eq!(pair.link.shardnumsub("room7").await, Ok(0));
    });
}

#[test]
fn the_queue_is_bounded() {
    run(async {
        let redis = Redis::start();
        let mut settings = Settings::new(redis.url().parse().unwrap());
        settings.queue_bytes = 100_000;
        let mut pair = Pair::start(settings);
        pair.until_up().await;
        redis.freeze();
        let mut accepted = Vec::new();
        let full = loop {
            let (to, reply) = tokio::sync::oneshot::channel();
            match pair
                .link
                .publish(say("a", &"x".repeat(1000)).publish(), Some(to))
            {
                Ok(()) => accepted.push(reply),
                Err(error) => break error,
            }
            // What is under way counts as well.
            tokio::task::yield_now().await;
        };
        assert_eq!(full, PublishError::Full);
        assert!((50..=100).contains(&accepted.len()), "{}", accepted.len());
        redis.thaw();
        for reply in accepted {
            time::timeout(Duration::from_secs(10), reply)
                .await
                .unwrap()
                .unwrap()
                .unwrap();
        }
        pair.link.publish(say("a", "1").publish(), None).unwrap();
    });
}

#[test]
fn messages_that_nobody_takes_are_bounded() {
    run(async {
        let redis = Redis::start();
        let mut settings = Settings::new(redis.url().parse().unwrap());
        settings.listen_bytes = 200_000;
        let mut pair = Pair::start(settings);
        pair.until_up().await;
        pair.listen_to(channel("a")).await;
        for _ in 0..1000 {
            redis.command(&["PUBLISH", "a", &"x".repeat(1000)]);
        }
        // The library has read all of them once this is answered, on the same connection.
        pair.listen_to(channel("b")).await;
        let (mut heard, mut lost) = (0, 0);
        pair.until("all are heard or counted", |event| {
            match event {
                Event::Message { .. } => heard += 1,
                Event::Error {
                    kind: "listen_full",
                    count,
                } => lost += count,
                _ => {}
            }
            heard + lost == 1000
        })
        .await;
        assert!((100..=200).contains(&heard), "{heard} heard");
        pair.hears_itself(say("a", "1")).await;
    });
}

#[test]
fn errors_of_the_server() {
    run(async {
        let redis = Redis::start();
        let mut pair = Pair::up(&redis.url()).await;
        let add = || Publish::entry("s".to_owned(), Trim::Length, vec![("k", "v".to_owned())]);
        redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
        assert_eq!(pair.ask(add()).await, Err(LinkError::OutOfMemory));
        redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
        pair.ask(add()).await.unwrap();

        redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
        assert_eq!(pair.ask(add()).await, Err(LinkError::ReadOnly));
        pair.until("the replica is left", |event| {
            matches!(
                event,
                Event::Down {
                    listener: false,
                    ..
                }
            )
        })
        .await;
        redis.command(&["REPLICAOF", "NO", "ONE"]);
        pair.until("it is a master again", |event| {
            matches!(event, Event::Publishing)
        })
        .await;
        pair.ask(add()).await.unwrap();

        // A command of another task finds it out, too.
        redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
        let mut set = redis_command("SET");
        set.arg("k").arg("v");
        assert_eq!(pair.link.command(set).await, Err(LinkError::ReadOnly));
        pair.until("the replica is left", |event| {
            matches!(
                event,
                Event::Down {
                    listener: false,
                    ..
                }
            )
        })
        .await;
    });
}

fn redis_command(name: &str) -> carillon_gateway::bus::redis::Cmd {
    let mut command = carillon_gateway::bus::redis::Cmd::new();
    command.arg(name);
    command
}

#[test]
fn users_and_passwords() {
    run(async {
        let redis = Options::default().password("sesame").start();
        let right = Pair::up(&redis.url()).await;
        assert_eq!(right.link.numsub("a").await, Ok(0));
        for wrong in [
            format!("redis://:swordfish@127.0.0.1:{}", redis.port()),
            format!("redis://nobody:swordfish@127.0.0.1:{}", redis.port()),
            format!("redis://127.0.0.1:{}", redis.port()),
        ] {
            let mut pair = Pair::of(&wrong);
            let Event::Down { reason, .. } = pair
                .until("it is refused", |event| matches!(event, Event::Down { .. }))
                .await
            else {
                unreachable!()
            };
            assert_eq!(reason, LinkError::NoAuth.to_string(), "{wrong}");
            assert!(!format!("{:?} {:?}", pair.link, pair.events).contains("swordfish"));
        }
        redis.command(&[
            "ACL",
            "SETUSER",
            "u",
            "on",
            ">swordfish",
            "~*",
            "&*",
            "+@all",
            "-eval",
        ]);
        let url = format!("redis://u:swordfish@127.0.0.1:{}", redis.port());
        let mut pair = Pair::up(&url).await;
        pair.listen_to(channel("a")).await;
        pair.hears_itself(say("a", "1")).await;
        let mut eval = redis_command("EVAL");
        eval.arg("return 1").arg(0);
        assert_eq!(pair.link.command(eval).await, Err(LinkError::Forbidden));
        // Which is no reason to reconnect.
        pair.hears_itself(say("a", "2")).await;
    });
}

#[test]
fn a_database() {
    run(async {
        let redis = Redis::start();
        let pair = Pair::up(&format!("{}/3", redis.url())).await;
        pair.ask(Publish::entry(
            "s".to_owned(),
            Trim::Length,
            vec![("k", "v".to_owned())],
        ))
        .await
        .unwrap();
        let mut client = redis.client();
        client.command(&["SELECT", "3"]).unwrap();
        assert_eq!(client.command(&["XLEN", "s"]).unwrap().integer(), 1);
    });
}

#[test]
fn subscriptions_of_every_kind() {
    run(async {
        let redis = Redis::start();
        let mut pair = Pair::up(&redis.url()).await;
        pair.listen_to(Subscription::Pattern("p*".to_owned())).await;
        pair.listen_to(sharded("s")).await;
        pair.hears_itself(say("p1", "1")).await;
        pair.hears_itself(say_sharded("s", "2")).await;
        assert_eq!(pair.link.version().await.unwrap().0, 7);
    });
}

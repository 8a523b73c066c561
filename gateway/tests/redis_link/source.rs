//! A URL that changes while the link runs.

use std::sync::{Arc, Mutex};

use carillon_gateway::bus::redis::{Event, LinkError, RedisUrl, Settings, Source};
use carillon_tests::redis::Redis;

use crate::fixture::{Pair, channel, run, say};
use crate::streams::Reader;

/// What says the URL.
#[derive(Clone)]
struct Says(Arc<Mutex<Result<String, String>>>);

impl Says {
    fn new(url: &str) -> Self {
        Self(Arc::new(Mutex::new(Ok(url.to_owned()))))
    }

    fn now(&self, said: Result<&str, &str>) {
        *self.0.lock().unwrap() = said.map(str::to_owned).map_err(str::to_owned);
    }

    fn settings(&self) -> Settings {
        let says = self.0.clone();
        let read = move || -> Result<RedisUrl, String> {
            let url = says.lock().unwrap().clone()?;
            url.parse()
                .map_err(|_| "its text is no URL of Redis".to_owned())
        };
        let first = read().unwrap();
        Settings {
            source: Source::new(first.clone(), Some(Box::new(read))),
            ..Settings::new(first)
        }
    }
}

/// Gives the user `u` this password and no other.
fn password(redis: &Redis, password: &str) -> String {
    let password_rule = format!(">{password}");
    let rules = ["on", "resetpass", &password_rule, "~*", "&*", "+@all"];
    redis.command(&[&["ACL", "SETUSER", "u"][..], &rules].concat());
    format!("redis://u:{password}@127.0.0.1:{}", redis.port())
}

#[test]
fn a_password_that_changes() {
    run(async {
        let redis = Redis::start();
        let says = Says::new(&password(&redis, "first"));
        let mut pair = Pair::start(says.settings());
        pair.until_up().await;
        pair.listen_to(channel("a")).await;
        let mut reader = Reader::of(says.settings(), &["s"]);
        reader.until_up().await;

        let second = password(&redis, "second");
        says.now(Ok(&second));
        // The connections that there are know nothing of it.
        pair.hears_itself(say("a", "1")).await;
        redis.command(&["CLIENT", "KILL", "USER", "u"]);
        pair.until_back().await;
        pair.hears_itself(say("a", "2")).await;
        redis.command(&["XADD", "s", "*", "n", "3"]);
        assert_eq!(reader.entry().await, ("s".to_owned(), "3".to_owned()));
    });
}

#[test]
fn another_server() {
    run(async {
        let (first, second) = (Redis::start(), Redis::start());
        let says = Says::new(&first.url());
        let mut pair = Pair::start(says.settings());
        pair.until_up().await;
        pair.listen_to(channel("a")).await;

        says.now(Ok(&second.url()));
        let down = pair
            .until("it leaves", |event| matches!(event, Event::Down { .. }))
            .await;
        let Event::Down { reason, .. } = down else {
            unreachable!()
        };
        assert_eq!(reason, LinkError::Elsewhere.to_string());
        pair.until_up().await;
        pair.hears_itself(say("a", "1")).await;
        assert_eq!(pair.link.numsub("a").await, Ok(1));
        let mut old = first.client();
        let heard = old.command(&["PUBLISH", "a", "nobody"]).unwrap();
        assert_eq!(heard.integer(), 0);
    });
}

#[test]
fn what_cannot_be_read_changes_nothing() {
    run(async {
        let redis = Redis::start();
        let says = Says::new(&redis.url());
        let mut pair = Pair::start(says.settings());
        pair.until_up().await;
        pair.listen_to(channel("a")).await;
        for bad in [Err("it is gone"), Ok("http://elsewhere"), Ok("")] {
            says.now(bad);
            pair.until("it is counted", |event| {
                assert!(!matches!(event, Event::Down { .. }), "{event:?}");
                matches!(event, Event::Error { kind: "url", .. })
            })
            .await;
        }
        redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        redis.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        pair.until_back().await;
        pair.hears_itself(say("a", "1")).await;
    });
}

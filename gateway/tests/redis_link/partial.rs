//! A Redis Cluster that is not whole: a slot is on its way, a master is dead and has no replica.

use carillon_gateway::bus::redis::{Event, LinkError, Publish, Trim};
use carillon_tests::redis::{Options, Redis};
use carillon_tests::topology::RedisCluster;

use crate::fixture::{Pair, channel, run, say, say_sharded, sharded};

/// The slot of a key, and the node that has it.
fn place(cluster: &RedisCluster, key: &str) -> (String, usize) {
    let slot = cluster.nodes[0].command(&["CLUSTER", "KEYSLOT", key]);
    let slot = slot.integer();
    (slot.to_string(), (slot / 5461).min(2) as usize)
}

#[test]
fn keys_of_a_slot_on_its_way_are_asked_for_where_they_are() {
    let cluster = RedisCluster::start();
    run(async {
        let pair = Pair::up(&cluster.url()).await;
        let entry = || vec![("k", "v".to_owned())];
        let add = || Publish::entry("stream".to_owned(), Trim::Length, entry());
        pair.ask(add()).await.unwrap();
        let (slot, from) = place(&cluster, "stream");
        let to = (from + 1) % 3;
        let id = |node: usize| cluster.nodes[node].command(&["CLUSTER", "MYID"]).text();
        let set = |node: usize, what: &str, id: &str| {
            cluster.nodes[node].command(&["CLUSTER", "SETSLOT", &slot, what, id]);
        };
        set(to, "IMPORTING", &id(from));
        set(from, "MIGRATING", &id(to));
        let port = cluster.nodes[to].port().to_string();
        let migrate = ["MIGRATE", "127.0.0.1", &port, "stream", "0", "5000"];
        cluster.nodes[from].command(&migrate);

        let many = async || {
            let all: Vec<_> = (0..10)
                .map(|_| {
                    let (reply, answer) = tokio::sync::oneshot::channel();
                    pair.link.publish(add(), Some(reply)).unwrap();
                    answer
                })
                .collect();
            let mut done = 0;
            for answer in all {
                match answer.await.unwrap() {
                    Ok(_) => done += 1,
                    Err(error) => assert_eq!(error, LinkError::Moved),
                }
            }
            done
        };
        // What goes out in the pipeline that meets it first is refused, and then nothing more is.
        let first = many().await;
        assert_eq!(many().await, 10);
        pair.ask(add()).await.unwrap();
        set(to, "NODE", &id(to));
        set(from, "NODE", &id(to));
        pair.ask(add()).await.unwrap();
        let length = cluster.nodes[to].command(&["XLEN", "stream"]).integer();
        assert_eq!(length, 1 + first + 10 + 2);
    });
}

#[test]
fn a_dead_master_takes_only_its_own_channels_along() {
    let options = Options::default().line("cluster-require-full-coverage no");
    let cluster = RedisCluster::start_with(&options);
    run(async {
        let mut pair = Pair::up(&cluster.url()).await;
        let rooms: Vec<String> = (0..30).map(|i| format!("room{i}")).collect();
        for room in &rooms {
            pair.listen_to(sharded(room)).await;
        }
        pair.listen_to(channel("plain")).await;
        cluster.nodes[2].kill();
        pair.until("it is noticed", |event| {
            matches!(event, Event::Down { listener: true, .. })
        })
        .await;
        pair.until("the others are heard", |event| {
            matches!(event, Event::Listening)
        })
        .await;
        let (gone, left): (Vec<_>, Vec<_>) =
            rooms.iter().partition(|room| place(&cluster, room).1 == 2);
        assert!(gone.len() > 3 && left.len() > 3, "{gone:?} {left:?}");
        for room in &left {
            pair.hears_itself(say_sharded(room, "without it")).await;
        }
        pair.hears_itself(say("plain", "without it")).await;
        // What is for the dead one disturbs nobody.
        let lost = Publish::sharded(gone[0].clone(), b"lost".to_vec());
        pair.ask(lost).await.unwrap_err();
        pair.hears_itself(say_sharded(left[0], "still")).await;

        cluster.nodes[2].restart();
        for room in gone {
            pair.hears_itself(say_sharded(room, "back")).await;
        }
    });
}

/// A node that is taken out of its cluster goes on answering, and hears nothing.
#[test]
fn a_node_that_does_not_see_the_others_is_left() {
    let cluster = RedisCluster::start();
    run(async {
        let [_, second, third] = &*cluster.nodes else {
            panic!("a cluster of three");
        };
        let url = format!(
            "redis+cluster://127.0.0.1:{},127.0.0.1:{}",
            second.port(),
            third.port()
        );
        let mut pair = Pair::up(&url).await;
        pair.listen_to(channel("plain")).await;
        let hears = |node: &Redis| node.command(&["PUBSUB", "CHANNELS"]).array().len() == 1;
        let left = if hears(second) { second } else { third };
        assert!(hears(left), "on a node that the URL names");
        left.command(&["CLUSTER", "RESET", "SOFT"]);
        pair.until("it is noticed", |event| {
            matches!(event, Event::Down { listener: true, reason } if reason.contains("see the others"))
        })
        .await;
        pair.until("another one is listened on", |event| {
            matches!(event, Event::Listening)
        })
        .await;
        assert!(!hears(left));
        pair.hears_itself(say("plain", "elsewhere")).await;
    });
}

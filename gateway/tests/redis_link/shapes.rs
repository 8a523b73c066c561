//! Redis behind TLS, behind Sentinel, and as a cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use carillon_gateway::bus::redis::{
    Event, LinkError, Publish, RedisUrl, Settings, Subscription, Trim,
};
use carillon_tests::ports;
use carillon_tests::redis::Options;
use carillon_tests::topology::{RedisCluster, Sentinel};
use tokio::time;

use crate::fixture::{Pair, channel, run, say, say_sharded, sharded};

/// A folder with a CA and a certificate for 127.0.0.1; it goes with this value.
struct Certificates(PathBuf);

impl Certificates {
    fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("carillon-tls-{}", ports::free()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        let openssl = |line: &str| {
            let mut command = Command::new("openssl");
            let output = command
                .args(line.split(' '))
                .current_dir(&folder)
                .output()
                .unwrap();
            assert!(output.status.success(), "openssl {line}: {output:?}");
        };
        openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca",
        );
        openssl("req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=redis");
        openssl(
            "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile ext",
        );
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        Path::new(&self.0).join(name).display().to_string()
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn tls() {
    let files = Certificates::make();
    let port = ports::free();
    let _redis = Options::default()
        .line(&format!("tls-port {port}"))
        .line(&format!("tls-cert-file {}", files.path("cert.pem")))
        .line(&format!("tls-key-file {}", files.path("key.pem")))
        .line(&format!("tls-ca-cert-file {}", files.path("ca.pem")))
        .line("tls-auth-clients no")
        .start();
    run(async {
        let url: RedisUrl = format!("rediss://127.0.0.1:{port}").parse().unwrap();
        let ca = fs::read(files.path("ca.pem")).unwrap();
        let mut pair = Pair::start(Settings::new(url.clone().with_ca(ca).unwrap()));
        pair.until_up().await;
        pair.listen_to(channel("a")).await;
        pair.hears_itself(say("a", "1")).await;

        let mut stranger = Pair::start(Settings::new(url));
        let down = stranger
            .until("it is refused", |event| matches!(event, Event::Down { .. }))
            .await;
        let Event::Down { reason, .. } = down else {
            unreachable!()
        };
        assert_eq!(reason, LinkError::Tls.to_string());
    });
}

#[test]
fn sentinel_and_a_failover() {
    let sentinel = Sentinel::start();
    run(async {
        let mut pair = Pair::up(&sentinel.url()).await;
        pair.listen_to(channel("a")).await;
        pair.listen_to(sharded("s")).await;
        let add = || {
            Publish::entry(
                "stream".to_owned(),
                Trim::Length,
                vec![("k", "v".to_owned())],
            )
        };
        pair.ask(add()).await.unwrap();
        sentinel.master.kill();
        pair.until_down().await;
        pair.until_up().await;
        pair.ask(add()).await.unwrap();
        pair.hears_itself(say("a", "1")).await;
        pair.hears_itself(say_sharded("s", "2")).await;
        assert_eq!(sentinel.replica.command(&["XLEN", "stream"]).integer(), 2);
        assert_eq!(
            sentinel.replica.command(&["PUBSUB", "NUMSUB", "a"]).array()[1].integer(),
            1
        );
    });
}

#[test]
fn a_master_that_becomes_a_replica_is_left() {
    let sentinel = Sentinel::start();
    run(async {
        let mut pair = Pair::up(&sentinel.url()).await;
        pair.listen_to(channel("a")).await;
        // Nothing is written, and the connections stay open: only ROLE tells.
        let replica = sentinel.replica.port().to_string();
        sentinel.replica.command(&["REPLICAOF", "NO", "ONE"]);
        sentinel
            .master
            .command(&["REPLICAOF", "127.0.0.1", &replica]);
        pair.until_down().await;
    });
}

async fn numbers_come_in_order(pair: &mut Pair, count: u32) {
    let mut next = 0_u32;
    pair.until("all come in order", |event| {
        if let Event::Message { payload, .. } = event {
            assert_eq!(&payload[..], next.to_string().as_bytes());
            next += 1;
        }
        next == count
    })
    .await;
}

#[test]
fn a_cluster() {
    let cluster = RedisCluster::start();
    run(async {
        let mut pair = Pair::up(&cluster.url()).await;
        assert_eq!(pair.link.version().await.unwrap().0, 7);
        pair.listen_to(channel("plain")).await;
        pair.listen_to(Subscription::Pattern("pattern*".to_owned()))
            .await;
        pair.hears_itself(say("plain", "1")).await;
        pair.hears_itself(say("pattern1", "2")).await;
        // Sharded channels over all nodes, at once.
        let all: Vec<_> = (0..300)
            .map(|i| pair.link.subscribe(sharded(&format!("room{i}"))))
            .collect();
        for confirmed in all {
            time::timeout(Duration::from_secs(5), confirmed)
                .await
                .unwrap()
                .unwrap();
        }
        for i in 0..300 {
            let publish = Publish::sharded(format!("room{i}"), i.to_string().into_bytes());
            pair.link.publish(publish, None).unwrap();
        }
        let mut heard = Vec::new();
        pair.until("all rooms are heard", |event| {
            if let Event::Message {
                channel, payload, ..
            } = event
            {
                assert_eq!(channel.as_bytes(), [&b"room"[..], &payload[..]].concat());
                heard.push(channel.clone());
            }
            heard.len() == 300
        })
        .await;
        for node in &cluster.nodes {
            let channels = node.command(&["PUBSUB", "SHARDCHANNELS"]);
            assert!(channels.array().len() > 50, "{}", channels.array().len());
        }
        // One channel keeps its order.
        for i in 0..300_u32 {
            let publish = Publish::sharded("room1".to_owned(), i.to_string().into_bytes());
            pair.link.publish(publish, None).unwrap();
        }
        numbers_come_in_order(&mut pair, 300).await;
    });
}

/// Commands and events of the classic adapter go by different channels, and none overtakes another.
#[test]
fn what_is_published_to_many_channels_of_a_cluster_keeps_its_order() {
    let cluster = RedisCluster::start();
    run(async {
        let mut pair = Pair::up(&cluster.url()).await;
        for i in 0..10 {
            pair.listen_to(channel(&format!("channel{i}"))).await;
            pair.listen_to(Subscription::Pattern(format!("pattern{i}*")))
                .await;
        }
        for i in 0..3000_u32 {
            let name = ["channel", "pattern"][i as usize % 2];
            let publish = Publish::channel(format!("{name}{}", i % 10), i.to_string().into());
            pair.link.publish(publish, None).unwrap();
        }
        numbers_come_in_order(&mut pair, 3000).await;
    });
}

/// The user of docs/cluster.md; without `cluster|info` nobody looks whether the node sees the others.
#[test]
fn users_of_a_cluster() {
    let cluster = RedisCluster::start();
    let rights = "resetkeys resetchannels ~socket.io* ~{socket.io:carillon}:* ~sio:session:* ~{sio:session:* &* \
                  -@all +@read +@write +@pubsub +@scripting +@connection +@transaction +time -@dangerous +info \
                  +cluster|slots";
    for (user, more) in [("looks", &["+cluster|info"][..]), ("does-not", &[])] {
        for node in &cluster.nodes {
            let rights = rights.split_whitespace().chain(more.iter().copied());
            let command = ["ACL", "SETUSER", user, "on", ">secret"].into_iter();
            let command: Vec<&str> = command.chain(rights).collect();
            node.command(&command);
        }
        let url = cluster.url().replace("://", &format!("://{user}:secret@"));
        run(async {
            let mut pair = Pair::up(&url).await;
            pair.listen_to(channel("plain")).await;
            pair.listen_to(sharded("room")).await;
            pair.hears_itself(say("plain", "1")).await;
            pair.hears_itself(say_sharded("room", "2")).await;
        });
    }
}

#[test]
fn subscribers_of_a_cluster_are_summed() {
    let cluster = RedisCluster::start();
    run(async {
        let pair = Pair::up(&cluster.url()).await;
        pair.listen_to(channel("c")).await;
        pair.listen_to(sharded("s")).await;
        // Two more, on two nodes.
        let mut others: Vec<_> = cluster
            .nodes
            .iter()
            .map(|node| node.client())
            .take(2)
            .collect();
        for other in &mut others {
            other.command(&["SUBSCRIBE", "c"]).unwrap();
        }
        assert_eq!(pair.link.numsub("c").await, Ok(3));
        assert_eq!(pair.link.shardnumsub("s").await, Ok(1));
        // Keys of one slot, in a script.
        let mut eval = carillon_gateway::bus::redis::Cmd::new();
        eval.arg("EVAL")
            .arg("return redis.call('HSET', KEYS[1], 'k', KEYS[2])");
        eval.arg(2)
            .arg("{p:carillon}:nodes")
            .arg("{p:carillon}:keys");
        pair.link.command(eval).await.unwrap();
    });
}

#[test]
fn a_node_of_a_cluster_restarts() {
    let cluster = RedisCluster::start();
    run(async {
        let mut pair = Pair::up(&cluster.url()).await;
        for i in 0..30 {
            pair.listen_to(sharded(&format!("room{i}"))).await;
        }
        cluster.nodes[1].kill();
        pair.until("it is noticed", |event| {
            matches!(event, Event::Down { listener: true, .. })
        })
        .await;
        cluster.nodes[1].restart();
        let (mut publishing, mut listening) = (true, false);
        pair.until("all is well again", |event| {
            match event {
                Event::Publishing => publishing = true,
                Event::Listening => listening = true,
                Event::Down { listener: true, .. } => listening = false,
                Event::Down { .. } => publishing = false,
                _ => {}
            }
            publishing && listening
        })
        .await;
        for i in 0..30 {
            pair.hears_itself(say_sharded(&format!("room{i}"), "x"))
                .await;
        }
    });
}

#[test]
fn a_slot_that_moves_takes_its_channel_along() {
    let cluster = RedisCluster::start();
    run(async {
        let mut pair = Pair::up(&cluster.url()).await;
        pair.listen_to(sharded("room")).await;
        let slot = cluster.nodes[0]
            .command(&["CLUSTER", "KEYSLOT", "room"])
            .integer();
        let owner = (slot / 5461).min(2) as usize;
        let target = (owner + 1) % 3;
        let id = cluster.nodes[target].command(&["CLUSTER", "MYID"]).text();
        let slot = slot.to_string();
        for node in [target, owner, (owner + 2) % 3] {
            cluster.nodes[node].command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
        }
        carillon_tests::wait::until("the old owner has let go", || {
            let channels = cluster.nodes[owner].command(&["PUBSUB", "SHARDCHANNELS"]);
            channels.array().is_empty().then_some(())
        });
        let subscribed = async {
            while cluster.nodes[target]
                .command(&["PUBSUB", "SHARDCHANNELS"])
                .array()
                .is_empty()
            {
                time::sleep(Duration::from_millis(20)).await;
            }
        };
        time::timeout(Duration::from_secs(10), subscribed)
            .await
            .expect("the channel is subscribed anew");
        pair.hears_itself(say_sharded("room", "1")).await;
    });
}

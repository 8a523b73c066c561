//! The Redis of a cluster is killed, comes back, hangs: the parts that tests do this with work.

use std::sync::mpsc;
use std::time::Duration;

use carillon_tests::cluster::Kind::Node;
use carillon_tests::cluster::{Mode, Setup};
use carillon_tests::redis::{Options, Redis};
use carillon_tests::resp::Reply;

use super::delivery;
use super::world::World;

#[test]
fn what_was_written_survives_a_kill() {
    let redis = Options::default()
        .appendonly()
        .password("secret")
        .line("maxclients 100")
        .start();
    redis.command(&["SET", "key", "value"]);
    redis.kill();
    redis.restart();
    assert_eq!(redis.command(&["GET", "key"]).text(), "value");
    let mut stranger = carillon_tests::resp::Client::open(redis.port()).unwrap();
    let refused = stranger.command(&["GET", "key"]).unwrap();
    assert!(
        matches!(&refused, Reply::Error(error) if error.starts_with("NOAUTH")),
        "{refused:?}"
    );
}

#[test]
fn a_frozen_one_answers_when_it_is_thawed() {
    let redis = Redis::start();
    let mut client = redis.client();
    redis.freeze();
    let (to, from) = mpsc::channel();
    let asker = std::thread::spawn(move || to.send(client.command(&["PING"]).unwrap()));
    assert!(
        from.recv_timeout(Duration::from_millis(200)).is_err(),
        "it is frozen"
    );
    redis.thaw();
    asker.join().unwrap().unwrap();
    assert_eq!(from.recv().unwrap().text(), "PONG");
}

/// Node servers come back to a Redis that was killed, and reach one another again.
#[test]
fn a_cluster_is_whole_again_after_a_kill() {
    for mode in [Mode::Classic, Mode::Sharded, Mode::Streams] {
        let redis = Redis::start();
        let world = World::start(&redis, &Setup::new(mode), &[Node, Node]);
        redis.kill();
        redis.restart();
        world.cluster.wait_until_whole(2);
        world.settle(&world.crowd);
        delivery::check(&world);
    }
}

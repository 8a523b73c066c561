//! The subjects of [`crate::cluster`] on clusters with gateways: beside Node, and alone.

mod by_hand;
mod other_mode;
mod rotation;

use carillon_tests::cluster::Kind::{self, Gateway, Node};
use carillon_tests::cluster::{Mode, Setup};
use carillon_tests::proxy::Proxy;
use carillon_tests::topology::{RedisCluster, Sentinel};
use serde_json::json;

use crate::cluster::world::World;
use crate::cluster::{check, delivery, emitters, remote, requests, through};

/// One Node server and two gateways: every direction between the kinds, and between gateways.
const MIXED: [Kind; 3] = [Node, Gateway, Gateway];
/// Gateways alone.
const OURS: [Kind; 2] = [Gateway, Gateway];

macro_rules! modes {
    ($($name:ident: $setup:expr, $kinds:expr;)*) => {
        $(#[test]
        fn $name() {
            check(&$setup, &$kinds);
        })*
    };
}

modes! {
    classic: Setup::new(Mode::Classic), MIXED;
    classic_with_own_response_channels: Setup::new(Mode::Classic).specific_responses(), MIXED;
    classic_on_three_shards: Setup::new(Mode::Classic).shards(3), MIXED;
    classic_alone: Setup::new(Mode::Classic), OURS;
    sharded: Setup::new(Mode::Sharded), MIXED;
    sharded_with_private_channels: Setup::new(Mode::Sharded).subscription("dynamic-private"), MIXED;
    sharded_with_static_channels: Setup::new(Mode::Sharded).subscription("static"), MIXED;
    sharded_on_three_shards: Setup::new(Mode::Sharded).shards(3), MIXED;
    sharded_alone: Setup::new(Mode::Sharded), OURS;
    streams: Setup::new(Mode::Streams), MIXED;
    streams_by_four: Setup::new(Mode::Streams).streams(4), MIXED;
    streams_on_three_shards: Setup::new(Mode::Streams).shards(3), MIXED;
    streams_alone: Setup::new(Mode::Streams), OURS;
}

/// A cluster whose clients may take their time to switch to websocket: on a busy machine a crowd does.
fn patient(mode: Mode) -> Setup {
    let rules = include_str!("../fixtures/cluster.yaml");
    Setup::new(mode).rules(&format!("engine: {{ upgradeTimeout: 1m }}\n{rules}"))
}

/// Without affinity, a thousand clients at once: polling only, the upgrade, the direct websocket.
fn balanced(balance: fn(&[u16]) -> Proxy) {
    for transports in [
        vec!["polling"],
        vec!["polling", "websocket"],
        vec!["websocket"],
    ] {
        let client = json!({ "transports": transports });
        through::check_on(&patient(Mode::Classic), &OURS, balance, 1000, &client);
    }
}

#[test]
fn nginx() {
    balanced(Proxy::nginx);
}

#[test]
fn haproxy() {
    balanced(Proxy::haproxy);
}

/// Sessions move with their websockets in the other modes, too.
#[test]
fn upgrades_that_land_elsewhere() {
    let client = json!({ "transports": ["polling", "websocket"] });
    for setup in [
        patient(Mode::Sharded),
        patient(Mode::Sharded).subscription("static"),
        patient(Mode::Streams),
    ] {
        through::check_on(&setup, &OURS, Proxy::at_random, 300, &client);
    }
}

/// Behind Sentinel, which names the master.
#[test]
fn behind_sentinel() {
    let redis = Sentinel::start();
    let setup = Setup::new(Mode::Sharded).env("CARILLON_REDIS_URL", &redis.url());
    let world = World::start(&redis.master, &setup, &OURS);
    delivery::check(&world);
    remote::check(&world);
    emitters::check(&world);
    requests::check(&world);
}

/// Sharded channels over the three nodes of a Redis Cluster; plain channels and streams on them. One sharded channel a namespace:
/// between the channels of rooms, which lie on different nodes, a cluster keeps no order, and these subjects look at it.
#[test]
fn on_a_redis_cluster() {
    let redis = RedisCluster::start();
    for setup in [
        Setup::new(Mode::Sharded).subscription("static").on(&redis),
        Setup::new(Mode::Classic).on(&redis),
        Setup::new(Mode::Streams).streams(4).on(&redis),
    ] {
        let world = World::start(&redis.nodes[0], &setup, &OURS);
        delivery::check(&world);
        remote::check(&world);
    }
}

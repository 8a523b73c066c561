//! Servers on one Redis behave as one: every operation, in every direction, in every mode.
//!
//! Each subject is a function over a running cluster of any members; the tables of this file say
//! which clusters. The members of a cluster that is all Node prove the expectations themselves.

pub(crate) mod asking;
pub(crate) mod delivery;
pub(crate) mod emitters;
mod outage;
pub(crate) mod remote;
pub(crate) mod requests;
pub(crate) mod through;
pub(crate) mod world;

use carillon_tests::cluster::Kind::{self, Gateway, Node};
use carillon_tests::cluster::{Mode, Setup};
use carillon_tests::redis::Redis;
use world::World;

/// Runs every subject on one cluster.
pub(crate) fn check(setup: &Setup, kinds: &[Kind]) {
    let redis = Redis::start();
    let mut world = World::start(&redis, setup, kinds);
    delivery::check(&world);
    remote::check(&world);
    emitters::check(&world);
    requests::check(&world);
    asking::check(&mut world);
}

/// A gateway by itself meets the same expectations, on one shard and on three.
#[test]
fn one_gateway() {
    for shards in [1, 3] {
        let redis = Redis::start();
        let setup = Setup::new(Mode::Classic).alone().shards(shards);
        let world = World::start(&redis, &setup, &[Gateway]);
        delivery::check(&world);
        remote::check(&world);
        asking::check_living(&world);
    }
}

macro_rules! modes {
    ($($name:ident: $setup:expr;)*) => {
        $(#[test]
        fn $name() {
            check(&$setup, &[Node, Node]);
        })*
    };
}

modes! {
    classic: Setup::new(Mode::Classic);
    classic_with_own_response_channels: Setup::new(Mode::Classic).specific_responses();
    sharded: Setup::new(Mode::Sharded);
    sharded_with_private_channels: Setup::new(Mode::Sharded).subscription("dynamic-private");
    sharded_with_static_channels: Setup::new(Mode::Sharded).subscription("static");
    streams: Setup::new(Mode::Streams);
    streams_by_four: Setup::new(Mode::Streams).streams(4);
}

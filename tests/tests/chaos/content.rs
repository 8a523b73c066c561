//! What is wrong in Redis changes nothing but a counter.

use carillon_tests::cluster::Kind::Gateway;
use carillon_tests::cluster::calls::Server as _;
use carillon_tests::cluster::{Member, Mode, Setup};
use carillon_tests::metrics::Metrics;
use carillon_tests::redis::Redis;
use carillon_tests::wait;

use super::frames::Frames;
use crate::cluster::delivery;
use crate::cluster::world::World;

fn check(mode: Mode) {
    let redis = Redis::start();
    let setup = Setup::new(mode).shards(2);
    let mut world = World::start(&redis, &setup, &[Gateway, Gateway]);
    let errors = |world: &World<'_>| {
        let of = |member: &Member| match member {
            Member::Gateway(pod) => Metrics::of(pod.view()).sum("carillon_bus_errors_total", &[]),
            Member::Node(_) => 0.0,
        };
        world
            .cluster
            .members
            .iter()
            .map(of)
            .fold(f64::MAX, f64::min)
    };
    let before = errors(&world);
    let sent = Frames::new(&setup).publish(&mut redis.client());
    wait::until("what is malformed is counted", || {
        (errors(&world) - before > sent as f64 / 10.0).then_some(())
    });
    // Nobody has received anything of it, and all that is right still works.
    for member in 0..2 {
        world.assert_all_received(member, &[]);
    }
    delivery::check(&world);
    for member in &mut world.cluster.members {
        if let Member::Gateway(pod) = member {
            pod.gateway().assert_alive();
            let (ready, output) = (
                pod.gateway().admin("/readyz"),
                pod.gateway().process().output(),
            );
            assert_eq!(ready.status, 200, "{}", ready.text());
            assert!(!output.contains("panicked"), "{output}");
            assert_eq!(pod.sockets("/", &[]).ids().len(), 8, "all are still there");
        }
    }
}

#[test]
fn classic() {
    check(Mode::Classic);
}

#[test]
fn sharded() {
    check(Mode::Sharded);
}

#[test]
fn streams() {
    check(Mode::Streams);
}

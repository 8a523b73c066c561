//! Clients that come back to a pod whose Redis is away for a moment, or is not reached yet.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use carillon_tests::forwarder::Forwarder;
use carillon_tests::gateway::{Gateway, Options};
use carillon_tests::http::Request;
use carillon_tests::metrics::Metrics;
use carillon_tests::redis::Redis;
use carillon_tests::wait;
use serde_json::json;

use super::client::{Client, emit};
use super::pods::{come_back, numbers, setup, until_written};

/// A pod that would answer at once has done it by then.
const MOMENT: Duration = Duration::from_millis(200);

/// One pod beside Redis, and how to start one whose way to it can be cut.
fn pods(redis: &Redis, host: Ipv4Addr) -> (Gateway, Options, Forwarder) {
    let way = Forwarder::start(host, redis.port());
    let setup = setup();
    let here = setup.gateway("here", redis).start();
    let url = format!("redis://{host}:{}", redis.port());
    let there = setup
        .gateway("there", redis)
        .env("CARILLON_REDIS_URL", &url);
    (here, there, way)
}

/// A client of `here` is lost, misses three events and comes back to `there` while the way of that pod is cut.
fn comes_back(redis: &Redis, here: &Gateway, there: &Gateway, way: &Forwarder) {
    let client = Client::connect(here, "/live", "r");
    let (sid, ticket) = (client.sid.clone(), client.ticket(None));
    until_written(redis, &client.pid);
    drop(client);
    (1..=3).for_each(|n| emit(here, "/live", &json!(n)));
    let (missed, back) = thread::scope(|scope| {
        let back = scope.spawn(|| come_back(there.port(), "/live", &ticket));
        thread::sleep(MOMENT);
        way.mend();
        back.join().expect("it comes back")
    });
    assert_eq!((missed, back.sid), (numbers(1..=3), sid));
}

#[test]
fn for_a_moment() {
    let redis = Redis::start();
    let (here, there, way) = pods(&redis, Ipv4Addr::new(127, 0, 0, 11));
    let there = there.start();
    way.cut();
    wait::until("the pod knows that its bus is down", || {
        (Metrics::of(&there).sum("carillon_bus_up", &[]) == 0.0).then_some(())
    });
    comes_back(&redis, &here, &there, &way);
}

#[test]
fn since_the_start() {
    let redis = Redis::start();
    let (here, there, way) = pods(&redis, Ipv4Addr::new(127, 0, 0, 12));
    way.cut();
    let there = there.launch();
    wait::until("the pod runs", || {
        let answer = Request::get("/readyz").try_send(there.admin_port());
        answer.ok().filter(|answer| answer.status == 503)
    });
    comes_back(&redis, &here, &there, &way);
}

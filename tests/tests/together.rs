//! Gateways on one Redis share more than messages: what becomes of an emit while it is away, ids of calls, and the past
//! of rooms.

mod history;
mod ids;
mod loss;

use carillon_tests::cluster::Mode;
use carillon_tests::gateway::{Gateway, Options};
use carillon_tests::metrics::Metrics;
use carillon_tests::redis::Redis;
use carillon_tests::{ports, wait};

const MODES: [Mode; 3] = [Mode::Classic, Mode::Sharded, Mode::Streams];

/// How a gateway of such a cluster is started.
fn options(redis: &Redis, mode: Mode, rules: &str) -> Options {
    Options::rules(rules)
        .env("CARILLON_REDIS_URL", &redis.url())
        .env("CARILLON_REDIS_MODE", mode.name())
        .env("CARILLON_REDIS_REQUEST_TIMEOUT", "2s")
        .env("CARILLON_PEER_PORT", &ports::free().to_string())
}

fn pod(redis: &Redis, mode: Mode, rules: &str) -> Gateway {
    options(redis, mode, rules).start()
}

/// Waits until the gateway says that Redis answers, or that it does not.
fn until_up(gateway: &Gateway, up: bool) {
    let expected = f64::from(u8::from(up));
    wait::until("the bus is up or down", || {
        (Metrics::of(gateway).sum("carillon_bus_up", &[]) == expected).then_some(())
    });
}

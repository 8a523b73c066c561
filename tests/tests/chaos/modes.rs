//! Gateways that do not speak the same on one Redis.

use carillon_tests::cluster::{Kind, Mode, Setup};
use carillon_tests::redis::Redis;
use carillon_tests::wait;

/// The one that comes second stays not ready, and says which variable is to be set; once the first is gone it goes on.
#[test]
fn the_second_one_waits() {
    let redis = Redis::start();
    for (first, second) in [
        (Mode::Sharded, Mode::Classic),
        (Mode::Classic, Mode::Streams),
        (Mode::Streams, Mode::Sharded),
    ] {
        let setup = Setup::new(first);
        let running = setup.start(&redis, Kind::Gateway, 0);
        let mut other = setup.clone();
        other.mode = second;
        let mut gateway = other.gateway("pod-1", &redis).launch();
        let named = format!("CARILLON_REDIS_MODE={}", first.name());
        wait::until(&format!("{named} is told"), || {
            let request = carillon_tests::http::Request::get("/readyz");
            let answer = request.try_send(gateway.admin_port()).ok()?;
            assert_eq!(answer.status, 503, "{}", answer.text());
            answer.text().contains(&named).then_some(())
        });
        gateway.assert_alive();
        drop(running);
        // As if its claim had run out, which takes 15 s.
        redis.command(&["DEL", &format!("{{{}:carillon}}:mode", setup.prefix)]);
        gateway.wait_until_ready();
    }
}

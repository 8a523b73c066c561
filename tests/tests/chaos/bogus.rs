//! Session ids that nobody has given out cost no message, neither to Redis nor to another gateway.

use std::net::Ipv4Addr;
use std::time::Instant;

use carillon_tests::cluster::{Kind, Mode, Setup};
use carillon_tests::forwarder::Forwarder;
use carillon_tests::http::Request;
use carillon_tests::polling::{POLLING, Polling};
use carillon_tests::ports;
use carillon_tests::redis::Redis;
use carillon_tests::ws::Ws;

/// Commands that Redis has done of gateways, and of this question.
fn commands(redis: &Redis) -> u64 {
    let stats = redis.command(&["INFO", "commandstats"]).text();
    let calls = stats.lines().filter_map(|line| {
        let (name, rest) = line.split_once(":calls=")?;
        let counts = !matches!(name, "cmdstat_info" | "cmdstat_ping");
        counts.then(|| rest.split(',').next()?.parse::<u64>().ok())?
    });
    calls.sum()
}

#[test]
fn cost_nothing() {
    let redis = Redis::start();
    let setup = Setup::new(Mode::Classic);
    let port = ports::free();
    let other = setup
        .clone()
        .env("CARILLON_PEER_ADDRESS", "127.0.0.9")
        .env("CARILLON_PEER_PORT", &port.to_string());
    let way = Forwarder::start(Ipv4Addr::new(127, 0, 0, 9), port);
    let other = other.start(&redis, Kind::Gateway, 0);
    let pod = setup.start(&redis, Kind::Gateway, 1);

    // A real one of the other gateway is relayed.
    let session = Polling::open(other.port());
    session.by(pod.port()).connect("/");
    let relayed = way.accepted();
    assert!(relayed > 0, "the way to the other gateway is this one");

    let ids = made_up(session.sid());
    let (before, began) = (commands(&redis), Instant::now());
    let mut requests = 0;
    for id in &ids {
        let path = format!("{POLLING}&sid={id}");
        for request in [Request::get(&path), Request::post(&path).body(b"40")] {
            let answer = request.send(pod.port());
            assert_eq!(answer.status, 400, "{id}: {}", answer.text());
            requests += 1;
        }
        let path = path.replace("polling", "websocket");
        assert!(Ws::connect(pod.port(), &path, &[]).is_err(), "{id}");
        requests += 1;
    }
    let (cost, seconds) = (commands(&redis) - before, began.elapsed().as_secs() + 1);
    // Each gateway measures the bus every second, and says that it lives every five: a script of some ten commands.
    let alive = 2 * (seconds + 15 * (seconds / 5 + 1));
    assert!(
        requests > 300 && cost <= alive,
        "{requests} requests cost {cost} commands in {seconds} s"
    );
    assert_eq!(
        way.accepted(),
        relayed,
        "nor does the other gateway hear of them"
    );
    // And the real one lives.
    assert_eq!(session.by(pod.port()).post("6").status, 200);
}

/// Each character of a real id replaced by another, its MAC cut off, and what was never one. The last character but one bit of
/// it may be padding, so it is left out.
fn made_up(real: &str) -> Vec<String> {
    let mut ids: Vec<String> = (0..real.len() - 1)
        .flat_map(|at| {
            let with = |other: &str| {
                let mut id = real.to_owned();
                let same = real[at..].starts_with(other);
                id.replace_range(at..=at, if same { "-" } else { other });
                id
            };
            ["A", "z", "7"].map(with)
        })
        .collect();
    let lengths = (0..real.len()).step_by(5);
    ids.extend(
        lengths
            .map(|length| real[..length].to_owned())
            .filter(|id| !id.is_empty()),
    );
    ids.extend([
        format!("{real}A"),
        format!("{real}{real}"),
        "A".repeat(5000),
    ]);
    ids.extend(["undefined", "..%2F..", "%00%ff", "x%20y"].map(str::to_owned));
    ids.retain(|id| id != real);
    ids
}

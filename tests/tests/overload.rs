//! Four times what the rules allow is offered for a while, to readers of whom some do not read:
//! memory stays bounded, the slow are cut or skipped by rule and counted, the fast lose nothing.

use std::io;
use std::time::{Duration, Instant};

use carillon_tests::flood::{Client, Origin};
use carillon_tests::gateway::{Gateway, Options, workspace};
use carillon_tests::metrics::{self, Metrics};
use carillon_tests::wait;
use tokio::task::JoinSet;
use tokio::time::{self, MissedTickBehavior};

const PUBLISHERS: usize = 4;
const FAST: usize = 12;
const SLOW: usize = 12;
/// The rules allow 100 a second and socket.
const OFFERED_PER_SECOND: u64 = 400;
const PAYLOAD: usize = 4096;
/// Backlogs of all slow readers, what the kernel holds is not ours; the rest is room to work.
const BOUND: u64 = 96 << 20;

fn duration() -> Duration {
    let given = std::env::var("OVERLOAD_SECONDS").ok();
    Duration::from_secs(given.and_then(|seconds| seconds.parse().ok()).unwrap_or(10))
}

#[test]
fn cuts_the_slow() {
    let dropped = overload("/cut");
    assert!(dropped.cut > 0.0, "slow readers are cut");
}

#[test]
fn skips_for_the_slow() {
    let dropped = overload("/skip");
    assert_eq!(dropped.cut, 0.0, "nobody is cut where the rule says skip");
    assert!(dropped.messages > 0.0, "what was skipped is counted");
}

struct Dropped {
    messages: f64,
    cut: f64,
}

fn overload(namespace: &'static str) -> Dropped {
    let rules = workspace().join("tests/fixtures/flood.yaml");
    // Who does not read does not answer heartbeats either: they must not be what ends it.
    let rules = std::fs::read_to_string(rules).unwrap();
    let rules = rules.replace("pingInterval: 8s", "pingInterval: 10m");
    let mut gateway = Options::rules(&rules).shards(3).start();
    let before = gateway.process().resident();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let slow = runtime.block_on(run(gateway.port(), namespace));
    let peak = peak(&mut gateway);
    assert!(peak < before + BOUND, "from {before} to {peak} bytes");
    let dropped = Dropped {
        messages: Metrics::of(&gateway).sum("carillon_deliveries_dropped_total", &[]),
        cut: cut(&gateway),
    };
    // While slow readers that were skipped for are still there their backlog is pending.
    metrics::assert_accounted(&gateway);
    drop(slow);
    let [expected, delivered, dropped_now, pending] = metrics::assert_accounted(&gateway);
    assert!(expected > 0.0 && delivered > 0.0 && dropped_now >= dropped.messages);
    assert!(pending == 0.0 || pending <= expected);
    gateway.assert_alive();
    dropped
}

/// How many sessions ended other than by their client.
fn cut(gateway: &Gateway) -> f64 {
    let metrics = Metrics::of(gateway);
    let all = metrics.sum("carillon_sessions_closed_total", &[]);
    let gone = metrics.sum(
        "carillon_sessions_closed_total",
        &["reason=\"transport close\""],
    ) + metrics.sum(
        "carillon_sessions_closed_total",
        &["reason=\"transport error\""],
    );
    all - gone
}

fn peak(gateway: &mut Gateway) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", gateway.process().id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

/// Runs the flood; returns the readers that do not read, still connected as far as they may be.
async fn run(port: u16, namespace: &'static str) -> Vec<Client> {
    let mut slow = Vec::new();
    for number in 0..SLOW {
        let origin = Origin {
            receive: Some(4096),
            ..Origin::number(number)
        };
        slow.push(Client::connected(origin, port, namespace).await.unwrap());
    }
    let mut readers = JoinSet::new();
    for number in 0..FAST {
        let client = Client::connected(Origin::number(number), port, namespace)
            .await
            .unwrap();
        readers.spawn(read(client));
    }
    let mut publishers = JoinSet::new();
    for number in 0..PUBLISHERS {
        let client = Client::connected(Origin::number(number), port, namespace)
            .await
            .unwrap();
        publishers.spawn(publish(client, namespace, number));
    }
    let mut accepted = vec![0; PUBLISHERS];
    while let Some(done) = publishers.join_next().await {
        let (number, count) = done.unwrap().unwrap();
        accepted[number] = count;
    }
    assert!(accepted.iter().all(|count| *count > 0), "{accepted:?}");
    while let Some(done) = readers.join_next().await {
        assert_eq!(
            done.unwrap().unwrap(),
            accepted,
            "a fast reader loses nothing"
        );
    }
    slow
}

/// Offers events at a fixed rate, whatever becomes of them; returns how many were accepted.
async fn publish(mut client: Client, namespace: &str, number: usize) -> io::Result<(usize, u64)> {
    let padding = "x".repeat(PAYLOAD);
    let end = Instant::now() + duration();
    let mut ticks =
        time::interval(Duration::from_secs(1) / u32::try_from(OFFERED_PER_SECOND).unwrap());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut sent, mut refused) = (0u64, 0u64);
    let mut answered = 0u64;
    while Instant::now() < end {
        tokio::select! {
            _ = ticks.tick() => {
                client.send(&format!(r#"42{namespace},{sent}["tick",{number},{sent},"{padding}"]"#)).await?;
                sent += 1;
            }
            packet = client.next() => count(&packet?, namespace, &mut answered, &mut refused),
        }
    }
    while answered < sent {
        let packet = client.next().await?;
        count(&packet, namespace, &mut answered, &mut refused);
    }
    assert!(refused * 2 > sent, "only {refused} of {sent} were too many");
    // The last one tells the readers that no more will come; the bucket has to have room again.
    loop {
        time::sleep(Duration::from_millis(50)).await;
        client
            .send(&format!(r#"42{namespace},{sent}["tick",{number},"end"]"#))
            .await?;
        let ack = format!("43{namespace},{sent}");
        let answer = loop {
            let packet = client.next().await?;
            if packet.starts_with(&ack) {
                break packet;
            }
        };
        if answer.ends_with("[]") {
            return Ok((number, sent - refused));
        }
    }
}

fn count(packet: &str, namespace: &str, answered: &mut u64, refused: &mut u64) {
    if packet.starts_with(&format!("43{namespace},")) {
        *answered += 1;
        *refused += u64::from(packet.contains("rate_limited"));
    }
}

/// Reads until every publisher has said its end; returns how many came of each, in order.
async fn read(mut client: Client) -> io::Result<Vec<u64>> {
    let (mut counts, mut last, mut ends) = (vec![0; PUBLISHERS], vec![None; PUBLISHERS], 0);
    while ends < PUBLISHERS {
        let packet = client.next().await?;
        let json = packet
            .split_once(',')
            .map(|(_, json)| json)
            .unwrap_or_default();
        let mut parts = json.trim_start_matches(r#"["tick","#).split([',', ']']);
        let publisher: usize = parts
            .next()
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| io::Error::other(packet.clone()))?;
        match parts.next().unwrap_or_default().parse::<u64>() {
            Err(_) => ends += 1,
            Ok(sequence) => {
                assert!(
                    last[publisher] < Some(sequence),
                    "out of order: {sequence} after {:?}",
                    last[publisher]
                );
                last[publisher] = Some(sequence);
                counts[publisher] += 1;
            }
        }
    }
    Ok(counts)
}

/// A process that gets no processor time looks at its timers late.
#[test]
fn tells_how_late_it_is() {
    const RULES: &str =
        "engine: { pingInterval: 100ms, pingTimeout: 20s }\nnamespaces: [{ name: / }]";
    const HELD: Duration = Duration::from_millis(600);
    let mut gateway = Options::rules(RULES).shards(1).start();
    let _session = gateway.websocket();
    let late = |gateway: &Gateway| {
        let metrics = Metrics::of(gateway);
        let in_time = metrics.sum("carillon_loop_lag_seconds_bucket", &["le=\"0.25\""]);
        metrics.sum("carillon_loop_lag_seconds_count", &[]) - in_time
    };
    let before = late(&gateway);
    let process = gateway.process();
    process.signal("STOP");
    // It is for how long it is held that it is late.
    std::thread::sleep(HELD);
    process.signal("CONT");
    let told = || (late(&gateway) > before).then_some(());
    wait::until("the lag is told", told);
}

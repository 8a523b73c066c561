//! Redis, a gateway and a Node server are killed and frozen under load, in each mode.

use std::time::{Duration, Instant};

use carillon_tests::cluster::Kind::{Gateway, Node};
use carillon_tests::cluster::{Mode, Setup};
use carillon_tests::redis::{Options, Redis};
use serde_json::json;

use super::scene::{Marks, Scene};

/// The members, by their index.
const NODE: usize = 0;
const PODS: [usize; 2] = [1, 2];
/// Clients of each room on the Node server, and on the gateways together.
const ON_NODE: usize = 16;
const ON_PODS: usize = 32;
/// So many messages may be under way on one connection, so that nobody knows what became of them.
const IN_DOUBT: usize = 12;

fn check(mode: Mode, redis_frozen: Duration) {
    let redis = Options::default().appendonly().start();
    let mut scene = Scene::start(&redis, &Setup::new(mode), &[Node, Gateway, Gateway]);
    scene.connect(
        "node",
        ON_NODE,
        scene.cluster.members[NODE].port(),
        &json!({}),
    );
    scene.connect("pods", ON_PODS, scene.proxy.port(), &json!({}));
    for pod in PODS {
        assert_eq!(
            scene.count("pods", pod),
            ON_PODS,
            "nginx deals them in turn"
        );
    }

    outage(&mut scene, mode, |scene| {
        redis.kill();
        scene.until_bus(false);
        scene.until_degraded(5);
        during(scene);
        redis.restart();
    });
    outage(&mut scene, mode, |scene| {
        let began = Instant::now();
        redis.freeze();
        scene.until_bus(false);
        scene.until_degraded(5);
        during(scene);
        std::thread::sleep(redis_frozen.saturating_sub(began.elapsed()));
        redis.thaw();
    });
    pod_frozen(&mut scene);
    node_killed(&mut scene);
    pod_killed(&mut scene);
    drop(scene);
    assert!(Redis::command(&redis, &["PING"]).text() == "PONG");
}

/// Without Redis each gateway goes on by itself.
fn during(scene: &mut Scene<'_>) {
    let marks = scene.marks();
    scene.until_degraded(3);
    scene.settle_here(&marks);
    scene.assert_undisturbed();
}

/// Redis goes and comes back in `fault`. Nothing but messages to others is lost, and what was not sent is counted.
fn outage(scene: &mut Scene<'_>, mode: Mode, fault: impl FnOnce(&mut Scene<'_>)) {
    let began = calm(scene);
    let unsent = scene.unsent();
    fault(scene);
    scene.until_bus(true);
    let ended = scene.heal();
    scene.settle(&ended);
    scene.settle_here(&began);
    scene.assert_undisturbed();
    let counted = scene.unsent();
    for [from, to] in [PODS, [PODS[1], PODS[0]]] {
        let counted = (counted[&from] - unsent[&from]) as usize;
        let lost = scene.lost(from, to, &began, &ended);
        println!(
            "{}: {from} counts {counted} unsent, {to} misses {lost}",
            mode.name()
        );
        assert!(
            counted > 0 && counted <= lost + IN_DOUBT,
            "{counted} counted, {lost} lost"
        );
        // A stream is read from where the reader was. On channels is also lost what one gateway publishes before another
        // listens again, which nobody can know.
        if mode == Mode::Streams {
            assert!(lost <= counted, "{counted} counted, {lost} lost");
        }
    }
}

/// Everything that is sent while all is well arrives.
fn calm(scene: &mut Scene<'_>) -> Marks {
    let marks = scene.heal();
    scene.settle(&marks);
    scene.assert_undisturbed();
    marks
}

/// A gateway that is frozen for less than a heartbeat of its sessions loses neither them nor any message.
fn pod_frozen(scene: &mut Scene<'_>) {
    let frozen = PODS[1];
    let began = calm(scene);
    scene.signal(frozen, "STOP");
    let since = Instant::now();
    let marks = scene.marks();
    while since.elapsed() < Duration::from_secs(10) {
        // The others go on.
        scene.settle_where(&marks, |client, publisher| {
            client != frozen && publisher != frozen
        });
        std::thread::sleep(Duration::from_millis(500));
    }
    scene.signal(frozen, "CONT");
    let ended = scene.heal();
    scene.settle(&ended);
    scene.settle(&began);
    scene.assert_undisturbed();
    scene.until_bus(true);
}

/// The others notice nothing.
fn node_killed(scene: &mut Scene<'_>) {
    let began = calm(scene);
    scene.kill(NODE);
    let ended = scene.heal();
    scene.settle(&ended);
    scene.settle(&began);
    scene.assert_undisturbed();
}

/// Its clients come to the other one, whose own notice nothing.
fn pod_killed(scene: &mut Scene<'_>) {
    let began = calm(scene);
    let before = scene.crowd.seen();
    scene.kill(PODS[1]);
    scene.until_back("pods");
    assert_eq!(
        scene.count("pods", PODS[0]),
        2 * ON_PODS,
        "nginx finds the one that lives"
    );
    let ended = scene.heal();
    scene.settle(&ended);
    scene.assert_ordered();
    scene.assert_in_service();
    for (name, client) in scene.crowd.seen() {
        if client.owner == before[&name].owner && client.ready {
            assert!(client.reasons.is_empty(), "{name}: {:?}", client.reasons);
        }
    }
    drop(began);
}

#[test]
fn classic() {
    check(Mode::Classic, Duration::from_secs(10));
}

#[test]
fn sharded() {
    check(Mode::Sharded, Duration::from_secs(4));
}

#[test]
fn streams() {
    check(Mode::Streams, Duration::from_secs(4));
}

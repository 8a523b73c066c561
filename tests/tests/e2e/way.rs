//! From nothing to nothing, with browsers and backends all the way.

use std::time::SystemTime;

use carillon_tests::kubernetes::{self, Helm, Kubernetes, Program, Trace, until};
use serde_json::{Value, json};

use super::report::Report;
use super::scene::{BUDGET, DEADLINE, FLEET, Scene, Size, values};

#[test]
fn from_nothing_to_nothing() {
    kubernetes::apart("e2e", async |cluster| {
        cluster.install_optional();
        let system = cluster.namespace("carillon-system");
        let game = cluster.namespace("game");
        let ours = cluster.helm(4, system.name());
        let theirs = cluster.helm(4, game.name());
        let mut report = Report::default();

        let began = SystemTime::now();
        let log = json!({ "level": Size::wanted().logged });
        let kept = cluster.operator_values(&json!({ "replicas": 2, "log": log }));
        ours.apply("carillon", "carillon", &kept).unwrap();
        report.note("`helm install carillon --wait`", began);
        let scene = Scene::open(cluster, [&system, &game], &theirs, report).await;
        let began = SystemTime::now();
        scene.tell("at rest", began).await;

        the_load_rises(&scene).await;
        the_load_falls(&scene).await;
        the_image_is_upgraded(&scene, &theirs).await;
        redis_is_killed(&scene).await;
        a_pod_is_killed(&scene).await;
        the_operator_goes(cluster, &scene, &ours).await;

        let began = SystemTime::now();
        scene.load.settle().await;
        let lines = scene.marks.borrow().none();
        let published = scene.load.published();
        let (seen, trace) = (scene.load.seen(), scene.load.trace());
        let (mut report, is_measured) = (scene.report.take(), scene.size.is_measured);
        drop(scene);
        theirs.uninstall(FLEET).unwrap();
        game.until_empty(DEADLINE).await;
        ours.uninstall("carillon").unwrap();
        cluster.until_undefined(DEADLINE).await;
        system.until_empty(DEADLINE).await;
        system.until_nothing_of_ours(DEADLINE).await;
        report.note(
            "everything is uninstalled, with `crds.keep=false`: nothing is left",
            began,
        );
        report.end(is_measured, &published, &seen, &trace, lines);
    });
}

fn replicas(count: u64) -> impl FnMut(&Value) -> bool {
    move |object| {
        let status = &object["status"];
        status["replicas"] == count && status["readyReplicas"] == count
    }
}

async fn the_load_rises(scene: &Scene<'_>) {
    let began = SystemTime::now();
    scene.connect("crowd", scene.size.crowd, &[], &json!(["websocket"]));
    let all = "there are four pods";
    scene.fleet.until(all, DEADLINE, replicas(4)).await;
    let name = format!(
        "{} clients come: scaled from two pods to four",
        scene.size.crowd
    );
    scene.tell(&name, began).await;
}

async fn the_load_falls(scene: &Scene<'_>) {
    // Those before are all on the two pods that stay.
    let late = json!(["polling", "websocket"]);
    scene.connect("late", scene.size.stay / 3, &["all", "once"], &late);
    let began = SystemTime::now();
    scene.load.leave("crowd");
    scene
        .fleet
        .until("there are two pods", DEADLINE, replicas(2))
        .await;
    until_pods(scene, 2).await;
    let worst = scene
        .tell("they go: drained, and scaled down to two", began)
        .await;
    within_budget(scene, worst);
    let moved = scene.load.trace().lost.len();
    assert!(moved > 0, "nobody had to move");
}

fn within_budget(scene: &Scene<'_>, worst: f64) {
    scene.report.borrow_mut().moved(worst);
    assert!(worst <= Trace::allowed(BUDGET), "{worst}/s of {BUDGET}/s");
}

/// Waits until so many are there, and none that drains.
async fn until_pods(scene: &Scene<'_>, count: usize) {
    let drained = async || {
        let pods = scene.fleet.pods();
        (pods.len() == count)
            .then_some(())
            .ok_or_else(|| format!("{pods:?}"))
    };
    until("the others have drained", DEADLINE, drained).await;
}

async fn the_image_is_upgraded(scene: &Scene<'_>, helm: &Helm<'_>) {
    let began = SystemTime::now();
    let before = scene.fleet.pods();
    let gateway = scene.cluster.image(Program::Gateway);
    let next = scene.cluster.retag(&gateway, "next");
    let values = values(scene.cluster, scene.size, &scene.prometheus(), &next.tag);
    helm.apply(FLEET, "carillon-cluster", &values).unwrap();
    until_pods(scene, 2).await;
    let after = scene.fleet.pods();
    let is_new = |pod| !before.contains(pod);
    assert!(after.iter().all(is_new), "{before:?} {after:?}");
    let worst = scene
        .tell(
            "`helm upgrade` with another image: every pod is replaced",
            began,
        )
        .await;
    within_budget(scene, worst);
}

/// Of the pod of Redis, how often its container was started again, once it is ready.
fn restarts(scene: &Scene<'_>) -> Result<u64, String> {
    let selector = format!("--selector=app.kubernetes.io/name={FLEET}-redis");
    let pods = scene.game.get(&["pods", &selector]);
    let container = &pods["items"][0]["status"]["containerStatuses"][0];
    match (&container["ready"], container["restartCount"].as_u64()) {
        (Value::Bool(true), Some(count)) => Ok(count),
        _ => Err(container.to_string()),
    }
}

/// It keeps nothing: its data are gone too.
async fn redis_is_killed(scene: &Scene<'_>) {
    let began = SystemTime::now();
    let pods = scene.fleet.pods();
    let (before, _) = until("Redis is ready", DEADLINE, async || restarts(scene)).await;
    let selector = format!("app.kubernetes.io/name={FLEET}-redis");
    let redis = &scene.game.pods(&selector)[0].0;
    scene.game.signal(redis, "redis", "KILL");
    let back = async || match restarts(scene)? {
        count if count > before => Ok(()),
        count => Err(format!("{count} restarts")),
    };
    until("Redis is back", DEADLINE, back).await;
    let serving = async || match scene.fleet.serving() {
        all if all == pods => Ok(()),
        all => Err(format!("{all:?}")),
    };
    until("every pod has it again", DEADLINE, serving).await;
    scene
        .tell("Redis is killed, and comes back without its data", began)
        .await;
}

async fn a_pod_is_killed(scene: &Scene<'_>) {
    let began = SystemTime::now();
    let pods = scene.fleet.pods();
    scene.game.signal(&pods[0].name, "gateway", "KILL");
    let back = async || {
        let now = scene.fleet.serving();
        let restarted = now.iter().any(|pod| pod.restarts > pods[0].restarts);
        (restarted && now.len() == pods.len())
            .then_some(())
            .ok_or_else(|| format!("{now:?}"))
    };
    until("it is back", DEADLINE, back).await;
    scene.tell("a gateway is killed with SIGKILL", began).await;
}

/// The definition is kept, and so is the fleet; whoever installs the chart again finds both.
async fn the_operator_goes(cluster: &Kubernetes, scene: &Scene<'_>, ours: &Helm<'_>) {
    let began = SystemTime::now();
    let pods = scene.fleet.pods();
    ours.uninstall("carillon").unwrap();
    assert!(
        cluster.has_definition(),
        "it is kept unless that is not wanted"
    );
    scene
        .tell("the operator is uninstalled: the fleet serves on", began)
        .await;
    assert_eq!(scene.fleet.pods(), pods);
    let began = SystemTime::now();
    let log = json!({ "level": scene.size.logged });
    let not_kept = cluster.operator_values(&json!({ "crds": { "keep": false }, "log": log }));
    ours.apply("carillon", "carillon", &not_kept).unwrap();
    scene.fleet.ready(DEADLINE).await;
    scene
        .tell(
            "the operator is installed again, with `crds.keep=false`",
            began,
        )
        .await;
    assert_eq!(scene.fleet.pods(), pods);
}

//! Every panel of every dashboard shows something of a fleet under load and of the operator that keeps it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use std::{env, fs};

use carillon_operator::build::dashboards::files;
use carillon_tests::gateway::workspace;
use carillon_tests::kubernetes::{self, Fleet, Load, MAJORS, Namespace, Prometheus, redis, until};
use serde_json::{Value, json};

use super::{DEADLINE, load, namespace, prepare, spec, start_operator};

/// A window of rates, of samples that come each second.
const WINDOW: &str = "15s";
/// So many connections are meant for a pod.
const A_POD: usize = 10;

/// One to three pods by their connections.
fn scaled(redis: &str, prometheus: &Prometheus) -> Value {
    let mut spec = spec(redis, 1);
    spec.as_object_mut().unwrap().remove("replicas");
    let policies = json!([{ "type": "Pods", "value": 4, "periodSeconds": 5 }]);
    spec["autoscaling"] = json!({
        "minReplicas": 1, "maxReplicas": 3, "interval": "1s",
        "metrics": [{ "type": "Connections", "averageValue": A_POD.to_string() }],
        "behavior": {
            "scaleUp": { "stabilizationWindowSeconds": 0, "policies": policies },
            "scaleDown": { "stabilizationWindowSeconds": 20, "policies": policies },
        },
        "prometheus": { "address": prometheus.url(), "maxAge": "20s" },
    });
    spec["drain"] = json!({ "reconnectsPerSecond": 5 });
    spec["monitoring"] = json!({ "dashboards": "Enabled" });
    spec
}

#[test]
fn every_panel_has_data() {
    kubernetes::test(async |cluster| {
        let began = SystemTime::now();
        let (_redis, url) = redis();
        let space = prepare(cluster, "dashboards");
        let client = cluster.client().await;
        let prometheus = Prometheus::start(cluster, &space).await;
        let _operator = start_operator(cluster, &space).await;
        let fleet = Fleet::apply(&space, &client, "game", &scaled(&url, &prometheus));
        fleet.ready(DEADLINE).await;
        let load = load(&fleet, A_POD * 2);
        let two = |object: &Value| object["status"]["readyReplicas"] == 2;
        fleet.until("there are two pods", DEADLINE, two).await;
        let dashboards = published(&space);
        assert_eq!(dashboards.len(), 3);
        let whole = async || match empty(&dashboards, &prometheus, &space).as_slice() {
            [] => Ok(()),
            empty => Err(empty.join("\n")),
        };
        let (_, took) = until("every panel shows something", DEADLINE, whole).await;
        println!("every panel shows something after {took:?}");
        variables_have_values(&dashboards, &prometheus, &space);
        if let Some(file) = pictures() {
            more_to_see(&fleet, &load).await;
            draw(&file, &dashboards, &prometheus, &space, began);
        }
        load.settle().await;
    });
}

/// Both versions of Helm render them as they are.
#[test]
fn the_chart_has_them_for_all_fleets() {
    kubernetes::test(async |cluster| {
        let values =
            json!({ "metrics": { "dashboards": { "enabled": "Enabled", "folder": "Realtime" } } });
        for major in MAJORS {
            let helm = cluster.helm(major, "system");
            let rendered = helm.render("carillon", "carillon", &values).unwrap();
            let mut documents = rendered
                .split("\n---\n")
                .filter(|document| document.contains("\nkind: ConfigMap\n"));
            let map: Value = serde_yaml::from_str(documents.next().unwrap()).unwrap();
            let metadata = &map["metadata"];
            assert_eq!(metadata["labels"]["grafana_dashboard"], "1");
            assert_eq!(metadata["annotations"]["grafana_folder"], "Realtime");
            let files = files();
            assert_eq!(map["data"].as_object().unwrap().len(), files.len());
            for (name, text) in files {
                let [made, rendered] = [&text, map["data"][&name].as_str().unwrap()]
                    .map(|text| serde_json::from_str::<Value>(text).unwrap());
                assert_eq!(rendered["uid"], made["uid"]);
                let [rendered, made] = [&rendered, &made].map(queries);
                assert_eq!(rendered, made, "{name}");
            }
        }
    });
}

/// The dashboards of the fleet's ConfigMap.
fn published(space: &Namespace<'_>) -> Vec<Value> {
    let data = space.get(&["configmap", "game-dashboards"])["data"].clone();
    let files = data.as_object().unwrap().values();
    files
        .map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap())
        .collect()
}

fn list<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn expressions(dashboard: &Value) -> impl Iterator<Item = (&Value, &str)> {
    list(dashboard, "/panels").flat_map(|panel| {
        let targets = list(panel, "/targets").filter_map(|target| target["expr"].as_str());
        targets.map(move |expression| (panel, expression))
    })
}

fn queries(dashboard: &Value) -> Vec<&str> {
    expressions(dashboard).map(|(_, query)| query).collect()
}

/// An expression as Grafana sends it; no label tells which Kubernetes this is.
fn filled(expression: &str, space: &Namespace<'_>) -> String {
    expression
        .replace("$__rate_interval", WINDOW)
        .replace("$cluster", ".*")
        .replace("$namespace", space.name())
        .replace("${name}", "game")
        .replace("$name", "game")
        .replace("$operator", "carillon-operator-.+")
        .replace("$socketio", ".*")
}

/// The panels of which a query has no number to show.
fn empty(dashboards: &[Value], prometheus: &Prometheus, space: &Namespace<'_>) -> Vec<String> {
    let all = dashboards.iter().flat_map(expressions);
    let without = all.filter_map(|(panel, expression)| {
        let query = filled(expression, space);
        let answer = prometheus.query(&query);
        let number = |entry: &Value| {
            let text = entry["value"][1].as_str();
            text.and_then(|text| text.parse::<f64>().ok())
                .is_some_and(f64::is_finite)
        };
        let shows = answer
            .as_ref()
            .is_ok_and(|entries| entries.iter().any(number));
        (!shows).then(|| format!("{}: {query}: {answer:?}", panel["title"]))
    });
    without.collect()
}

/// What there is to choose from holds what the fleet's own dashboards are opened at.
fn variables_have_values(dashboards: &[Value], prometheus: &Prometheus, space: &Namespace<'_>) {
    for variable in dashboards
        .iter()
        .flat_map(|one| list(one, "/templating/list"))
    {
        let name = variable["name"].as_str().unwrap();
        let start = match name {
            // No label tells which Kubernetes this is, and the source is not asked.
            "cluster" | "datasource" => continue,
            "namespace" => space.name(),
            "name" => "game",
            "operator" => "carillon-operator-",
            "socketio" => "/",
            name => panic!("{name} has to be looked at too"),
        };
        let asked = variable["definition"]
            .as_str()
            .unwrap()
            .strip_prefix("label_values(");
        let (series, label) = asked.unwrap().rsplit_once(", ").unwrap();
        let label = label.trim_end_matches(')');
        let query = format!("count by ({label}) ({})", filled(series, space));
        let answer = prometheus.query(&query).unwrap();
        let mut values = answer
            .iter()
            .map(|entry| entry["metric"][label].as_str().unwrap_or_default());
        assert!(
            values.any(|value| value.starts_with(start)),
            "{name}: {query}: {answer:?}"
        );
    }
}

/// Where the answers are to be written that docs/dashboards/draw makes pictures of.
fn pictures() -> Option<PathBuf> {
    let file = env::var_os("CARILLON_DASHBOARD_ANSWERS")?;
    Some(workspace().join(file))
}

/// Some minutes in which clients come and go and the rules change.
async fn more_to_see(fleet: &Fleet<'_>, load: &Load) {
    let pause = async |seconds| tokio::time::sleep(Duration::from_secs(seconds)).await;
    for name in ["crowd", "queue"] {
        load.connect(name, A_POD, &["crowd"], &["websocket"]);
    }
    load.publish("crowd-0", "crowd");
    pause(50).await;
    fleet.edit(&json!({ "namespaces": [namespace(&["late"])] }));
    pause(20).await;
    load.leave("queue");
    pause(15).await;
    load.leave("crowd");
    pause(65).await;
}

/// Writes all queries with their answers since a time.
fn draw(
    file: &PathBuf,
    dashboards: &[Value],
    prometheus: &Prometheus,
    space: &Namespace<'_>,
    began: SystemTime,
) {
    let mut answers = BTreeMap::new();
    for (panel, expression) in dashboards.iter().flat_map(expressions) {
        let query = filled(expression, space);
        let answer = if panel["type"] == "table" {
            prometheus.query(&query)
        } else {
            prometheus.query_range(&query, began, SystemTime::now())
        };
        answers.insert(expression, answer.unwrap());
    }
    let all = json!({ "dashboards": dashboards, "answers": answers });
    fs::write(file, all.to_string()).unwrap();
}

//! What people see of an object: defaults, columns, scale, and several who write one list.

use carillon_tests::kubernetes::{self, Namespace};
use serde_json::{Value, json};

use super::object;

const STREAMS: &str = "redis://redis";

fn streams(mut spec: Value) -> Value {
    spec["redis"] = json!({ "mode": "streams", "url": { "value": STREAMS } });
    spec
}

#[test]
fn the_smallest_object_shows_its_defaults() {
    kubernetes::test(async |cluster| {
        cluster.install_resource();
        let namespace = cluster.namespace("defaults");
        namespace.apply(&object("game", json!({})).to_string());
        let game = namespace.get(&["realtimecluster", "game"]);
        for (path, expected) in [
            ("/spec/image/repository", json!("carillon/gateway")),
            ("/spec/image/pullPolicy", json!("IfNotPresent")),
            ("/spec/redis/mode", json!("memory")),
            (
                "/spec/drain",
                json!({ "reconnectsPerSecond": 200, "hold": "5s", "timeout": "9m" }),
            ),
            (
                "/spec/rollout",
                json!({ "maxSurge": 1, "minReadySeconds": 5, "progressDeadline": "15m" }),
            ),
            ("/spec/exposure/type", json!("None")),
            ("/spec/exposure/service/type", json!("ClusterIP")),
            ("/spec/monitoring/podMonitor", json!("Auto")),
            ("/spec/networkPolicy/enabled", json!(false)),
            ("/spec/disruption/maxUnavailable", json!(1)),
            ("/spec/engine/pingInterval", json!("25s")),
            ("/spec/namespaces/0/pattern", json!("")),
            ("/spec/paused", json!(false)),
            ("/status/conditions/0/type", json!("Ready")),
            ("/status/conditions/0/status", json!("Unknown")),
            ("/status/conditions/0/reason", json!("Pending")),
            (
                "/status/conditions/0/message",
                json!("Waiting for the operator"),
            ),
            (
                "/status/conditions/0/lastTransitionTime",
                json!("1970-01-01T00:00:00Z"),
            ),
        ] {
            assert_eq!(game.pointer(path), Some(&expected), "{path} of {game:#}");
        }
        // How many there are belongs to whom it belongs: a default would fight an autoscaler.
        assert_eq!(game.pointer("/spec/replicas"), None);
        assert_eq!(game.pointer("/spec/autoscaling"), None);
    });
}

#[test]
fn unknown_fields_are_dropped_where_they_are_not_refused() {
    kubernetes::test(async |cluster| {
        cluster.install_resource();
        let namespace = cluster.namespace("unknown");
        let mut game = object("game", json!({}));
        game["spec"]["colour"] = json!("red");
        game["spec"]["schemas"] = json!({ "id": { "type": "string", "x-own": { "a": [1] } } });
        game["spec"]["podTemplate"] = json!({ "spec": { "nodeSelector": { "disk": "ssd" } } });
        let file =
            std::env::temp_dir().join(format!("carillon-unknown-{}.json", std::process::id()));
        std::fs::write(&file, game.to_string()).unwrap();
        namespace.kubectl(&[
            "create",
            "--validate=ignore",
            "--filename",
            file.to_str().unwrap(),
        ]);
        std::fs::remove_file(&file).unwrap();
        let stored = namespace.get(&["realtimecluster", "game"]);
        assert_eq!(stored["spec"].get("colour"), None);
        assert_eq!(stored["spec"]["schemas"], game["spec"]["schemas"]);
        assert_eq!(stored["spec"]["podTemplate"], game["spec"]["podTemplate"]);
    });
}

/// The cells of a table of one object: header and value, in order.
fn table(namespace: &Namespace<'_>, wide: bool) -> Vec<(String, String)> {
    let output = if wide { "--output=wide" } else { "--output=" };
    let text = namespace.kubectl(&["get", "rtc", "game", output]);
    let mut lines = text.lines();
    let [header, row] = [lines.next().unwrap(), lines.next().unwrap()];
    let starts: Vec<_> = starts(header).collect();
    let cut = |line: &str, at: usize| {
        let from = starts[at].min(line.len());
        let to = starts
            .get(at + 1)
            .map_or(line.len(), |next| (*next).min(line.len()));
        line[from..to].trim().to_owned()
    };
    (0..starts.len())
        .map(|at| (cut(header, at), cut(row, at)))
        .collect()
}

/// Where the words of a header begin.
fn starts(header: &str) -> impl Iterator<Item = usize> + '_ {
    let bytes = header.as_bytes();
    (0..bytes.len()).filter(move |at| bytes[*at] != b' ' && (*at == 0 || bytes[at - 1] == b' '))
}

#[test]
fn columns_show_the_state() {
    kubernetes::test(async |cluster| {
        cluster.install_resource();
        let namespace = cluster.namespace("columns");
        namespace.apply(&object("game", json!({})).to_string());
        let cells = table(&namespace, false);
        let names: Vec<_> = cells.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "NAME",
                "READY",
                "CONNECTIONS",
                "SCALING",
                "RULES",
                "STATUS",
                "AGE"
            ]
        );
        let of = |cells: &[(String, String)], column: &str| {
            let cell = cells.iter().find(|(name, _)| name == column);
            cell.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        assert_eq!(of(&cells, "STATUS"), "Pending");

        let status = json!({ "status": {
            "connections": 23000,
            "summary": { "ready": "5/5", "scaling": "2-20: 6", "rules": "5/0", "namespaces": "4", "image": "carillon/gateway:1" },
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "Available", "message": "all is well",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        }});
        let patch = [
            "patch",
            "rtc",
            "game",
            "--subresource=status",
            "--type=merge",
        ];
        namespace.kubectl(&[&patch[..], &["--patch", &status.to_string()]].concat());
        let cells = table(&namespace, true);
        for (column, expected) in [
            ("READY", "5/5"),
            ("CONNECTIONS", "23000"),
            ("SCALING", "2-20: 6"),
            ("RULES", "5/0"),
            ("STATUS", "Available"),
            ("IMAGE", "carillon/gateway:1"),
            ("NAMESPACES", "4"),
        ] {
            assert_eq!(of(&cells, column), expected, "{column} of {cells:?}");
        }
        let all = namespace.kubectl(&["get", "realtime", "--output=name"]);
        assert_eq!(all.trim(), "realtimecluster.carillon.dev/game");
        // The status is not written with the rest of the object, nor the rest with the status.
        let before = namespace.get(&["rtc", "game"]);
        let both = json!({ "spec": { "paused": true }, "status": { "connections": 1 } });
        namespace.kubectl(&[&patch[..], &["--patch", &both.to_string()]].concat());
        let after = namespace.get(&["rtc", "game"]);
        assert_eq!(
            (&after["spec"]["paused"], &after["status"]["connections"]),
            (&json!(false), &json!(1))
        );
        assert_eq!(
            before["metadata"]["generation"],
            after["metadata"]["generation"]
        );
    });
}

#[test]
fn scale_is_refused_while_there_is_autoscaling() {
    kubernetes::test(async |cluster| {
        cluster.install_resource();
        let namespace = cluster.namespace("scale");
        namespace.apply(&object("fixed", streams(json!({ "replicas": 1 }))).to_string());
        let metrics = json!([{ "type": "CPU", "averageUtilization": 70 }]);
        let auto = json!({ "autoscaling": { "maxReplicas": 3, "metrics": metrics } });
        namespace.apply(&object("auto", streams(auto)).to_string());
        namespace.apply(&object("alone", json!({})).to_string());

        namespace.kubectl(&["scale", "rtc/fixed", "--replicas=3"]);
        assert_eq!(namespace.get(&["rtc", "fixed"])["spec"]["replicas"], 3);
        let status =
            json!({ "status": { "replicas": 3, "selector": "carillon.dev/cluster=fixed" } });
        let patch = [
            "patch",
            "rtc",
            "fixed",
            "--subresource=status",
            "--type=merge",
            "--patch",
        ];
        namespace.kubectl(&[&patch[..], &[&status.to_string()]].concat());
        let scale = namespace.get(&["rtc", "fixed", "--subresource=scale"]);
        assert_eq!(scale["spec"]["replicas"], 3);
        assert_eq!(scale["status"], status["status"]);

        for (name, sentence) in [
            (
                "auto",
                "replicas and autoscaling exclude each other: while autoscaling is set it alone decides how many pods there are, and kubectl scale is refused",
            ),
            (
                "alone",
                "more than one replica, or autoscaling, needs a bus between pods",
            ),
        ] {
            let refused = namespace.try_kubectl(&["scale", &format!("rtc/{name}"), "--replicas=3"]);
            let refused = refused.unwrap_err();
            assert!(refused.contains(sentence), "{refused}");
        }
    });
}

#[test]
fn two_teams_keep_their_own_namespaces_in_one_object() {
    kubernetes::test(async |cluster| {
        cluster.install_resource();
        let space = cluster.namespace("teams");
        let apply = |team: &str, namespaces: Value| {
            let object = object("game", json!({ "namespaces": namespaces }));
            let file =
                std::env::temp_dir().join(format!("carillon-{team}-{}.json", std::process::id()));
            std::fs::write(&file, object.to_string()).unwrap();
            let manager = format!("--field-manager={team}");
            space.kubectl(&[
                "apply",
                "--server-side",
                &manager,
                "-f",
                file.to_str().unwrap(),
            ]);
            std::fs::remove_file(&file).unwrap();
        };
        let names = || {
            let game = space.get(&["rtc", "game"]);
            let spaces = game["spec"]["namespaces"].as_array().cloned().unwrap();
            let names = spaces
                .iter()
                .map(|space| space["name"].as_str().unwrap().to_owned());
            let mut names: Vec<_> = names.collect();
            names.sort();
            names
        };
        apply(
            "red",
            json!([{ "name": "/red", "events": [{ "name": "a" }, { "name": "b" }] }]),
        );
        apply("blue", json!([{ "name": "/blue" }, { "name": "/both" }]));
        assert_eq!(names(), ["/blue", "/both", "/red"]);
        apply("blue", json!([{ "name": "/blue" }]));
        assert_eq!(names(), ["/blue", "/red"]);
        // An event is one field: were each of its keys one, a large object would not fit into etcd.
        let game = space.get(&["rtc", "game", "--show-managed-fields"]);
        let fields = game["metadata"]["managedFields"].to_string();
        let event = r#""k:{\"name\":\"a\"}":{}"#;
        assert!(fields.contains(event), "{fields}");
    });
}

//! Starting: bad configurations end the process before a port is open, with every fault at once.

use std::process::Command;

use carillon_tests::gateway::{Options, binary, workspace};
use carillon_tests::http::Request;
use carillon_tests::polling::POLLING;
use carillon_tests::session::Session;

const GOOD: &str = "namespaces: [{ name: /, events: [{ name: a }] }]";

/// Exit code 2, and each of these in what it prints.
fn refused(options: &Options, expected: &[&str]) {
    let (status, output) = options.run_to_end();
    assert_eq!(status.code(), Some(2), "{output}");
    for text in expected {
        assert!(output.contains(text), "{text:?} is not in:\n{output}");
    }
}

#[test]
fn with_bad_settings() {
    let good = Options::rules(GOOD);
    refused(
        &good
            .clone()
            .env("CARILLON_SHARDS", "none")
            .env("CARILLON_ADMIN_PORT", "99999")
            .env("CARILLON_LOG", "loud,"),
        &["CARILLON_SHARDS", "none", "CARILLON_ADMIN_PORT", "99999"],
    );
    refused(
        &good.clone().env("CARILLON_SHARD", "3"),
        &["CARILLON_SHARD"],
    );
    refused(
        &good.clone().argument("--no-such-flag"),
        &["--no-such-flag"],
    );
    refused(
        &good.env("CARILLON_RULES", "/nowhere.yaml"),
        &["CARILLON_RULES"],
    );
    refused(
        &Options::development().env("CARILLON_RULES", "/nowhere.yaml"),
        &["/nowhere.yaml"],
    );
}

#[test]
fn with_bad_rules() {
    let bad = "engine: { pingIntervall: 2s }\nnamespaces: [{ name: /, events: [{ name: connect }, { name: a, join: ['{0}'] }] }]";
    refused(
        &Options::rules(bad),
        &[
            "engine.pingIntervall",
            "pingInterval",
            "namespaces[0].events[0].name",
            "namespaces[0].events[1].join[0]",
        ],
    );
    let later = [
        "namespaces: [{ name: /, auth: { required: true } }]",
        "namespaces: [{ name: /, presence: { x: 1 } }]",
        "namespaces: [{ name: /, events: [{ name: a, when: 'true' }] }]",
        "namespaces: [{ name: /, events: [{ name: a, once: { key: x, ttl: 1m } }] }]",
        "upstreams: [{ name: app, url: 'http://127.0.0.1:1' }]\nnamespaces: [{ name: / }]",
        "engine: { allowEIO3: true }\nnamespaces: [{ name: / }]",
    ];
    for rules in later {
        refused(&Options::rules(rules), &["not supported by this version"]);
    }
}

/// Redis or an app's address without rules would be an open gateway: it does not start.
#[test]
fn without_rules_in_production() {
    let application = Options::development().env("NEXT_PUBLIC_APP_URL", "http://localhost:3000");
    refused(&application, &["examples/"]);
    refused(
        &Options::development().env("REDIS_URL", "redis://127.0.0.1:1"),
        &["REDIS_URL"],
    );
}

/// Channels keep nothing for who comes back.
#[test]
fn recovery_needs_streams() {
    let rules = "namespaces: [{ name: / }, { name: /a, recovery: { window: 2m } }]";
    for mode in ["classic", "sharded"] {
        let options = Options::rules(rules)
            .env("CARILLON_REDIS_URL", "redis://127.0.0.1:1")
            .env("CARILLON_REDIS_MODE", mode);
        refused(
            &options,
            &["namespaces[1].recovery", "CARILLON_REDIS_MODE=streams"],
        );
    }
}

#[test]
fn tells_its_settings() {
    let output = Command::new(binary()).arg("--help").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success());
    for name in [
        "CARILLON_RULES",
        "CARILLON_API_PORT",
        "CARILLON_SHARDS",
        "SOCKET_PORT",
        "--rules",
        "--shards",
    ] {
        assert!(text.contains(name), "{name} is not in:\n{text}");
    }
}

/// The subcommands that look at a document without serving it.
#[test]
fn checks_documents() {
    let run = |arguments: &[&str]| {
        let output = Command::new(binary())
            .args(arguments)
            .current_dir(workspace())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    };
    let (status, text) = run(&["check", "examples/government-sim.yaml"]);
    assert_eq!(status, Some(0), "{text}");
    let bad = workspace().join("target/test-rules/bad.yaml");
    std::fs::create_dir_all(bad.parent().unwrap()).unwrap();
    std::fs::write(&bad, "namespaces: [{ name: x }, { nam: / }]").unwrap();
    let (status, text) = run(&["check", bad.to_str().unwrap()]);
    assert_eq!(status, Some(1), "{text}");
    assert!(
        text.contains("namespaces[0].name") && text.contains("namespaces[1].nam"),
        "{text}"
    );
    let (status, text) = run(&["rules", "tests/fixtures/api.yaml"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("pingTimeout") && text.contains("backlog"),
        "all defaults: {text}"
    );
}

/// Without a document: every namespace, rooms and publishing, for this machine's pages only.
#[test]
fn in_development_mode() {
    let gateway = Options::development().start();
    let (mut one, _) = Session::connected(gateway.port(), "/any");
    let (mut other, _) = Session::connected(gateway.port(), "/any");
    other.event("/any", r#"1["join","room"]"#);
    assert!(other.next().starts_with("43/any,1"));
    one.event("/any", r#"2["join","-_another-sockets-id"]"#);
    assert!(one.next().contains("invalid"), "no room of that form");
    let origin = |origin| {
        Request::get(POLLING)
            .header("origin", origin)
            .send(gateway.port())
    };
    let allowed = origin("http://localhost:5173");
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("http://localhost:5173")
    );
    assert_eq!(
        origin("http://evil.example").header("access-control-allow-origin"),
        None
    );
    assert_eq!(
        Request::get("/").send(gateway.port()).status,
        200,
        "the demo page"
    );
}

#[test]
fn answers_for_its_health() {
    let gateway = Options::rules(GOOD).start();
    assert_eq!(gateway.admin("/livez").status, 200);
    assert_eq!(gateway.admin("/readyz").status, 200);
    assert_eq!(gateway.admin("/nothing").status, 404);
    let metrics = gateway.admin("/metrics");
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    for name in [
        "carillon_sessions",
        "carillon_rules_info",
        "carillon_limit_ratio",
        "process_resident_memory_bytes",
        "carillon_bus_up",
        "carillon_draining",
    ] {
        assert!(metrics.text().contains(name), "{name}");
    }
    assert!(
        Request::get("/metrics").send(gateway.port()).status == 404,
        "never on the client port"
    );
}

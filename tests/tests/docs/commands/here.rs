//! What each block has to print, and what has to be there before.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use carillon_tests::desk::{Background, Desk};
use carillon_tests::gateway::{KEY, binary, workspace};
use carillon_tests::http::Request;
use carillon_tests::pages::names::{
    AUTOSCALING, CLUSTER, HTTP_API, METRICS, QUICKSTART, README, RESOURCE,
};
use carillon_tests::pages::{self, Name};
use carillon_tests::process::Process;
use carillon_tests::session::Session;
use carillon_tests::{packaging, wait};
use serde_json::{Value, json};

/// The block of a page, and what types it.
type Check = fn(&Desk, &str);

/// All that are typed here.
pub(crate) const ALL: &[(Name, Check)] = &[
    (
        (README, "curl -sS http://localhost:3001/v1/emit"),
        emit_on_the_client_port,
    ),
    (
        (README, "curl -sS \"http://localhost:3001/v1/rooms"),
        rooms_and_metrics,
    ),
    ((README, "carillon-gateway check"), check_and_defaults),
    ((QUICKSTART, "make run"), make_run),
    (SERVE, check_and_serve),
    ((QUICKSTART, "carillon-gateway probe"), probe),
    ((HTTP_API, "curl -sS http://localhost:3002/v1/emit"), emit),
    (
        (HTTP_API, "curl -si 'http://localhost:3001/v1/events"),
        poll,
    ),
    ((AUTOSCALING, "carillon-operator simulate"), simulate),
    ((CLUSTER, "redis-cli ACL"), user_of_redis),
    (
        (RESOURCE, "carillon-operator validate"),
        validate_and_explain,
    ),
    ((METRICS, "curl -sS"), health),
];

const SERVE: Name = (QUICKSTART, "carillon-gateway check");

const ADMIN: u16 = 9090;
const CLIENT: u16 = 3001;
const API: u16 = 3002;

/// The key of the pages: `$KEY` there, and who serves has it too.
fn type_with_key(desk: &Desk, block: &str) -> String {
    desk.run_with(block, &[("KEY", KEY)])
}

fn answer_of(desk: &Desk, block: &str) -> Value {
    let said = type_with_key(desk, block);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Starts what serves, and waits until it does.
fn serve(desk: &Desk, commands: &str) -> Background {
    let gateway = desk.start(commands);
    wait::until("the gateway is ready", || {
        let ready = Request::get("/readyz").try_send(ADMIN).ok()?;
        (ready.status == 200).then_some(())
    });
    gateway
}

/// The gateway of the example rules, as `make run` starts it (but that makes a release first) or by itself.
fn serve_the_example(desk: &Desk, more: &str) -> Background {
    let file = "examples/government-sim.yaml";
    serve(
        desk,
        &format!("CARILLON_RULES={file} CARILLON_API_KEY={KEY} {more} carillon-gateway"),
    )
}

/// A browser of the game in the room of its election.
fn browser() -> Session {
    let (mut browser, _) = Session::connected(CLIENT, "/politics");
    browser.event("/politics", r#"1["join-election","1"]"#);
    assert!(browser.next().starts_with("43/politics,1"));
    browser
}

fn emit_on_the_client_port(desk: &Desk, block: &str) {
    let _gateway = serve_the_example(desk, "CARILLON_API_PORT=client");
    reaches_a_browser(desk, block);
}

fn emit(desk: &Desk, block: &str) {
    let _gateway = serve_the_example(desk, "");
    reaches_a_browser(desk, block);
}

fn reaches_a_browser(desk: &Desk, block: &str) {
    let mut browsers = [browser(), browser()];
    let answer = answer_of(desk, block);
    assert_eq!(answer["accepted"], true, "{answer}");
    assert_eq!(answer["recipients"], 2, "{answer}");
    for browser in &mut browsers {
        browser.expect(r#"42/politics,["election:results-update",{"reported":42}]"#);
    }
}

fn rooms_and_metrics(desk: &Desk, block: &str) {
    let _gateway = serve_the_example(desk, "CARILLON_API_PORT=client");
    let _browser = browser();
    let said = type_with_key(desk, block);
    let (rooms, metrics) = said.split_once("# HELP").unwrap();
    let rooms: Value = serde_json::from_str(rooms).unwrap();
    let rooms = rooms["rooms"].as_array().unwrap();
    let election = json!({ "name": "election-1", "sockets": 1 });
    assert!(rooms.contains(&election), "{rooms:?}");
    assert!(
        metrics.contains("carillon_sockets{namespace=\"/politics\"} 1"),
        "{metrics}"
    );
}

fn check_and_defaults(desk: &Desk, block: &str) {
    let rules = put_rules(desk);
    let said = desk.run(block);
    assert!(said.contains("no faults"), "{said}");
    let default = "pingTimeout";
    assert!(!rules.contains(default) && said.contains(default), "{said}");

    let other = Desk::new().unwrap();
    other
        .put("rules.yaml", "namespaces: [{ name: x }, { nam: / }]")
        .unwrap();
    let refused = other.shell(block).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let faults = String::from_utf8_lossy(&refused.stdout).into_owned();
    for place in ["namespaces[0].name", "namespaces[1].nam"] {
        assert!(faults.contains(place), "{faults}");
    }
}

/// Rules that somebody has written.
fn put_rules(desk: &Desk) -> String {
    let rules = fs::read_to_string(workspace().join("examples/chat.yaml")).unwrap();
    desk.put("rules.yaml", &rules).unwrap();
    rules
}

fn check_and_serve(desk: &Desk, block: &str) {
    put_rules(desk);
    let gateway = serve(desk, block);
    wait::until("the rules are checked", || {
        gateway.output().contains("no faults").then_some(())
    });
    let (mut session, _) = Session::connected(CLIENT, "/");
    assert!(
        session.next().contains("hello"),
        "the rules welcome whoever connects"
    );
    let body = json!({ "namespace": "/", "event": "news", "args": [] });
    let emit = Request::post("/v1/emit").header("authorization", "Bearer secret");
    assert_eq!(emit.json(&body).send(API).json()["recipients"], 1);
}

/// On what the block before it serves.
fn probe(desk: &Desk, block: &str) {
    put_rules(desk);
    let _gateway = serve(desk, &pages::command(SERVE));
    let said = desk.run(block);
    for transport in ["polling", "websocket"] {
        let passed = format!("{transport}: connected to / in");
        assert!(said.contains(&passed), "{said}");
    }
}

fn poll(desk: &Desk, block: &str) {
    let _gateway = serve_the_example(desk, "");
    let event = json!({ "namespace": "/business", "rooms": ["company-1"], "event": "metrics", "args": [7] });
    let emit = Request::post("/v1/emit").header("authorization", &format!("Bearer {KEY}"));
    let told = emit.json(&event).send(API).json();
    let said = desk.run(block);
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let entry = told["entry"].as_str().unwrap();
    assert!(
        head.to_lowercase().contains(&format!("etag: \"{entry}\"")),
        "{head}"
    );
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body["events"],
        json!([{ "id": entry, "event": "metrics", "args": [7] }])
    );
}

/// All but the build of a release, which takes minutes: the program is there already.
fn make_run(desk: &Desk, block: &str) {
    let at = |name: &str| desk.folder().join(name);
    fs::remove_file(at("target")).unwrap();
    fs::create_dir_all(at("target/release")).unwrap();
    symlink(binary(), at("target/release/carillon-gateway")).unwrap();
    fs::create_dir(at("bin")).unwrap();
    for tool in ["cargo", "rustup"] {
        symlink("/bin/true", at("bin").join(tool)).unwrap();
    }
    let gateway = desk.start(&format!("export PATH=\"$PWD/bin:$PATH\"\n{block}"));
    let said = wait::until("it says how to use it", || {
        let said = gateway.output();
        said.contains("Stop    Ctrl-C").then_some(said)
    });
    let mut browser = browser();
    let (_, emit) = said.split_once("Emit    ").unwrap();
    let (emit, _) = emit.split_once("\n\n").unwrap();
    let answer: Value = serde_json::from_str(&desk.run(emit)).unwrap();
    assert_eq!(answer["recipients"], 1, "{answer}");
    assert!(browser.next().contains("election:results-update"));
    let (_, page) = said.split_once("Open    ").unwrap();
    let (page, _) = page.split_once('#').unwrap();
    assert!(desk.run(&format!("curl -sS {page}")).contains("<html"));
}

fn validate_and_explain(desk: &Desk, block: &str) {
    let said = desk.run(block);
    assert!(said.contains("chat: valid"), "{said}");
    let fields = fs::read_to_string(desk.folder().join("every-field.yaml")).unwrap();
    assert!(fields.contains("reconnectsPerSecond"), "{fields}");
}

fn health(desk: &Desk, block: &str) {
    let _gateway = serve_the_example(desk, "");
    let said = desk.run(block);
    for part in [
        "\"ready\":true",
        "\"lastRejection\":null",
        "carillon_draining 0",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

/// It may do all that gateways do, in each mode: Redis refuses it nothing.
fn user_of_redis(desk: &Desk, block: &str) {
    let _redis = desk.start("redis-server --save ''");
    let asked = |what: &str| desk.run(&format!("redis-cli {what}"));
    wait::until("Redis answers", || {
        let ping = desk.shell("redis-cli ping").output().ok()?;
        ping.status.success().then_some(())
    });
    desk.run(block);
    for mode in ["classic", "sharded", "streams"] {
        asked("flushall");
        let rules = match mode {
            "streams" => "government-sim",
            _ => "chat",
        };
        let gateway = serve(
            desk,
            &format!(
                "CARILLON_REDIS_URL=redis://carillon:a-long-random-text@127.0.0.1 CARILLON_REDIS_MODE={mode} \
                 CARILLON_RULES=examples/{rules}.yaml CARILLON_API_KEY={KEY} carillon-gateway"
            ),
        );
        let namespace = match mode {
            "streams" => "/engagement",
            _ => "/",
        };
        let (_session, _) = Session::connected(CLIENT, namespace);
        let body = json!({ "id": "once", "namespace": namespace, "event": "news", "args": [] });
        let key = format!("Bearer {KEY}");
        let emit = Request::post("/v1/emit").header("authorization", &key);
        let answer = emit.json(&body).send(API).json();
        assert_eq!(answer["recipients"], 1, "{mode}: {answer}");
        assert_eq!(answer["degraded"], Value::Null, "{mode}: {answer}");
        drop(gateway);
        assert_eq!(asked("acl log").trim(), "", "{mode}");
    }
}

fn simulate(desk: &Desk, block: &str) {
    let _prometheus = prometheus(desk.folder());
    let said = desk.run(block);
    let of = |begin: &str, decision: &str| {
        let lines = said.lines().filter(|line| line.starts_with(begin));
        lines.filter(|line| line.contains(decision)).count()
    };
    assert_eq!(
        of(
            "1970-01-01T00:15:00Z",
            "2 → 6    Connections 16000/5000 → 6"
        ),
        1,
        "{said}"
    );
    // Six hours, by the interval of 15 s.
    assert!(of("20", "Connections 4400/5000 → 5") > 1400, "{said}");
    assert!(said.ends_with("80 passed, 0 failed\n"), "{said}");
}

/// A Prometheus that has the last hours of the fleet of the policy.
fn prometheus(folder: &Path) -> Process {
    const HOURS: u64 = 7;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let times: Vec<_> = (now - HOURS * 3600..now).step_by(30).collect();
    let mut text = String::new();
    for series in [
        "carillon_sessions{namespace=\"sim\",pod=\"game-6d4cf56db6-x7k2m\"} 22000",
        "app_queue 50",
    ] {
        for time in &times {
            text += &format!("{series} {time}\n");
        }
    }
    let past = folder.join("past");
    fs::write(&past, text + "# EOF\n").unwrap();
    let data = folder.join("data");
    let mut fill = Command::new("promtool");
    fill.args(["tsdb", "create-blocks-from", "openmetrics"]);
    packaging::run(fill.arg(past).arg(&data));
    let config = folder.join("prometheus.yml");
    fs::write(&config, "global: {}\n").unwrap();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", data.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{ADMIN}"));
    let process = Process::start("prometheus", &mut command);
    wait::until("Prometheus is ready", || {
        let ready = Request::get("/-/ready").try_send(ADMIN).ok()?;
        (ready.status == 200).then_some(())
    });
    process
}

//! Rules change while sockets live: the table of what takes effect when, and edits that do not.

mod table;

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use carillon_tests::gateway::{Gateway, Options, workspace};
use carillon_tests::http::Request;
use carillon_tests::metrics::Metrics;
use carillon_tests::session::Session;
use carillon_tests::wait;

/// An edit must be in force within a second; the rest is what a busy machine may add.
const IN_FORCE: Duration = Duration::from_millis(3000);

/// A rules file of its own for one gateway.
struct Rules {
    folder: PathBuf,
}

impl Rules {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = workspace().join(format!("target/test-rules/{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("rules.yaml")
    }

    /// As editors and deployments do it: a new file takes the old one's place.
    fn write(&self, text: &str) {
        let new = self.folder.join("rules.new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path()).unwrap();
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn hash(gateway: &Gateway) -> String {
    gateway.admin("/rules").json()["hash"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Does `edit` and waits until other rules are in force.
fn changed(gateway: &Gateway, edit: impl FnOnce()) {
    let (before, start) = (hash(gateway), Instant::now());
    edit();
    wait::until("the new rules are in force", || {
        (hash(gateway) != before).then_some(())
    });
    assert!(start.elapsed() < IN_FORCE, "it took {:?}", start.elapsed());
}

const FIRST: &str = "namespaces: [{ name: /, events: [{ name: old, ack: { values: [1] } }] }]";
const SECOND: &str = "namespaces: [{ name: /, events: [{ name: new, ack: { values: [2] } }] }]";

fn is_first(session: &mut Session) -> bool {
    session.event("/", r#"1["old"]"#);
    session.next() == "431[1]"
}

fn is_second(session: &mut Session) -> bool {
    session.event("/", r#"1["new"]"#);
    session.next() == "431[2]"
}

#[test]
fn by_a_new_file() {
    for shards in [1, 3] {
        let rules = Rules::new();
        rules.write(FIRST);
        let gateway = Options::rules_file(&rules.path()).shards(shards).start();
        let mut sessions: Vec<Session> = (0..6)
            .map(|_| Session::connected(gateway.port(), "/").0)
            .collect();
        assert!(sessions.iter_mut().all(is_first));
        changed(&gateway, || rules.write(SECOND));
        assert!(sessions.iter_mut().all(is_second));
        assert!(sessions.iter_mut().all(|session| !is_first(session)));
        changed(&gateway, || fs::write(rules.path(), FIRST).unwrap());
        assert!(sessions.iter_mut().all(is_first), "written in place");
    }
}

/// A fleet's first key comes by an edit: the API was on loopback until then.
#[test]
fn the_first_key_opens_the_api() {
    const KEYED: &str =
        "apiKeys: [{ name: k, secret: { env: KEY_OF_RULES }, namespaces: [\"*\"], can: [read] }]";
    let rules = Rules::new();
    rules.write(FIRST);
    let gateway = Options::rules_file(&rules.path())
        .env("CARILLON_API_KEY", "")
        .env("CARILLON_BIND", "0.0.0.0")
        .env("KEY_OF_RULES", "sesame")
        .start();
    // Another address of this machine than the one that the API has while there is no key.
    let beyond = || TcpStream::connect(("127.0.0.2", gateway.api_port())).ok();
    let status = |request: Request| request.send(gateway.api_port()).status;
    assert!(beyond().is_none());
    assert_eq!(status(Request::get("/v1/info")), 200);
    changed(&gateway, || rules.write(&format!("{FIRST}\n{KEYED}")));
    wait::until("the API is open beyond loopback", beyond);
    assert_eq!(status(Request::get("/v1/info")), 401);
    let keyed = Request::get("/v1/info").header("authorization", "Bearer sesame");
    assert_eq!(status(keyed.clone()), 200);
    changed(&gateway, || rules.write(FIRST));
    assert_eq!(
        status(Request::get("/v1/info")),
        401,
        "no key opens an open door"
    );
    assert_eq!(status(keyed), 401);
}

/// As a Kubernetes volume does it: `..data` points to another folder.
#[cfg(unix)]
#[test]
fn by_a_symlink_swap() {
    use std::os::unix::fs::symlink;
    let rules = Rules::new();
    let volume = |name: &str, text: &str| {
        fs::create_dir(rules.folder.join(name)).unwrap();
        fs::write(rules.folder.join(name).join("rules.yaml"), text).unwrap();
        let _ = fs::remove_file(rules.folder.join("..tmp"));
        symlink(name, rules.folder.join("..tmp")).unwrap();
        fs::rename(rules.folder.join("..tmp"), rules.folder.join("..data")).unwrap();
    };
    volume("..1", FIRST);
    symlink("..data/rules.yaml", rules.path()).unwrap();
    let gateway = Options::rules_file(&rules.path()).start();
    let (mut session, _) = Session::connected(gateway.port(), "/");
    assert!(is_first(&mut session));
    changed(&gateway, || volume("..2", SECOND));
    assert!(is_second(&mut session));
    changed(&gateway, || {
        volume("..3", FIRST);
        fs::remove_dir_all(rules.folder.join("..2")).unwrap();
    });
    assert!(is_first(&mut session));
}

/// A bad edit is refused with every fault, counted, and what was in force stays.
#[test]
fn not_by_a_bad_edit() {
    let rules = Rules::new();
    rules.write(FIRST);
    let gateway = Options::rules_file(&rules.path()).start();
    let (mut session, _) = Session::connected(gateway.port(), "/");
    let before = hash(&gateway);
    let bad = [
        "namespaces: [{ name: /, evens: [] }, { name: bad name }]",
        "{ not yaml",
        "",
        "namespaces: [{ name: /, presence: { x: 1 } }]",
        "namespaces: [{ name: /, events: [{ name: a, when: 'true' }] }]",
    ];
    for (index, text) in bad.iter().enumerate() {
        rules.write(text);
        let report = wait::until("the edit is refused", || {
            let report = gateway.admin("/rules").json();
            (report["rejected"].as_u64() == Some(index as u64 + 1)).then_some(report)
        });
        let faults = report["lastRejection"]["faults"].as_array().unwrap();
        assert!(!faults.is_empty(), "{text}");
        if index == 0 {
            let all = report.to_string();
            assert!(
                all.contains("namespaces[0].evens") && all.contains("namespaces[1].name"),
                "{all}"
            );
        }
        assert_eq!(hash(&gateway), before);
        assert!(is_first(&mut session), "after {text:?}");
    }
    fs::remove_file(rules.path()).unwrap();
    assert!(is_first(&mut session));
    let metrics = Metrics::of(&gateway);
    assert!(metrics.sum("carillon_rules_rejected_total", &[]) >= 5.0);
    assert_eq!(gateway.admin("/readyz").status, 200, "still ready");
    changed(&gateway, || rules.write(SECOND));
    assert!(is_second(&mut session), "and it heals");
    assert!(gateway.admin("/rules").json()["lastRejection"].is_null());
}

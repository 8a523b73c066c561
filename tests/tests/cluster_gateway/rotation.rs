//! The URL of Redis is a file that is written anew while a gateway runs, as Kubernetes writes a mounted secret.

use std::fs;
use std::path::{Path, PathBuf};

use carillon_tests::cluster::{Mode, Setup};
use carillon_tests::gateway::Gateway;
use carillon_tests::metrics::Metrics;
use carillon_tests::redis::Redis;
use carillon_tests::wait;

/// A file that is removed in the end.
struct Mounted(PathBuf);

impl Mounted {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir();
        Self(folder.join(format!("carillon-{name}-{}", std::process::id())))
    }

    /// Another file takes its place at once.
    fn says(&self, text: &str) {
        let next = self.0.with_extension("next");
        fs::write(&next, text).unwrap();
        fs::rename(&next, &self.0).unwrap();
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Gives the user `pod` this password and no other.
fn password(redis: &Redis, password: &str) -> String {
    let password_rule = format!(">{password}");
    let rules = ["on", "resetpass", &password_rule, "~*", "&*", "+@all"];
    redis.command(&[&["ACL", "SETUSER", "pod"][..], &rules].concat());
    // As an editor leaves it.
    format!("redis://pod:{password}@127.0.0.1:{}\n", redis.port())
}

/// Waits until the gateway publishes, listens and reads the stream.
fn is_served(redis: &Redis, user: &str) {
    wait::until("the gateway has its connections", || {
        let clients = redis.command(&["CLIENT", "LIST"]).text();
        let user = format!("user={user} ");
        let ours = clients.lines().filter(|line| line.contains(&user));
        let ours: Vec<&str> = ours
            .filter(|line| !line.contains("cmd=client|list"))
            .collect();
        let listens = ours.iter().any(|line| !line.contains(" sub=0 "));
        (ours.len() == 3 && listens).then_some(())
    });
}

fn is_up(gateway: &Gateway) {
    wait::until("the bus is up", || {
        (Metrics::of(gateway).sum("carillon_bus_up", &[]) == 1.0).then_some(())
    });
}

#[test]
fn a_file_that_says_another_password_then_nothing_then_another_server() {
    let (redis, other) = (Redis::start(), Redis::start());
    let file = Mounted::new("redis-url");
    file.says(&password(&redis, "first"));
    let setup = Setup::new(Mode::Streams)
        .env("CARILLON_REDIS_URL", "")
        .env("CARILLON_REDIS_URL_FILE", file.path());
    let mut gateway = setup.gateway("pod", &redis).start();
    is_served(&redis, "pod");

    file.says(&password(&redis, "second"));
    redis.command(&["CLIENT", "KILL", "USER", "pod"]);
    is_served(&redis, "pod");
    is_up(&gateway);

    fs::remove_file(Path::new(file.path())).unwrap();
    wait::until("it is counted", || {
        let metrics = Metrics::of(&gateway);
        let failed = metrics.sum("carillon_bus_errors_total", &["kind=\"url\""]);
        (failed >= 2.0).then_some(())
    });
    redis.command(&["CLIENT", "KILL", "USER", "pod"]);
    is_served(&redis, "pod");
    is_up(&gateway);

    file.says(&other.url());
    is_served(&other, "default");
    is_up(&gateway);
    gateway.assert_alive();
    let output = gateway.process().output();
    let told = output.matches("the URL of Redis cannot be read").count();
    assert_eq!(told, 1, "{output}");
    assert!(!output.contains("second"), "{output}");
}

//! Bad input on a live process: the named answer comes, the process lives, nobody else notices.

mod arguments;
mod handshakes;
mod memory;
mod packets;
mod requests;
mod sessions;

use carillon_tests::gateway::{Gateway, Options, workspace};
use carillon_tests::http::Request;
use carillon_tests::polling::{POLLING, Polling};
use carillon_tests::session::Session;

/// A gateway with somebody on it who must not notice the attack.
struct Target {
    gateway: Gateway,
    bystanders: [Session; 2],
    polling: Polling,
}

impl Target {
    fn new(shards: u16) -> Self {
        let rules = workspace().join("tests/fixtures/hostile.yaml");
        let gateway = Options::rules_file(&rules).shards(shards).start();
        let bystanders = [(); 2].map(|()| {
            let (mut session, _) = Session::connected(gateway.port(), "/");
            session.event("/", r#"1["join","bystanders"]"#);
            session.expect("431[]");
            session
        });
        let polling = Polling::open(gateway.port());
        polling.connect("/");
        Self {
            gateway,
            bystanders,
            polling,
        }
    }

    fn port(&self) -> u16 {
        self.gateway.port()
    }

    /// The process lives, who was there still speaks, who comes is served.
    fn assert_unharmed(&mut self, after: &str) {
        self.gateway.assert_alive();
        let [first, second] = &mut self.bystanders;
        first.event("/", &format!(r#"["say","bystanders",{after:?}]"#));
        second.expect(&format!(r#"42["say","bystanders",{after:?}]"#));
        first.assert_quiet();
        let posted = self.polling.post(r#"427["echo",1]"#);
        assert_eq!(posted.status, 200, "after {after}");
        assert_eq!(self.polling.packets(), ["437[1]"], "after {after}");
        assert_eq!(
            Request::get(POLLING).send(self.port()).status,
            200,
            "after {after}"
        );
    }
}

/// Runs an attack on one shard and on three.
fn attack(what: &str, attack: impl Fn(&mut Target)) {
    for shards in [1, 3] {
        let mut target = Target::new(shards);
        attack(&mut target);
        target.assert_unharmed(what);
    }
}

//! Secrets that are marked, and who must not tell them.

use std::net::SocketAddr;
use std::time::Duration;

use carillon_tests::http::Request;
use carillon_tests::kubernetes::{Fleet, Namespace};

/// The key of the backends.
pub(super) const KEY: &str = "marked-key-4f1c08e2b7";
/// What the operator shows to Prometheus, which asks for none.
pub(super) const BEARER: &str = "marked-bearer-0b6d5e71";
/// What clients send as their token, their cookie and in their query.
pub(super) const TOKEN: &str = "marked-token-93ad17c6";
/// What all have in common, and how the tokens of service accounts begin.
const MARKS: [&str; 2] = ["marked-", "eyJhbGciOi"];

/// What was told in logs, metrics and objects.
#[derive(Debug, Default)]
pub(super) struct Marks {
    logged: usize,
    lines: usize,
    found: Vec<String>,
}

/// So many lines there are at the least, if what was looked at is what is meant.
const LOGGED: usize = 100;
const LINES: usize = 1_000;

impl Marks {
    /// Looks at what there is now.
    pub(super) fn look(&mut self, namespaces: [&Namespace<'_>; 2], fleet: &Fleet<'_>) {
        for namespace in namespaces {
            let logs = namespace.logs();
            self.logged += logs.lines().count();
            self.see(&logs);
            let kinds = "realtimeclusters,deployments,pods,configmaps,events,services";
            self.see(&namespace.kubectl(&["get", kinds, "--output=yaml"]));
        }
        let operators = namespaces[0].pods("app.kubernetes.io/component=operator");
        let operators = operators.iter().map(|(_, ip)| (*ip, 8080));
        let gateways = fleet.pods().into_iter().map(|pod| (pod.ip, 9090));
        for address in operators.chain(gateways).map(SocketAddr::from) {
            // It may just end.
            let answer = Request::get("/metrics").send_to(address, Duration::from_secs(2));
            answer.iter().for_each(|answer| self.see(&answer.text()));
        }
    }

    fn see(&mut self, text: &str) {
        self.lines += text.lines().count();
        let told = |line: &&str| MARKS.iter().any(|mark| line.contains(mark));
        let found = text.lines().filter(told);
        self.found.extend(found.map(str::to_owned));
    }

    /// Panics with where a mark was found; how many lines were looked at.
    pub(super) fn none(&self) -> usize {
        assert_eq!(self.found, [""; 0], "secrets that were told");
        assert!(self.logged > LOGGED && self.lines > LINES, "{self:?}");
        self.lines
    }
}

//! The apiserver's audit log: who asked what, answered how.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Kubernetes;

/// One answered request; a watch counts when it has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `admin`, or `system:serviceaccount:<namespace>:<name>`.
    pub user: String,
    /// The pod whose service account it is; empty if it is none, or its token is bound to no pod.
    pub pod: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource, with its subresource after a slash; a path for what is no resource.
    pub resource: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The status of the answer.
    pub code: u16,
}

impl Request {
    /// Whether it may change something.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// The part of the log from a moment on. Requests of Kubernetes' own parts are not in it.
pub struct Audit<'a> {
    cluster: &'a Kubernetes,
    log: PathBuf,
    from: u64,
}

impl Kubernetes {
    /// The audit log from now on.
    pub fn audit(&self) -> Audit<'_> {
        let log = self.folder().join("log/audit.json");
        let from = std::fs::metadata(&log).map_or(0, |log| log.len());
        Audit {
            cluster: self,
            log,
            from,
        }
    }
}

impl Audit<'_> {
    /// Every request up to now, in the order of their answers.
    pub fn requests(&self) -> Vec<Request> {
        self.settle();
        let entries = self.lines().into_iter().filter(counts);
        entries.map(|entry| request(&entry)).collect()
    }

    /// How often each user has done each verb on each resource.
    pub fn counts(&self) -> BTreeMap<(String, String, String), usize> {
        let mut counts = BTreeMap::new();
        for request in self.requests() {
            let key = (request.user, request.verb, request.resource);
            *counts.entry(key).or_default() += 1;
        }
        counts
    }

    /// Waits until a request of now is in the log, which then holds what came before it.
    fn settle(&self) {
        let mark = format!("/version?mark={}", self.length());
        self.cluster.kubectl(&["get", "--raw", &mark]);
        let end = Instant::now() + Duration::from_secs(10);
        let marked = || {
            self.lines()
                .iter()
                .any(|entry| entry["requestURI"] == mark.as_str())
        };
        while !marked() {
            assert!(Instant::now() < end, "the audit log does not show {mark}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn length(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |log| log.len())
    }

    fn lines(&self) -> Vec<Value> {
        let mut file = File::open(&self.log).expect("the apiserver writes its audit log");
        file.seek(SeekFrom::Start(self.from))
            .expect("a file can be read from anywhere");
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        // The last line may be half written.
        lines
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect()
    }
}

/// Each request has an entry when it is answered; a watch has one at its beginning too.
fn counts(entry: &Value) -> bool {
    let begun = entry["stage"] == "ResponseStarted";
    let marks = entry["requestURI"]
        .as_str()
        .is_some_and(|uri| uri.starts_with("/version?mark="));
    begun == (entry["verb"] == "watch") && !marks
}

fn request(entry: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &entry["objectRef"];
    let mut resource = text(&object["resource"]);
    if resource.is_empty() {
        resource = text(&entry["requestURI"]);
    }
    if let Some(subresource) = object["subresource"].as_str() {
        resource = format!("{resource}/{subresource}");
    }
    let code = entry["responseStatus"]["code"].as_u64();
    Request {
        user: text(&entry["user"]["username"]),
        pod: text(&entry["user"]["extra"]["authentication.kubernetes.io/pod-name"][0]),
        verb: text(&entry["verb"]),
        group: text(&object["apiGroup"]),
        resource,
        namespace: text(&object["namespace"]),
        name: text(&object["name"]),
        code: code.and_then(|code| u16::try_from(code).ok()).unwrap_or(0),
    }
}

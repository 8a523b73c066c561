//! A real Prometheus that scrapes the pods of a namespace.

mod discovery;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use discovery::Targets;

use super::lookout::Lookout;
use super::{Kubernetes, NODE, Namespace, until};
use crate::http::Request;
use crate::ports;
use crate::process::Process;

/// A running Prometheus; it is killed, and its folder removed, when this value is dropped.
pub struct Prometheus {
    process: Process,
    discovery: Option<Lookout>,
    program: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts one that scrapes the port `admin` or `metrics` of every pod of `namespace` each second, and waits
    /// until it is ready. What it scrapes has the labels `namespace`, `pod` and `job`, as the PodMonitors have it.
    pub async fn start(cluster: &Kubernetes, namespace: &Namespace<'_>) -> Self {
        Self::start_beside(cluster, namespace, &[]).await
    }

    /// The same for the pods of several namespaces.
    pub async fn start_for(cluster: &Kubernetes, namespaces: &[&Namespace<'_>]) -> Self {
        Self::start_with(cluster, namespaces, &[]).await
    }

    /// The same, which also scrapes these addresses, as the job `made-up`.
    pub async fn start_beside(
        cluster: &Kubernetes,
        namespace: &Namespace<'_>,
        others: &[String],
    ) -> Self {
        Self::start_with(cluster, &[namespace], others).await
    }

    async fn start_with(
        cluster: &Kubernetes,
        namespaces: &[&Namespace<'_>],
        others: &[String],
    ) -> Self {
        let port = ports::free();
        let folder =
            std::env::temp_dir().join(format!("carillon-prometheus-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder of the tests can be made");
        let targets = Targets {
            gateways: folder.join("gateways.json"),
            operators: folder.join("operators.json"),
        };
        let job = |name: &str, honor: bool, file: &Path| {
            let files = format!("[{{files: [{file:?}], refresh_interval: 1s}}]");
            format!("- {{job_name: {name}, honor_labels: {honor}, file_sd_configs: {files}}}\n")
        };
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [{RULES}]\nscrape_configs:\n{}{}\
             - {{job_name: made-up, static_configs: [{{targets: {others:?}}}]}}\n",
            job("carillon", false, &targets.gateways),
            job("carillon-operator", true, &targets.operators),
        );
        fs::write(folder.join(CONFIG), config).expect("the configuration can be written");
        let program = cluster.keeper.cache().join("debian/usr/bin/prometheus");
        let address = NODE.parse().expect("the node's address is one");
        let address = SocketAddr::new(address, port);
        let namespaces = namespaces.iter().map(|one| one.name().to_owned());
        let discovery = discovery::start(cluster.kubeconfig(), namespaces.collect(), targets);
        let mut prometheus = Self {
            process: run(&program, &folder, address),
            discovery: Some(discovery),
            program,
            folder,
            address,
        };
        prometheus.ready().await;
        prometheus
    }

    async fn ready(&mut self) {
        let ready = async || {
            if let Some(status) = self.process.exited() {
                panic!("Prometheus ended: {status}\n{}", self.process.output());
            }
            self.get("/-/ready")
        };
        until("Prometheus is ready", Duration::from_secs(20), ready).await;
    }

    /// Its address for pods and tests.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has it evaluate these groups of rules from now on, each second.
    pub fn evaluate(&self, groups: &[Value]) {
        let mut groups = groups.to_vec();
        // What is meant for minutes would come late for a test.
        let every = |group: &mut Value| group["interval"] = json!("1s");
        groups.iter_mut().for_each(every);
        let file = json!({ "groups": groups }).to_string();
        fs::write(self.folder.join(RULES), file).expect("the rules can be written");
        self.process.signal("HUP");
    }

    /// Freezes it: what is asked is never answered.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Kills it, frozen or not, and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.signal("KILL");
        self.process.wait();
    }

    /// Starts it again after it was killed, with what it had stored, and waits until it is ready.
    pub async fn revive(&mut self) {
        self.process = run(&self.program, &self.folder, self.address);
        self.ready().await;
    }

    /// The result of an instant query: the vector's entries.
    pub fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        self.result(&format!("/api/v1/query?query={}", escaped(query)))
    }

    /// The result of a query for each second between two times: the matrix's entries.
    pub fn query_range(
        &self,
        query: &str,
        from: SystemTime,
        to: SystemTime,
    ) -> Result<Vec<Value>, String> {
        let seconds = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH);
            since.expect("it is later than 1970").as_secs()
        };
        let (query, from, to) = (escaped(query), seconds(from), seconds(to));
        self.result(&format!(
            "/api/v1/query_range?query={query}&start={from}&end={to}&step=1"
        ))
    }

    fn result(&self, path: &str) -> Result<Vec<Value>, String> {
        let answer = self.get(path)?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        let entries = answer["data"]["result"].as_array().cloned();
        entries.ok_or_else(|| answer.to_string())
    }

    fn get(&self, path: &str) -> Result<String, String> {
        let answer = Request::get(path).send_to(self.address, Duration::from_secs(5));
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status == 200 {
            Ok(answer.text())
        } else {
            Err(answer.text())
        }
    }
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It writes into the folder.
        drop(self.discovery.take());
        // It may have been killed before.
        if self.process.exited().is_none() {
            self.kill();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The name of its configuration.
const CONFIG: &str = "prometheus.yml";
/// The name of its rules.
const RULES: &str = "rules.json";

fn run(program: &Path, folder: &Path, address: SocketAddr) -> Process {
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", folder.join(CONFIG).display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        ))
        .arg(format!("--web.listen-address=0.0.0.0:{}", address.port()));
    Process::start("prometheus", &mut command)
}

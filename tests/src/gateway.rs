//! The gateway as users run it: the built binary, its ports, its environment.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::Instant;

use serde_json::Value;

use crate::http::{Request, Response};
use crate::process::Process;
use crate::wait::PATIENCE;
use crate::{ports, session, ws};

/// The key that every started gateway accepts.
pub const KEY: &str = "test-key-0123456789abcdef";

/// How a gateway is to be started.
#[derive(Clone, Default)]
pub struct Options {
    rules: Option<String>,
    rules_file: Option<PathBuf>,
    env: Vec<(String, String)>,
    arguments: Vec<String>,
    shards: u16,
}

impl Options {
    /// With the rules given as text, on one shard.
    pub fn rules(text: &str) -> Self {
        Self {
            rules: Some(text.to_owned()),
            shards: 1,
            ..Self::default()
        }
    }

    /// With a rules file, on one shard.
    pub fn rules_file(path: &Path) -> Self {
        Self {
            rules_file: Some(path.to_owned()),
            shards: 1,
            ..Self::default()
        }
    }

    /// Without any rules (development mode), on one shard.
    pub fn development() -> Self {
        Self {
            shards: 1,
            ..Self::default()
        }
    }

    /// On so many shards.
    #[must_use]
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = shards;
        self
    }

    /// With one more environment variable; an empty value takes it away.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With one more command line argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    fn command(&self, ports: [u16; 3]) -> Command {
        let mut command = Command::new(binary());
        command.args(&self.arguments).env_clear();
        for name in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("CARILLON_BIND", "127.0.0.1")
            .env("SOCKET_PORT", ports[0].to_string())
            .env("CARILLON_API_PORT", ports[1].to_string())
            .env("CARILLON_ADMIN_PORT", ports[2].to_string())
            .env("CARILLON_API_KEY", KEY)
            .env("CARILLON_SHARDS", self.shards.to_string());
        if let Some(text) = &self.rules {
            command.env("CARILLON_RULES_TEXT", text);
        }
        if let Some(path) = &self.rules_file {
            command.env("CARILLON_RULES", path);
        }
        for (name, value) in &self.env {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
        command
    }

    /// Starts it and waits until it is ready.
    pub fn start(&self) -> Gateway {
        let mut gateway = self.launch();
        gateway.wait_until_ready();
        gateway
    }

    /// Starts it and does not wait until it is ready.
    pub fn launch(&self) -> Gateway {
        let [client, api, admin] = [ports::free(), ports::free(), ports::free()];
        let mut command = self.command([client, api, admin]);
        let process = Process::start("carillon-gateway", &mut command);
        Gateway {
            process,
            client,
            api,
            admin,
        }
    }

    /// Runs it to its end, for configurations that it must refuse.
    pub fn run_to_end(&self) -> (ExitStatus, String) {
        let mut command = self.command([ports::free(), ports::free(), ports::free()]);
        let mut process = Process::start("carillon-gateway", &mut command);
        let status = process.wait();
        // The readers of the pipes end after the process: the last lines may still be on the way.
        let mut output = process.output();
        for _ in 0..50 {
            std::thread::sleep(std::time::Duration::from_millis(2));
            let now = process.output();
            if !now.is_empty() && now == output {
                break;
            }
            output = now;
        }
        (status, output)
    }
}

/// A running gateway; it is killed when this value is dropped.
pub struct Gateway {
    process: Process,
    client: u16,
    api: u16,
    admin: u16,
}

impl Gateway {
    /// The port of the browsers.
    pub fn port(&self) -> u16 {
        self.client
    }

    /// The port of the backends.
    pub fn api_port(&self) -> u16 {
        self.api
    }

    /// The port of metrics and health.
    pub fn admin_port(&self) -> u16 {
        self.admin
    }

    /// The process, for signals, memory and output.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Posts JSON to the backend API with the key.
    pub fn post(&self, path: &str, body: &Value) -> Response {
        Request::post(path)
            .header("authorization", &format!("Bearer {KEY}"))
            .json(body)
            .send(self.api)
    }

    /// Gets a path of the backend API with the key.
    pub fn get(&self, path: &str) -> Response {
        Request::get(path)
            .header("authorization", &format!("Bearer {KEY}"))
            .send(self.api)
    }

    /// Gets a path of the admin port.
    pub fn admin(&self, path: &str) -> Response {
        Request::get(path).send(self.admin)
    }

    /// A raw websocket session, open and with its handshake read.
    pub fn websocket(&self) -> session::Session {
        session::Session::open(self.client)
    }

    /// A raw websocket on a path of the client port.
    pub fn raw_websocket(&self, path: &str) -> Result<ws::Ws, Response> {
        ws::Ws::connect(self.client, path, &[])
    }

    /// Fails unless the process lives and serves a new client.
    pub fn assert_alive(&mut self) {
        if let Some(status) = self.process.exited() {
            panic!("the gateway ended: {status}\n{}", self.process.output());
        }
        let response = Request::get("/livez").send(self.admin);
        assert_eq!(response.status, 200, "livez: {}", response.text());
    }

    /// Waits until it is ready.
    pub fn wait_until_ready(&mut self) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.process.exited() {
                panic!("the gateway ended: {status}\n{}", self.process.output());
            }
            let answer = Request::get("/readyz").try_send(self.admin);
            if answer.is_ok_and(|response| response.status == 200) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("the gateway is not ready:\n{}", self.process.output())
    }
}

/// The gateway's binary: `CARILLON_GATEWAY_BIN`, or built once for this run.
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY
        .get_or_init(|| match std::env::var_os("CARILLON_GATEWAY_BIN") {
            Some(path) => path.into(),
            None => build(
                "carillon-gateway",
                &["--bin", "carillon-gateway"],
                "carillon-gateway",
            ),
        })
        .clone()
}

/// The operator's binary, built once for this run.
pub fn operator() -> PathBuf {
    const NAME: &str = "carillon-operator";
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let build = || build(NAME, &["--bin", NAME], NAME);
    BINARY.get_or_init(build).clone()
}

/// An example of the gateway crate, built once.
pub fn example(name: &str) -> PathBuf {
    build(
        "carillon-gateway",
        &["--example", name],
        &format!("examples/{name}"),
    )
}

/// A command that may build: what cargo tells tests of their package is what build scripts are run again for, ring's among them.
pub(crate) fn builder(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

fn build(package: &str, what: &[&str], output: &str) -> PathBuf {
    let status = builder(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", package])
        .args(what)
        .current_dir(workspace())
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "the build of {output} failed");
    target().join("debug").join(output)
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in the workspace")
        .to_owned()
}

pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

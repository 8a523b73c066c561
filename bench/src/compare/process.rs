//! Starting a server on its core, the generator on another, and ending both.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use super::contestant::Contestant;
use crate::clock;
use crate::report::Report;
use crate::wire::Dialect;

/// Why a run has no report.
#[derive(Debug, Error)]
pub(super) enum ProcessError {
    #[error("cannot start {0}: {1}")]
    Start(String, #[source] io::Error),
    #[error("the server ended ({0}): {1}")]
    Ended(String, String),
    #[error("the server does not listen: {0}")]
    Silent(String),
    #[error("the gateway is not ready: {0}")]
    NotReady(String),
    #[error("the generator took more than {LONGEST_RUN:?}")]
    TooLong,
    #[error("the generator failed: {0}")]
    Generator(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A server that is killed when this is dropped.
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
    /// Where the gateway says whether it is ready.
    admin: SocketAddr,
}

impl Server {
    /// Starts a server on `core` and waits until it listens; its output goes to the file `log`.
    pub(super) fn start(
        contestant: &Contestant,
        core: usize,
        environment: Vec<(&'static str, String)>,
        log: &Path,
    ) -> Result<Self, ProcessError> {
        let [port, admin, peer] = free_ports()?;
        let clustered = environment.iter().any(|(name, _)| *name == REDIS);
        let mut command = pinned(core, &contestant.command);
        command
            .envs(environment)
            .env("PORT", port.to_string())
            .env("CARILLON_ADMIN_PORT", admin.to_string());
        if clustered {
            command.env("CARILLON_PEER_PORT", peer.to_string());
        }
        Self::spawn(command, &contestant.name, [port, admin], log)
    }

    /// A Redis that keeps nothing on disk, on `core`.
    pub(super) fn redis(program: &str, core: usize, log: &Path) -> Result<Self, ProcessError> {
        let [port] = free_ports()?;
        let text = port.to_string();
        let words = [
            program,
            "--port",
            &text,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ];
        let command = pinned(core, &words.map(str::to_owned));
        Self::spawn(command, program, [port, port], log)
    }

    fn spawn(
        mut command: Command,
        name: &str,
        [port, admin]: [u16; 2],
        log: &Path,
    ) -> Result<Self, ProcessError> {
        let output = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| ProcessError::Start(name.to_owned(), error))?;
        let mut server = Self {
            child,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, admin)),
        };
        server.wait_until_listening(log)?;
        sleep(SETTLE);
        Ok(server)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until `/readyz` of a gateway's admin port says 200: its bus stands.
    pub(super) fn wait_until_ready(&self, log: &Path) -> Result<(), ProcessError> {
        let end = clock::now() + clock::nanos(LONGEST_START);
        while clock::now() < end {
            if self
                .readiness()
                .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
            {
                return Ok(());
            }
            sleep(GLANCE);
        }
        Err(ProcessError::NotReady(last_line(log)))
    }

    fn readiness(&self) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.admin, GLANCE)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn wait_until_listening(&mut self, log: &Path) -> Result<(), ProcessError> {
        let end = clock::now() + clock::nanos(LONGEST_START);
        while clock::now() < end {
            if let Some(status) = self.child.try_wait()? {
                return Err(ProcessError::Ended(status.to_string(), last_line(log)));
            }
            if TcpStream::connect_timeout(&self.address, GLANCE).is_ok() {
                return Ok(());
            }
            sleep(GLANCE);
        }
        Err(ProcessError::Silent(last_line(log)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Puts one load on the server; publishers connect to `publish_to`, where there is one.
pub(super) fn generate(
    server: &Server,
    publish_to: Option<&Server>,
    dialect: Dialect,
    core: usize,
    arguments: &str,
) -> Result<Report, ProcessError> {
    #[derive(Deserialize)]
    struct Output {
        report: Report,
    }
    let program = std::env::current_exe()?.display().to_string();
    let dialect = match dialect {
        Dialect::SocketIo => "socket-io",
        Dialect::Centrifuge => "centrifuge",
    };
    let (address, pid) = (server.address.to_string(), server.child.id().to_string());
    let own = [
        &program,
        "load",
        "--server",
        &address,
        "--pid",
        &pid,
        "--dialect",
        dialect,
    ];
    let mut words: Vec<String> = own
        .into_iter()
        .chain(arguments.split(' '))
        .map(str::to_owned)
        .collect();
    if let Some(other) = publish_to {
        words.extend(["--publish-to".to_owned(), other.address.to_string()]);
    }
    let mut child = pinned(core, &words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let deadline = clock::now() + clock::nanos(LONGEST_RUN);
    while child.try_wait()?.is_none() {
        if clock::now() > deadline {
            end(&mut child);
            return Err(ProcessError::TooLong);
        }
        sleep(GLANCE);
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(ProcessError::Generator(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    let report: Output = serde_json::from_slice(&output.stdout).map_err(io::Error::from)?;
    Ok(report.report)
}

/// `taskset` becomes the program, so that its pid is the program's. A server that counts its cores sees one.
fn pinned(core: usize, words: &[String]) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).args(words);
    command
}

/// A process that has ended already needs no end.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Ports that nobody has at this moment. They lie below the ephemeral ports, which any connection of
/// this machine may take before the server does.
fn free_ports<const COUNT: usize>() -> io::Result<[u16; COUNT]> {
    let first = PORTS.start + (clock::now() % 1000) as u16 * 10;
    let free = (first..PORTS.end).chain(PORTS.start..first).filter(|port| {
        let everywhere = TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port));
        everywhere.is_ok()
    });
    let ports: Vec<u16> = free.take(COUNT).collect();
    ports
        .try_into()
        .map_err(|_| io::ErrorKind::AddrInUse.into())
}

const PORTS: Range<u16> = 20_000..32_000;

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .rfind(|line| !line.is_empty())
        .unwrap_or("it wrote nothing")
        .to_owned()
}

/// The variable that makes the gateway one pod of a cluster.
pub(super) const REDIS: &str = "CARILLON_REDIS_URL";
const ANSWER: Duration = Duration::from_secs(1);
const GLANCE: Duration = Duration::from_millis(20);
/// What a server still does after it has begun to listen is not measured.
const SETTLE: Duration = Duration::from_millis(300);
const LONGEST_START: Duration = Duration::from_secs(10);
const LONGEST_RUN: Duration = Duration::from_secs(240);

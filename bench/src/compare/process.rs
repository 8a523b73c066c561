//! Starting a server on its core, the generator on another, and ending both.

use std::fs::{self, File};
use std::io;
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
}

impl Server {
    /// Starts a server on `core` and waits until it listens; its output goes to the file `log`.
    pub(super) fn start(
        contestant: &Contestant,
        core: usize,
        environment: Vec<(&'static str, String)>,
        log: &Path,
    ) -> Result<Self, ProcessError> {
        let (port, admin) = free_ports()?;
        let output = File::create(log)?;
        let child = pinned(core, &contestant.command)
            .envs(environment)
            .env("PORT", port.to_string())
            .env("CARILLON_ADMIN_PORT", admin.to_string())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| ProcessError::Start(contestant.name.clone(), error))?;
        let mut server = Self {
            child,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        };
        server.wait_until_listening(log)?;
        sleep(SETTLE);
        Ok(server)
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

/// Puts one load on the server.
pub(super) fn generate(
    server: &Server,
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
    let words: Vec<String> = own
        .into_iter()
        .chain(arguments.split(' '))
        .map(str::to_owned)
        .collect();
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

/// Two ports that nobody has at this moment. They lie below the ephemeral ports, which any connection of
/// this machine may take before the server does.
fn free_ports() -> io::Result<(u16, u16)> {
    let first = PORTS.start + (clock::now() % 1000) as u16 * 10;
    let mut free = (first..PORTS.end).chain(PORTS.start..first).filter(|port| {
        let everywhere = TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port));
        everywhere.is_ok()
    });
    match (free.next(), free.next()) {
        (Some(one), Some(other)) => Ok((one, other)),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

const PORTS: Range<u16> = 20_000..32_000;

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .rfind(|line| !line.is_empty())
        .unwrap_or("it wrote nothing")
        .to_owned()
}

const GLANCE: Duration = Duration::from_millis(20);
/// What a server still does after it has begun to listen is not measured.
const SETTLE: Duration = Duration::from_millis(300);
const LONGEST_START: Duration = Duration::from_secs(10);
const LONGEST_RUN: Duration = Duration::from_secs(240);

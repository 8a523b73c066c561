//! The gateway as a container host runs it: with these variables and no others, in so much memory, at
//! an address of its own.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::gateway::binary;
use crate::http::{Request, Response};
use crate::process::Process;
use crate::wait;

/// The port of health and metrics, which no variable of a host changes.
const ADMIN: u16 = 9090;

/// A running gateway; it is killed when this value is dropped.
pub struct Container {
    process: Process,
    address: IpAddr,
    group: Group,
}

impl Container {
    /// Starts it in `memory` bytes and waits until it is ready. What a network namespace would do is
    /// done by two variables more: the addresses that it listens at and that others dial.
    pub fn start(environment: &BTreeMap<String, String>, memory: u64) -> Self {
        let address = address();
        let group = Group::of(memory);
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $$ >\"$0\" && exec \"$1\""])
            .arg(group.0.join("cgroup.procs"))
            .arg(binary())
            .env_clear()
            .env("CARILLON_BIND", address.to_string())
            .env("CARILLON_PEER_ADDRESS", address.to_string())
            .envs(environment);
        let mut container = Self {
            process: Process::start("a container", &mut command),
            address,
            group,
        };
        wait::until("the container is ready", || {
            if let Some(status) = container.process.exited() {
                panic!("it ended: {status}\n{}", container.process.output());
            }
            let answer = container.ask(ADMIN, &Request::get("/readyz")).ok()?;
            (answer.status == 200).then_some(())
        });
        container
    }

    /// Its address, that of nobody else.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Sends a request to a port of it.
    pub fn ask(&self, port: u16, request: &Request) -> std::io::Result<Response> {
        request.send_to(SocketAddr::new(self.address, port), Duration::from_secs(10))
    }

    /// A sample of its metrics.
    pub fn metric(&self, series: &str) -> f64 {
        let answer = self.ask(ADMIN, &Request::get("/metrics"));
        let text = answer.expect("the admin port answers").text();
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        let value = line.unwrap_or_else(|| panic!("no {series} in:\n{text}"));
        value.trim().parse().expect("a number")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // A control group cannot be removed as long as a process is in it.
        self.process.signal("KILL");
        self.process.wait();
        self.group.remove();
    }
}

/// An address of loopback of its own, so that containers can have the same ports.
fn address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [low, high, ..] = std::process::id().to_le_bytes();
    let last = NEXT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, 64 | (high & 63), low, last).into()
}

/// A control group with a limit of memory.
struct Group(PathBuf);

impl Group {
    fn of(memory: u64) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let root = Path::new("/sys/fs/cgroup");
        let (root, file) = if root.join("cgroup.controllers").exists() {
            let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
            (root.to_owned(), "memory.max")
        } else {
            (root.join("memory"), "memory.limit_in_bytes")
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = root.join(format!(
            "carillon-container-{}-{number}",
            std::process::id()
        ));
        fs::create_dir(&folder)
            .and_then(|()| fs::write(folder.join(file), memory.to_string()))
            .unwrap_or_else(|error| panic!("{} (root is needed): {error}", folder.display()));
        Self(folder)
    }

    fn remove(&self) {
        // The kernel lets go of a process a moment after its end.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

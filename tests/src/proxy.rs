//! Load balancers of Debian in front of servers: round robin where nothing else is said, no affinity at all.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ports;
use crate::process::Process;
use crate::wait;

/// A running load balancer; it is killed, and its folder removed, when this value is dropped.
pub struct Proxy {
    name: &'static str,
    process: Process,
    folder: PathBuf,
    port: u16,
}

/// What a load balancer allows for.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// How long a connection may be silent, in seconds.
    pub idle: u64,
    /// The largest body of a request, in bytes; 0 = any.
    pub body: u64,
    /// How many seconds connections outlive a reload.
    pub after_reload: u64,
}

/// More than a gateway with its defaults needs.
const AMPLE: Allowance = Allowance {
    idle: 120,
    body: 0,
    after_reload: 1,
};

/// The name of its configuration.
const FILE: &str = "conf";

fn local(ports: &[u16]) -> Vec<SocketAddr> {
    let address = |port: &u16| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), *port);
    ports.iter().map(address).collect()
}

impl Proxy {
    /// nginx with one worker.
    pub fn nginx(servers: &[u16]) -> Self {
        Self::nginx_with(servers, AMPLE)
    }

    /// The same, with other limits.
    pub fn nginx_with(servers: &[u16], allowance: Allowance) -> Self {
        Self::nginx_to(&local(servers), allowance)
    }

    /// The same, in front of servers anywhere.
    pub fn nginx_to(servers: &[SocketAddr], allowance: Allowance) -> Self {
        Self::nginx_by(|folder, port| nginx(folder, port, servers, allowance))
    }

    /// Has such a one serve new connections by other servers.
    pub fn point_to(&self, servers: &[SocketAddr], allowance: Allowance) {
        let configuration = nginx(&self.folder, self.port, servers, allowance);
        fs::write(self.folder.join(FILE), configuration).expect("it can be written");
        self.reload();
    }

    /// nginx by a configuration of its own, made for a folder and a port.
    pub fn nginx_by(configuration: impl FnOnce(&Path, u16) -> String) -> Self {
        Self::start("nginx", configuration, |command, file| {
            command
                .arg("-c")
                .arg(file)
                .args(["-e", "stderr", "-g", "daemon off;"]);
        })
    }

    /// HAProxy with one thread.
    pub fn haproxy(servers: &[u16]) -> Self {
        Self::haproxy_with(servers, AMPLE)
    }

    /// The same, with other limits.
    pub fn haproxy_with(servers: &[u16], allowance: Allowance) -> Self {
        Self::haproxy_of(|port| haproxy(port, servers, allowance, "balance roundrobin"))
    }

    /// HAProxy that draws a server for each request. In turn, where a request of a client goes depends on how those of all the others lie
    /// between: many of their websockets may come to the server of their first one.
    pub fn at_random(servers: &[u16]) -> Self {
        Self::haproxy_of(|port| haproxy(port, servers, AMPLE, "balance random(1)"))
    }

    /// HAProxy that keeps a client at its server, by a cookie.
    pub fn sticky(servers: &[u16]) -> Self {
        let cookie = "cookie server insert indirect nocache";
        Self::haproxy_of(|port| haproxy(port, servers, AMPLE, cookie))
    }

    fn haproxy_of(configuration: impl FnOnce(u16) -> String) -> Self {
        let configuration = |_: &Path, port| configuration(port);
        Self::start("haproxy", configuration, |command, file| {
            command.args(["-W", "-db", "-f"]).arg(file);
        })
    }

    /// Has it read its configuration anew: new connections are another worker's, and the former ones are cut after what they are allowed.
    pub fn reload(&self) {
        let signal = if self.name == "nginx" { "HUP" } else { "USR2" };
        self.process.signal(signal);
    }

    fn start(
        name: &'static str,
        configuration: impl FnOnce(&Path, u16) -> String,
        arguments: fn(&mut Command, &Path),
    ) -> Self {
        let port = ports::free();
        let folder =
            std::env::temp_dir().join(format!("carillon-{name}-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder of the tests can be made");
        let file = folder.join(FILE);
        fs::write(&file, configuration(&folder, port)).expect("it can be written");
        let mut command = Command::new(binary(name));
        arguments(&mut command, &file);
        let mut process = Process::start(name, &mut command);
        wait::until(&format!("{name} listens"), || {
            if let Some(status) = process.exited() {
                panic!("{name} ended: {status}\n{}", process.output());
            }
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self {
            name,
            process,
            folder,
            port,
        }
    }

    /// The port of its clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process, for signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A master that is killed leaves its workers behind: it must end by itself.
        if self.process.exited().is_none() {
            self.process.signal("TERM");
            self.process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A server that a socket was refused by is asked again at once: a test of sessions must not
/// depend on how long a load balancer holds a grudge.
fn nginx(folder: &Path, port: u16, servers: &[SocketAddr], allowance: Allowance) -> String {
    let Allowance {
        idle,
        body,
        after_reload,
    } = allowance;
    let folder = folder.display();
    let mut upstream = String::new();
    for server in servers {
        let _ = writeln!(upstream, "    server {server} max_fails=0;");
    }
    let own = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let own = own
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};"))
        .join("\n");
    format!(
        "worker_processes 1;
worker_shutdown_timeout {after_reload}s;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
{own}
  access_log off;
  client_max_body_size {body};
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream servers {{
{upstream}    keepalive 64;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_read_timeout {idle}s;
      proxy_send_timeout {idle}s;
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
}}
"
    )
}

fn haproxy(port: u16, servers: &[u16], allowance: Allowance, choice: &str) -> String {
    let Allowance {
        idle,
        body,
        after_reload,
    } = allowance;
    // It has no limit of its own: this is how HAProxy Ingress sets one.
    let limit = match body {
        0 => String::new(),
        body => format!("  http-request deny deny_status 413 if {{ req.body_size gt {body} }}\n"),
    };
    let mut list = String::new();
    for (index, server) in servers.iter().enumerate() {
        let _ = writeln!(list, "  server s{index} 127.0.0.1:{server} cookie s{index}");
    }
    format!(
        "global
  nbthread 1
  hard-stop-after {after_reload}s
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client {idle}s
  timeout server {idle}s
  timeout tunnel {idle}s
  option forwardfor
  retries 2
  option redispatch 1
frontend clients
  bind 127.0.0.1:{port}
  default_backend servers
backend servers
  {choice}
{limit}{list}"
    )
}

/// Debian keeps both where only root's `PATH` leads.
fn binary(name: &str) -> PathBuf {
    let path = PathBuf::from(format!("/usr/sbin/{name}"));
    assert!(
        path.exists(),
        "no {name}: run scripts/test-deps to install what the tests need"
    );
    path
}

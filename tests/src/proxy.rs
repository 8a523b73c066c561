//! Load balancers of Debian in front of servers: round robin, no affinity at all.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ports;
use crate::process::Process;
use crate::wait;

/// A running load balancer; it is killed, and its folder removed, when this value is dropped.
pub struct Proxy {
    process: Process,
    folder: PathBuf,
    port: u16,
}

impl Proxy {
    /// nginx with one worker.
    pub fn nginx(servers: &[u16]) -> Self {
        Self::start("nginx", servers, nginx, nginx_arguments)
    }

    /// nginx by a configuration of its own, made for a folder and a port.
    pub fn nginx_by(configuration: impl FnOnce(&Path, u16) -> String) -> Self {
        Self::start_by("nginx", configuration, nginx_arguments)
    }

    /// HAProxy with one thread.
    pub fn haproxy(servers: &[u16]) -> Self {
        Self::start("haproxy", servers, haproxy, |command, file| {
            command.arg("-db").arg("-f").arg(file);
        })
    }

    /// HAProxy that keeps a client at its server, by a cookie.
    pub fn sticky(servers: &[u16]) -> Self {
        Self::start("haproxy", servers, sticky, |command, file| {
            command.arg("-db").arg("-f").arg(file);
        })
    }

    fn start(
        name: &str,
        servers: &[u16],
        configuration: fn(&Path, u16, &[u16]) -> String,
        arguments: fn(&mut Command, &Path),
    ) -> Self {
        let configuration = |folder: &Path, port| configuration(folder, port, servers);
        Self::start_by(name, configuration, arguments)
    }

    fn start_by(
        name: &str,
        configuration: impl FnOnce(&Path, u16) -> String,
        arguments: fn(&mut Command, &Path),
    ) -> Self {
        let port = ports::free();
        let folder =
            std::env::temp_dir().join(format!("carillon-{name}-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder of the tests can be made");
        let file = folder.join("conf");
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
        // nginx kills no worker when its master is killed: it must end by itself.
        if self.process.exited().is_none() {
            self.process.signal("TERM");
            self.process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn nginx_arguments(command: &mut Command, file: &Path) {
    command
        .arg("-c")
        .arg(file)
        .args(["-e", "stderr", "-g", "daemon off;"]);
}

/// A server that a socket was refused by is asked again at once: a test of sessions must not
/// depend on how long a load balancer holds a grudge.
fn nginx(folder: &Path, port: u16, servers: &[u16]) -> String {
    let folder = folder.display();
    let mut upstream = String::new();
    for server in servers {
        let _ = writeln!(upstream, "    server 127.0.0.1:{server} max_fails=0;");
    }
    let own = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let own = own
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};"))
        .join("\n");
    format!(
        "worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
{own}
  access_log off;
  client_max_body_size 0;
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
      proxy_read_timeout 120s;
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
}}
"
    )
}

fn haproxy(_: &Path, port: u16, servers: &[u16]) -> String {
    haproxy_with(port, servers, "")
}

fn sticky(_: &Path, port: u16, servers: &[u16]) -> String {
    haproxy_with(port, servers, "  cookie server insert indirect nocache\n")
}

fn haproxy_with(port: u16, servers: &[u16], cookie: &str) -> String {
    let mut list = String::new();
    for (index, server) in servers.iter().enumerate() {
        let _ = writeln!(list, "  server s{index} 127.0.0.1:{server} cookie s{index}");
    }
    format!(
        "global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 120s
  timeout server 120s
  timeout tunnel 1h
  option forwardfor
  retries 2
  option redispatch 1
frontend clients
  bind 127.0.0.1:{port}
  default_backend servers
backend servers
  balance roundrobin
{cookie}{list}"
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

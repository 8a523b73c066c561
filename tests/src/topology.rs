//! Redis in more than one process: behind Sentinel, and as a cluster.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::ports;
use crate::process::Process;
use crate::redis::{Options, Redis};
use crate::resp::{Client, Reply};
use crate::wait;

/// A master, its replica, and one sentinel that decides alone.
pub struct Sentinel {
    /// The first master.
    pub master: Redis,
    /// The first replica.
    pub replica: Redis,
    port: u16,
    folder: PathBuf,
    _process: Process,
}

impl Sentinel {
    /// Starts them, and waits until the sentinel knows the replica.
    pub fn start() -> Self {
        let master = Redis::start();
        let line = format!("replicaof 127.0.0.1 {}", master.port());
        let replica = Options::default()
            .line(&line)
            .line("repl-diskless-sync-delay 0")
            .start();
        let port = ports::free();
        let folder =
            std::env::temp_dir().join(format!("carillon-sentinel-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder of the tests can be made");
        let file = folder.join("sentinel.conf");
        let text = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\nsentinel monitor mymaster 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 3000\n",
            folder.display(),
            master.port()
        );
        fs::write(&file, text).expect("the configuration can be written");
        let mut command = Command::new("redis-server");
        let process = Process::start("redis-sentinel", command.arg(file).arg("--sentinel"));
        let sentinel = Self {
            master,
            replica,
            port,
            folder,
            _process: process,
        };
        wait::until("the replica is in step and known to the sentinel", || {
            let info = sentinel.replica.command(&["INFO", "replication"]).text();
            let mut client = Client::open(sentinel.port).ok()?;
            let known = client.command(&["SENTINEL", "replicas", "mymaster"]).ok()?;
            let known = matches!(&known, Reply::Array(Some(all)) if all.len() == 1
                && format!("{:?}", all[0].array().iter().map(Reply::text).collect::<Vec<_>>())
                    .contains("\"master-link-status\", \"ok\""));
            (known && info.contains("master_link_status:up")).then_some(())
        });
        sentinel
    }

    /// The URL that names the sentinel.
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/mymaster", self.port)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Three masters on loopback.
pub struct RedisCluster {
    /// The masters, each with a third of the slots in order.
    pub nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts it, and waits until all nodes agree.
    pub fn start() -> Self {
        Self::start_with(&Options::default())
    }

    /// The same, of nodes with these options.
    pub fn start_with(options: &Options) -> Self {
        let buses: Vec<u16> = (0..3).map(|_| ports::free()).collect();
        let nodes: Vec<Redis> = buses
            .iter()
            .map(|bus| {
                options
                    .clone()
                    .line("cluster-enabled yes")
                    .line("cluster-node-timeout 3000")
                    .line("cluster-announce-ip 127.0.0.1")
                    .line(&format!("cluster-port {bus}"))
                    .start()
            })
            .collect();
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (index, (node, (from, to))) in nodes.iter().zip(slots).enumerate() {
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            node.command(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            let (port, bus) = (node.port().to_string(), bus.to_string());
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        for node in &nodes {
            wait::until("the nodes of the cluster agree", || {
                let info = node.command(&["CLUSTER", "INFO"]).text();
                let slots = node.command(&["CLUSTER", "SLOTS"]);
                (info.contains("cluster_state:ok") && slots.array().len() == 3).then_some(())
            });
        }
        Self { nodes }
    }

    /// The URL that names one of them: the others are found.
    pub fn url(&self) -> String {
        format!("redis+cluster://127.0.0.1:{}", self.nodes[0].port())
    }
}

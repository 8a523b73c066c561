//! A cluster: Node servers and gateways on one Redis, told what to do by the same calls.

pub mod calls;
mod node;
mod pod;
mod setup;

use std::ops::Deref;

use serde_json::Value;

pub use node::NodeServer;
pub use pod::Pod;
pub use setup::{Kind, Mode, Setup};

use crate::process::Process;
use crate::redis::Redis;
use crate::resp::Client;
use crate::wait;
use calls::Server;

/// One server of a cluster.
pub enum Member {
    /// Socket.IO's own server on its own adapter.
    Node(NodeServer),
    /// The gateway.
    Gateway(Pod),
}

impl Member {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Node(_) => Kind::Node,
            Self::Gateway(_) => Kind::Gateway,
        }
    }

    /// The process, for signals.
    pub fn process(&mut self) -> &mut Process {
        match self {
            Self::Node(node) => node.process(),
            Self::Gateway(pod) => pod.gateway().process(),
        }
    }
}

impl Deref for Member {
    type Target = dyn Server;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Node(node) => node,
            Self::Gateway(pod) => pod,
        }
    }
}

/// Servers on one Redis that know one another.
pub struct Cluster<'a> {
    /// The servers, in the order of the kinds that were asked for.
    pub members: Vec<Member>,
    setup: Setup,
    redis: &'a Redis,
}

impl<'a> Cluster<'a> {
    /// Starts one server of each kind and waits until each counts all.
    pub fn start(redis: &'a Redis, setup: &Setup, kinds: &[Kind]) -> Self {
        let start = |(index, kind): (usize, &Kind)| setup.start(redis, *kind, index);
        let cluster = Self {
            members: kinds.iter().enumerate().map(start).collect(),
            setup: setup.clone(),
            redis,
        };
        cluster.wait_until_whole(kinds.len());
        cluster
    }

    /// Of members that were started one by one.
    pub fn of(redis: &'a Redis, setup: &Setup, members: Vec<Member>) -> Self {
        Self {
            members,
            setup: setup.clone(),
            redis,
        }
    }

    /// Waits until every Node server hears `count` servers, itself included. A gateway is ready
    /// only when its subscriptions are in place, and its start has waited for that.
    pub fn wait_until_whole(&self, count: usize) {
        for member in &self.members {
            let Member::Node(node) = member else { continue };
            wait::until(&format!("{count} servers know one another"), || {
                let servers = node.call("servers", Value::Null);
                let counts = servers["counts"].as_array()?;
                let all = counts
                    .iter()
                    .all(|counted| counted.as_u64() == Some(count as u64));
                (all && servers["listening"] == true).then_some(())
            });
        }
    }

    /// Waits until so many servers hear what is published to one room (or socket id). A Node
    /// server acknowledges a join before its subscription of the room is in place.
    pub fn wait_for_room(&self, namespace: &str, room: &str, servers: usize) {
        if self.setup.mode != Mode::Sharded || self.setup.subscription == "static" {
            return;
        }
        let channel = format!("{}#{namespace}#{room}#", self.setup.prefix);
        wait::until(&format!("{servers} servers listen to {channel}"), || {
            let command = ["PUBSUB", "SHARDNUMSUB", &channel];
            let count = match &*self.setup.nodes {
                [] => self.redis.command(&command).array()[1].integer(),
                nodes => nodes.iter().map(|port| count(*port, &command)).sum(),
            };
            (count == servers as i64).then_some(())
        });
    }

    /// What the cluster was started with.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Its Redis.
    pub fn redis(&self) -> &'a Redis {
        self.redis
    }

    /// How many members are of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.members
            .iter()
            .filter(|member| member.kind() == kind)
            .count()
    }
}

/// The second element of what a node answers.
fn count(port: u16, command: &[&str]) -> i64 {
    let client = Client::open(port);
    let reply = client.and_then(|mut client| client.command(command));
    reply.expect("a node answers").array()[1].integer()
}

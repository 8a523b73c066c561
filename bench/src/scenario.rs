//! The scenarios: each is a kind of load, and says in a [`Report`] what it cost the server.

mod broadcast;
mod churn;
mod connect;
mod echo;
mod fanout;
mod idle;
mod saturate;
mod search;
mod storm;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::payload::{HEAD, PayloadFormat};
use crate::report::Report;
use crate::swarm::{Carrier, Ignore, Member, Settings, Swarm, SwarmError};
use crate::usage::Server;
use crate::wire::Dialect;

/// One load on one server.
#[derive(Args)]
pub(crate) struct Load {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    scenario: Scenario,
}

/// What every scenario needs.
#[derive(Args, Clone, Debug)]
struct Common {
    /// Address of the server.
    #[arg(long, global = true, default_value = "127.0.0.1:3001")]
    server: SocketAddr,
    #[arg(long, global = true, value_enum, default_value = "socket-io")]
    dialect: Dialect,
    /// Address of another server of the same cluster, which the publishers are connected to.
    #[arg(long, global = true)]
    publish_to: Option<SocketAddr>,
    /// The server's process, for its CPU time and memory.
    #[arg(long, global = true)]
    pid: Option<u32>,
    /// Receiving connections.
    #[arg(long, short = 'n', global = true, default_value_t = 1000)]
    connections: usize,
    /// Rooms over which they are spread.
    #[arg(long, global = true, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rooms: u32,
    /// Percent of the receivers that use long polling.
    #[arg(long, global = true, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    polling: u8,
    /// Bytes of a payload; at least 32.
    #[arg(long, global = true, default_value_t = 128)]
    payload: usize,
    /// Handshakes under way at once.
    #[arg(long, global = true, default_value_t = 128)]
    in_flight: usize,
    /// Seconds over which dials are spread evenly.
    #[arg(long, global = true, default_value_t = 0.0)]
    ramp: f64,
    /// Seconds after which missing connections have failed.
    #[arg(long, global = true, default_value_t = 90.0)]
    patience: f64,
}

#[derive(Subcommand)]
enum Scenario {
    /// Dial, upgrade, connect the namespace, join a room; cost and memory of a connection.
    Connect(connect::Options),
    /// Publish at a constant rate, whatever the server does; cost and latency of a delivery.
    Fanout(fanout::Options),
    /// Requests that are answered with their payload, a constant number outstanding.
    Echo(echo::Options),
    /// Answer heartbeats; cost of connections that do nothing.
    Idle(idle::Options),
    /// Raise the rate until the server falls behind; the most it delivers.
    Saturate(saturate::Options),
    /// Join and leave rooms while each join's acknowledgement is answered by a message to its room; counts misses.
    Churn(churn::Options),
    /// Cut all connections at once and dial them again.
    Storm(storm::Options),
}

impl Load {
    pub(crate) fn run(&self) -> Result<(), Box<dyn Error>> {
        let Self { common, scenario } = self;
        if common.payload < HEAD {
            return Err(format!("--payload is at least {HEAD}").into());
        }
        let (name, report) = match scenario {
            Scenario::Connect(options) => ("connect", options.run(common)?),
            Scenario::Fanout(options) => ("fanout", options.run(common)?),
            Scenario::Echo(options) => ("echo", options.run(common)?),
            Scenario::Idle(options) => ("idle", options.run(common)?),
            Scenario::Saturate(options) => ("saturate", options.run(common)?),
            Scenario::Churn(options) => ("churn", options.run(common)?),
            Scenario::Storm(options) => ("storm", options.run(common)?),
        };
        println!("{}", json!({ "scenario": name, "report": report }));
        Ok(())
    }
}

type Outcome = Result<Report, SwarmError>;

impl Common {
    fn server(&self) -> Server {
        Server(self.pid)
    }

    fn format(&self) -> PayloadFormat {
        PayloadFormat::new(self.payload)
    }

    /// The receivers, not yet connected.
    fn swarm(&self) -> Result<Swarm, SwarmError> {
        self.swarm_with(0)
    }

    /// The receivers, then `publishers` that sit in rooms to which nobody publishes.
    fn swarm_with(&self, publishers: u32) -> Result<Swarm, SwarmError> {
        let lonely = (0..publishers).map(|publisher| Member {
            room: self.rooms + publisher,
            carrier: Carrier::WebSocket,
            server: self.publish_to.unwrap_or(self.server),
        });
        let members: Vec<Member> = self.receivers().chain(lonely).collect();
        Swarm::new(self.settings(), &members)
    }

    fn settings(&self) -> Settings {
        Settings {
            server: self.server,
            dialect: self.dialect,
            in_flight: self.in_flight,
            ramp: seconds(self.ramp),
            patience: seconds(self.patience),
        }
    }

    /// Rooms take turns; polling receivers are spread evenly over them all.
    fn receivers(&self) -> impl Iterator<Item = Member> {
        let polling = usize::from(self.polling);
        (0..self.connections).map(move |index| {
            let round = index / self.rooms as usize + index;
            let polls = (round + 1) * polling / 100 > round * polling / 100;
            Member {
                room: (index % self.rooms as usize) as u32,
                carrier: if polls {
                    Carrier::Polling
                } else {
                    Carrier::WebSocket
                },
                server: self.server,
            }
        })
    }
}

/// A swarm whose clients have all joined, and a moment of rest for the server.
fn connected(mut swarm: Swarm) -> Result<Swarm, SwarmError> {
    swarm.connect(&mut Ignore)?;
    swarm.rest(Duration::from_millis(500), &mut Ignore)?;
    Ok(swarm)
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(arguments: &[&str]) -> Common {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            load: Load,
        }
        let line = ["load"].iter().chain(arguments).chain(&["connect"]);
        <Line as clap::Parser>::parse_from(line).load.common
    }

    #[test]
    fn rooms_take_turns() {
        let rooms: Vec<u32> = common(&["-n", "5", "--rooms", "2"])
            .receivers()
            .map(|member| member.room)
            .collect();
        assert_eq!(rooms, [0, 1, 0, 1, 0]);
    }

    #[test]
    fn a_share_of_the_receivers_polls() {
        let polling = |arguments: &[&str]| {
            common(arguments)
                .receivers()
                .filter(|member| member.carrier == Carrier::Polling)
                .count()
        };
        assert_eq!(polling(&["-n", "1000"]), 0);
        assert_eq!(polling(&["-n", "1000", "--polling", "100"]), 1000);
        let half = polling(&["-n", "1000", "--polling", "50", "--rooms", "10"]);
        assert!((400..=600).contains(&half), "{half}");
    }
}

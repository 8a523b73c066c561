//! `churn`: rooms change hands; no room may miss a message published after its join was acknowledged.
//!
//! A room has one member or none. A join's acknowledgement is answered at once by a message to the room, whose
//! publisher may sit on another server of the cluster (`--publish-to`): the member's server must have told the
//! cluster by then that it wants the room's messages. Half of the changes go round all rooms, half round the first
//! hundredth of them, where a subscription that has just ended is wanted again; every other room that is left is
//! joined by somebody else in the same moment.

mod rooms;

use std::time::Duration;

use super::{Common, Outcome, connected, seconds};
use crate::clock;
use crate::pace::Pace;
use crate::payload::Stamp;
use crate::report::{Churn, Report};
use crate::swarm::{Carrier, Member, Swarm, SwarmError};
use crate::wire::{Change, Dialect};
use rooms::{Request, Rooms};

#[derive(clap::Args)]
pub(super) struct Options {
    /// Joins and leaves a second, together.
    #[arg(long, default_value_t = 2000.0)]
    rate: f64,
    /// Measured seconds; before them every room is joined once, at the same rate.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Connections that publish, in turn.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    publishers: u32,
}

impl Options {
    /// A unit of work is a join or a leave; latency is a message's, from publishing to its arrival.
    pub(super) fn run(&self, common: &Common) -> Outcome {
        if common.dialect != Dialect::SocketIo {
            return Err(SwarmError::Unsupported("churn speaks Socket.IO only"));
        }
        let server = common.server();
        let mut swarm = connected(self.swarm(common)?)?;
        let mut rooms = Rooms::new(common.format(), common.connections, common.rooms);
        let fill = f64::from(common.rooms) / self.rate;
        self.drive(&mut swarm, &mut rooms, seconds(fill), Rooms::fill)?;
        self.drain(&mut swarm, &mut rooms)?;
        rooms.start_measuring();
        let before = server.cpu();
        let duration = seconds(self.seconds);
        self.drive(&mut swarm, &mut rooms, duration, Rooms::next)?;
        let driven = server.cpu().since(&before);
        let in_time = rooms.answered();
        self.drain(&mut swarm, &mut rooms)?;
        let drained = server.cpu().since(&before);
        let units = rooms.answered();
        let totals = rooms.totals();
        Ok(Report {
            units,
            units_per_s: in_time as f64 / driven.wall_s,
            cpu_us: drained.per(units),
            cpu: driven,
            latency: rooms.latency(),
            faults: totals.faults,
            counters: swarm.counters(),
            churn: Some(Churn {
                joins: totals.joins,
                leaves: totals.leaves,
                unanswered: rooms.unanswered(),
                published: totals.published,
                acks: rooms.acks(),
            }),
            ..Report::default()
        })
    }

    /// The members, then the publishers; all wait in rooms of their own, to which nobody publishes.
    fn swarm(&self, common: &Common) -> Result<Swarm, SwarmError> {
        let member = |room, server| Member {
            room,
            carrier: Carrier::WebSocket,
            server,
        };
        let members = (0..common.connections).map(|_| member(common.rooms, common.server));
        let to = common.publish_to.unwrap_or(common.server);
        let publishers = (0..self.publishers).map(|_| member(common.rooms + 1, to));
        let everybody: Vec<Member> = members.chain(publishers).collect();
        Swarm::new(common.settings(), &everybody)
    }

    /// Sends the requests that `next` names at the scenario's rate, and a message for every acknowledged join.
    fn drive(
        &self,
        swarm: &mut Swarm,
        rooms: &mut Rooms,
        duration: Duration,
        mut next: impl FnMut(&mut Rooms) -> Option<Request>,
    ) -> Result<(), SwarmError> {
        let mut pace = Pace::new(clock::now(), self.rate, duration);
        loop {
            let now = clock::now();
            if pace.is_over(now) {
                return Ok(());
            }
            for time in std::iter::from_fn(|| pace.take(now)).take(BURST) {
                // Where every room is still waiting for something, the moment passes: the rate shows it.
                if let Some(request) = next(rooms) {
                    ask(swarm, rooms, request, time);
                }
            }
            swarm.turn(pace.wait(now).min(TURN), rooms)?;
            self.publish(swarm, rooms);
        }
    }

    fn publish(&self, swarm: &mut Swarm, rooms: &mut Rooms) {
        let now = clock::now();
        rooms.give_up(now);
        let dialect = swarm.dialect();
        while let Some((room, sequence)) = rooms.due(now) {
            let publisher = rooms.members() + (room % self.publishers) as usize;
            let stamp = Stamp {
                publisher: room,
                sequence,
                time: now,
            };
            swarm.send(publisher, |out| {
                dialect.publish(room, rooms.format(), stamp, out);
            });
        }
    }

    /// Until everything is answered and delivered, or given up.
    fn drain(&self, swarm: &mut Swarm, rooms: &mut Rooms) -> Result<(), SwarmError> {
        let end = clock::now() + DRAIN;
        while !rooms.is_quiet() && clock::now() < end {
            swarm.turn(TURN, rooms)?;
            self.publish(swarm, rooms);
        }
        Ok(())
    }
}

fn ask(swarm: &mut Swarm, rooms: &mut Rooms, request: Request, time: u64) {
    let dialect = swarm.dialect();
    let mut say = |change, client: u32, room| {
        let sequence = rooms.asked(change, client, room, time);
        swarm.send(client as usize, |out| {
            dialect.change(change, sequence, room, out);
        });
    };
    match request {
        Request::Join { client, room } => say(Change::Join, client, room),
        Request::Leave { client, room } => say(Change::Leave, client, room),
    }
}

/// Requests between two looks at the network.
const BURST: usize = 64;
const TURN: Duration = Duration::from_millis(2);
/// Longer than anything is waited for.
const DRAIN: u64 = 30_000_000_000;

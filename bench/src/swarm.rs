//! Thousands of clients on one thread and one epoll instance.
//!
//! Everything is read into one shared buffer; a client owns bytes only while a message is incomplete or
//! a socket is full, and keeps that memory for the next time: nothing is allocated per message.

mod client;
mod crew;
mod polling;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock;
use crate::histogram::Histogram;
use crate::wire::Dialect;
use crew::Crew;

/// What the swarm connects to, and how.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) server: SocketAddr,
    pub(crate) dialect: Dialect,
    /// Handshakes under way at once.
    pub(crate) in_flight: usize,
    /// Dials are spread evenly over this time; zero dials as fast as handshakes end.
    pub(crate) ramp: Duration,
    /// After this the connections that are missing have failed.
    pub(crate) patience: Duration,
}

/// One client to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) room: u32,
    pub(crate) carrier: Carrier,
    /// Where it connects to.
    pub(crate) server: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    WebSocket,
    /// Long polling over one connection: what it has to say waits until the pending GET is answered.
    Polling,
}

/// How all connections end at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Cut {
    /// Both ends forget the connection, as behind a broken network path.
    Reset,
    /// TCP's orderly end, without a word of the protocols above.
    Fin,
}

/// What is done with what arrives.
pub(crate) trait Traffic {
    /// A broadcast's payload has reached `client`, which is in `room`.
    fn delivered(&mut self, client: usize, room: u32, payload: &[u8], now: u64);

    /// The payload of request `sequence` is back; a message written to `next` is sent at once.
    fn echoed(
        &mut self,
        client: usize,
        sequence: u32,
        payload: &[u8],
        now: u64,
        next: &mut Vec<u8>,
    );

    /// Request `sequence` of `client` was done and answered with nothing.
    fn done(&mut self, _client: usize, _sequence: u32, _now: u64) {}
}

/// Counts since the swarm began.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Connections that ended before they had joined; they are tried again.
    pub(crate) failed: u64,
    /// Joined connections that the server ended.
    pub(crate) dropped: u64,
    pub(crate) heartbeats: u64,
    /// Messages that fit neither the protocol nor the moment.
    pub(crate) unexpected: u64,
}

/// Why a run cannot go on.
#[derive(Debug, Error)]
pub(crate) enum SwarmError {
    #[error("epoll: {0}")]
    Epoll(#[source] io::Error),
    #[error("{0}")]
    Unsupported(&'static str),
    #[error("cannot dial: {0}")]
    Dial(#[source] io::Error),
    #[error("{ready} of {wanted} connections ready in time; {counters:?}")]
    Incomplete {
        ready: usize,
        wanted: usize,
        counters: Counters,
    },
}

/// The clients and the epoll instance that drives them.
pub(crate) struct Swarm {
    settings: Settings,
    poll: Poll,
    events: Events,
    crew: Crew,
}

impl Swarm {
    pub(crate) fn new(settings: Settings, members: &[Member]) -> Result<Self, SwarmError> {
        Ok(Self {
            poll: Poll::new().map_err(SwarmError::Epoll)?,
            events: Events::with_capacity(1024),
            crew: Crew::new(&settings, members),
            settings,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.crew.clients.len()
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.settings.dialect
    }

    pub(crate) fn counters(&self) -> Counters {
        self.crew.counters
    }

    /// From dialling to having joined.
    pub(crate) fn connect_times(&mut self) -> &mut Histogram {
        &mut self.crew.connect_times
    }

    /// Connects every client that is down, until all have joined; says how long that took.
    pub(crate) fn connect(&mut self, traffic: &mut impl Traffic) -> Result<Duration, SwarmError> {
        let started = clock::now();
        let mut waiting: VecDeque<usize> = self.crew.down().collect();
        let wanted = waiting.len();
        let mut dialled = 0;
        while self.crew.ready < self.len() {
            let passed = Duration::from_nanos(clock::now() - started);
            let nobody_left = waiting.is_empty() && self.crew.dialling == 0;
            if passed > self.settings.patience || nobody_left {
                let (ready, wanted, counters) = (self.crew.ready, self.len(), self.crew.counters);
                return Err(SwarmError::Incomplete {
                    ready,
                    wanted,
                    counters,
                });
            }
            while self.crew.dialling < self.settings.in_flight
                && dialled < self.allowed(wanted, passed)
            {
                let Some(client) = waiting.pop_front() else {
                    break;
                };
                self.dial(client).map_err(SwarmError::Dial)?;
                dialled += 1;
            }
            let failed = self.crew.failures.drain(..);
            dialled = dialled.saturating_sub(failed.len());
            waiting.extend(failed);
            self.turn(CONNECTING_TURN, traffic)?;
        }
        Ok(Duration::from_nanos(clock::now() - started))
    }

    /// Dials that the ramp allows after `passed`.
    fn allowed(&self, wanted: usize, passed: Duration) -> usize {
        let share = passed.as_secs_f64() / self.settings.ramp.as_secs_f64();
        // Without a ramp the share is infinite, or not a number at the first moment.
        if share < 1.0 {
            (wanted as f64 * share) as usize
        } else {
            wanted
        }
    }

    fn dial(&mut self, index: usize) -> io::Result<()> {
        let mut stream = client::open(self.crew.clients[index].server, index)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut stream, Token(index), interest)?;
        self.crew.clients[index].dial(stream);
        self.crew.dialling += 1;
        Ok(())
    }

    /// Waits at most `wait` for the network and deals with what it brings.
    pub(crate) fn turn(
        &mut self,
        wait: Duration,
        traffic: &mut impl Traffic,
    ) -> Result<(), SwarmError> {
        let Self {
            poll, events, crew, ..
        } = self;
        match poll.poll(events, Some(wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(SwarmError::Epoll(error));
            }
            _ => events
                .iter()
                .for_each(|event| crew.on_event(event, traffic)),
        }
        Ok(())
    }

    /// Takes turns for `duration`.
    pub(crate) fn rest(
        &mut self,
        duration: Duration,
        traffic: &mut impl Traffic,
    ) -> Result<(), SwarmError> {
        let end = clock::now() + clock::nanos(duration);
        while clock::now() < end {
            let left = Duration::from_nanos(end.saturating_sub(clock::now()));
            self.turn(left.min(LONGEST_TURN), traffic)?;
        }
        Ok(())
    }

    /// Sends one message; what the socket does not take follows when it is writable.
    pub(crate) fn send(&mut self, client: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.crew.send(client, write);
    }

    /// Ends every connection.
    pub(crate) fn cut(&mut self, cut: Cut) {
        self.crew.cut(cut);
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        self.cut(Cut::Reset);
    }
}

/// Does nothing with anything.
pub(crate) struct Ignore;

impl Traffic for Ignore {
    fn delivered(&mut self, _: usize, _: u32, _: &[u8], _: u64) {}
    fn echoed(&mut self, _: usize, _: u32, _: &[u8], _: u64, _: &mut Vec<u8>) {}
}

const LONGEST_TURN: Duration = Duration::from_millis(50);
/// Short, so that a ramp stays even.
const CONNECTING_TURN: Duration = Duration::from_millis(5);

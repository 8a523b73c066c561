//! The clients and everything they do when their sockets say something.

use std::io::{ErrorKind, Read};

use memchr::memchr_iter;
use mio::event::Event;

use super::client::{Client, Gone, Stage};
use super::{Counters, Cut, Member, Settings, Traffic, polling};
use crate::clock;
use crate::frame::{self, Frame, Reading};
use crate::histogram::Histogram;
use crate::wire::{Dialect, Message};

pub(super) struct Crew {
    pub(super) clients: Vec<Client>,
    pub(super) counters: Counters,
    pub(super) connect_times: Histogram,
    pub(super) ready: usize,
    pub(super) dialling: usize,
    /// Clients whose handshake failed since this was last emptied.
    pub(super) failures: Vec<usize>,
    pub(super) host: String,
    dialect: Dialect,
    /// Where every socket is read to.
    buffer: Box<[u8]>,
    /// The message being written.
    packet: Vec<u8>,
    /// The frames or request that answer what is being read.
    pub(super) reply: Vec<u8>,
    mask: u32,
}

impl Crew {
    pub(super) fn new(settings: &Settings, members: &[Member]) -> Self {
        Self {
            clients: members.iter().copied().map(Client::new).collect(),
            counters: Counters::default(),
            connect_times: Histogram::new(),
            ready: 0,
            dialling: 0,
            failures: Vec::new(),
            host: settings.server.to_string(),
            dialect: settings.dialect,
            buffer: vec![0; BUFFER].into(),
            packet: Vec::with_capacity(4096),
            reply: Vec::with_capacity(BUFFER),
            mask: 0x243f_6a88,
        }
    }

    pub(super) fn down(&self) -> impl Iterator<Item = usize> {
        let stages = self.clients.iter().map(|client| client.stage).enumerate();
        stages
            .filter(|(_, stage)| *stage == Stage::Down)
            .map(|(index, _)| index)
    }

    pub(super) fn on_event(&mut self, event: &Event, traffic: &mut impl Traffic) {
        let index = event.token().0;
        if self.handle(index, event, traffic).is_err() {
            self.lost(index);
        }
    }

    fn handle(
        &mut self,
        index: usize,
        event: &Event,
        traffic: &mut impl Traffic,
    ) -> Result<(), Gone> {
        if self.clients[index].stage == Stage::Down {
            return Ok(());
        }
        if event.is_writable() {
            self.writable(index)?;
        }
        if event.is_readable() || event.is_error() {
            self.readable(index, event.is_read_closed(), traffic)?;
        }
        Ok(())
    }

    fn writable(&mut self, index: usize) -> Result<(), Gone> {
        let client = &mut self.clients[index];
        if client.stage != Stage::Dialling {
            return client.write(&[]);
        }
        if !client.is_connected()? {
            return Ok(());
        }
        if client.poll.is_some() {
            client.stage = Stage::Opening;
            return polling::start(client, &self.host, &mut self.reply);
        }
        client.stage = Stage::Upgrading;
        self.reply.clear();
        frame::write_upgrade(&self.host, self.dialect.path(), &mut self.reply);
        client.write(&self.reply)
    }

    /// A read that does not fill the buffer has emptied the socket; only the end may still follow.
    fn readable(
        &mut self,
        index: usize,
        ended: bool,
        traffic: &mut impl Traffic,
    ) -> Result<(), Gone> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let outcome = loop {
            let Some(stream) = &mut self.clients[index].stream else {
                break Err(Gone);
            };
            match stream.read(&mut buffer) {
                Ok(0) => break Err(Gone),
                Ok(count) => match self.arrived(index, &buffer[..count], traffic) {
                    Ok(()) if count == buffer.len() || ended => {}
                    outcome => break outcome,
                },
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::NotConnected => break Ok(()),
                    ErrorKind::Interrupted => {}
                    _ => break Err(Gone),
                },
            }
        };
        self.buffer = buffer;
        outcome
    }

    fn arrived(
        &mut self,
        index: usize,
        bytes: &[u8],
        traffic: &mut impl Traffic,
    ) -> Result<(), Gone> {
        self.reply.clear();
        let mut inbox = std::mem::take(&mut self.clients[index].inbox);
        if inbox.is_empty() {
            let used = self.consume(index, bytes, traffic)?;
            inbox.extend_from_slice(&bytes[used..]);
        } else {
            inbox.extend_from_slice(bytes);
            let used = self.consume(index, &inbox, traffic)?;
            inbox.drain(..used);
        }
        let client = &mut self.clients[index];
        client.inbox = inbox;
        if self.reply.is_empty() {
            Ok(())
        } else {
            client.write(&self.reply)
        }
    }

    /// Deals with every complete message; says how many bytes they were.
    fn consume(
        &mut self,
        index: usize,
        input: &[u8],
        traffic: &mut impl Traffic,
    ) -> Result<usize, Gone> {
        let now = clock::now();
        let client = &self.clients[index];
        if client.poll.is_some() {
            return self.consume_answer(index, input, now, traffic);
        }
        let mut used = 0;
        if client.stage == Stage::Upgrading {
            match frame::read_upgrade(input) {
                Ok(Some(len)) => used = len,
                Ok(None) => return Ok(0),
                Err(frame::Refused) => return Err(Gone),
            }
            self.clients[index].stage = Stage::Opening;
            if !self.dialect.opens() {
                self.connect(index);
            }
        }
        loop {
            match frame::read(&input[used..]) {
                Reading::Whole(frame, len) => {
                    used += len;
                    self.frame(index, frame, now, traffic)?;
                }
                Reading::Partial => return Ok(used),
                Reading::Unreadable => {
                    self.counters.unexpected += 1;
                    return Err(Gone);
                }
            }
        }
    }

    #[inline]
    fn frame(
        &mut self,
        index: usize,
        frame: Frame<'_>,
        now: u64,
        traffic: &mut impl Traffic,
    ) -> Result<(), Gone> {
        match frame {
            Frame::Message(body) => match self.dialect.separator() {
                None => self.message(index, body, now, traffic),
                Some(separator) => {
                    let mut start = 0;
                    for end in memchr_iter(separator, body).chain([body.len()]) {
                        self.message(index, &body[start..end], now, traffic);
                        start = end + 1;
                    }
                }
            },
            Frame::Ping(body) => frame::write_pong(body, self.mask, &mut self.reply),
            Frame::Pong => {}
            Frame::Close => return Err(Gone),
        }
        Ok(())
    }

    #[inline]
    pub(super) fn message(
        &mut self,
        index: usize,
        text: &[u8],
        now: u64,
        traffic: &mut impl Traffic,
    ) {
        let client = &mut self.clients[index];
        match (client.stage, self.dialect.read(text)) {
            (Stage::Ready, Message::Delivery(payload)) => {
                traffic.delivered(index, client.room, payload, now);
            }
            (Stage::Ready, Message::Echo(sequence, payload)) => {
                self.packet.clear();
                traffic.echoed(index, sequence, payload, now, &mut self.packet);
                self.say(index);
            }
            (Stage::Ready, Message::Done(sequence)) => traffic.done(index, sequence, now),
            (Stage::Ready, Message::Receipt) => {}
            (_, Message::Heartbeat) => {
                self.counters.heartbeats += 1;
                let dialect = self.dialect;
                self.write(index, |out| out.extend_from_slice(dialect.heartbeat()));
            }
            (Stage::Opening, Message::Opened(sid)) => {
                if let Some(poll) = &mut client.poll {
                    poll.path.push_str("&sid=");
                    poll.path.push_str(sid);
                }
                self.connect(index);
            }
            (Stage::Connecting, Message::Connected) => self.join(index),
            (Stage::Joining, Message::Joined) => {
                client.stage = Stage::Ready;
                self.connect_times.record(now.saturating_sub(client.since));
                self.dialling -= 1;
                self.ready += 1;
            }
            _ => self.counters.unexpected += 1,
        }
    }

    fn connect(&mut self, index: usize) {
        self.clients[index].stage = Stage::Connecting;
        let dialect = self.dialect;
        self.write(index, |out| out.extend_from_slice(dialect.connect()));
    }

    fn join(&mut self, index: usize) {
        let client = &mut self.clients[index];
        client.stage = Stage::Joining;
        let (dialect, room) = (self.dialect, client.room);
        self.write(index, |out| dialect.join(room, out));
    }

    fn write(&mut self, index: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.packet.clear();
        write(&mut self.packet);
        self.say(index);
    }

    /// Adds the packet, if there is one, to what answers the bytes being read.
    fn say(&mut self, index: usize) {
        if self.packet.is_empty() {
            return;
        }
        match &mut self.clients[index].poll {
            Some(poll) => polling::queue(&self.packet, &mut poll.queue),
            None => frame::write_text(&self.packet, self.mask, &mut self.reply),
        }
    }

    pub(super) fn send(&mut self, index: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.reply.clear();
        self.mask = self.mask.rotate_left(5).wrapping_add(0x9e37_79b9);
        self.write(index, write);
        // Nothing is lost with the message of a client that has just gone: its end is counted.
        if self.clients[index].write(&self.reply).is_err() {
            self.lost(index);
        }
    }

    fn lost(&mut self, index: usize) {
        let client = &mut self.clients[index];
        match client.stage {
            Stage::Down => return,
            Stage::Ready => {
                self.ready -= 1;
                self.counters.dropped += 1;
            }
            _ => {
                self.dialling -= 1;
                self.counters.failed += 1;
                self.failures.push(index);
            }
        }
        client.hang_up(Cut::Reset);
    }

    pub(super) fn cut(&mut self, cut: Cut) {
        self.clients
            .iter_mut()
            .for_each(|client| client.hang_up(cut));
        self.ready = 0;
        self.dialling = 0;
        self.failures.clear();
    }
}

const BUFFER: usize = 256 * 1024;

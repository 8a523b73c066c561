//! One client: its socket, how far it has come, its unfinished bytes.

use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{Carrier, Cut, Member};
use crate::clock;

/// How far a client has come; each stage names what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Down,
    Dialling,
    Upgrading,
    Opening,
    Connecting,
    Joining,
    Ready,
}

pub(super) struct Client {
    pub(super) stream: Option<TcpStream>,
    pub(super) stage: Stage,
    pub(super) room: u32,
    pub(super) server: SocketAddr,
    /// When it was dialled.
    pub(super) since: u64,
    /// Bytes of an incomplete message.
    pub(super) inbox: Vec<u8>,
    /// Bytes that the socket did not take.
    outbox: Vec<u8>,
    pub(super) poll: Option<Box<PollState>>,
}

/// What long polling adds.
#[derive(Default)]
pub(super) struct PollState {
    pub(super) path: String,
    /// Packets for the next POST.
    pub(super) queue: Vec<u8>,
    /// The request under way is a POST.
    pub(super) posting: bool,
}

/// The connection is over.
#[derive(Debug)]
pub(super) struct Gone;

impl Client {
    pub(super) fn new(member: Member) -> Self {
        Self {
            stream: None,
            stage: Stage::Down,
            room: member.room,
            server: member.server,
            since: 0,
            inbox: Vec::new(),
            outbox: Vec::new(),
            poll: (member.carrier == Carrier::Polling).then(Box::default),
        }
    }

    pub(super) fn dial(&mut self, stream: TcpStream) {
        self.stream = Some(stream);
        self.stage = Stage::Dialling;
        self.since = clock::now();
    }

    /// Whether the dialled connection stands.
    pub(super) fn is_connected(&self) -> Result<bool, Gone> {
        let stream = self.stream.as_ref().ok_or(Gone)?;
        match stream.take_error() {
            Ok(None) => Ok(stream.peer_addr().is_ok()),
            _ => Err(Gone),
        }
    }

    /// Writes what waits, then `bytes`; what the socket does not take waits.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let stream = self.stream.as_mut().ok_or(Gone)?;
        if self.outbox.is_empty() {
            let written = write_to(stream, bytes)?;
            self.outbox.extend_from_slice(&bytes[written..]);
        } else {
            self.outbox.extend_from_slice(bytes);
            let written = write_to(stream, &self.outbox)?;
            self.outbox.drain(..written);
        }
        Ok(())
    }

    /// Forgets the connection, ready to be dialled again.
    pub(super) fn hang_up(&mut self, cut: Cut) {
        if let Some(stream) = self.stream.take() {
            let socket = SockRef::from(&stream);
            // An end that has gone already is ended as well.
            let _ = match cut {
                Cut::Reset => socket.set_linger(Some(Duration::ZERO)),
                Cut::Fin => socket.shutdown(Shutdown::Both),
            };
        }
        self.stage = Stage::Down;
        self.inbox.clear();
        self.outbox.clear();
        if let Some(poll) = &mut self.poll {
            **poll = PollState::default();
        }
    }
}

fn write_to(stream: &mut TcpStream, bytes: &[u8]) -> Result<usize, Gone> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(0) => return Err(Gone),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err(Gone),
        }
    }
    Ok(written)
}

/// A socket that is connecting to `server`. A loopback server is dialled from 127.0.0.2, 127.0.0.3 and
/// so on, because one address has too few ports for a large swarm.
pub(super) fn open(server: SocketAddr, index: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(server),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if let SocketAddr::V4(address) = server
        && address.ip().is_loopback()
    {
        let host = u8::try_from(2 + index / DIALS_PER_ADDRESS).unwrap_or(u8::MAX);
        socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)).into())?;
    }
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// Well inside the usual range of ephemeral ports.
const DIALS_PER_ADDRESS: usize = 10_000;

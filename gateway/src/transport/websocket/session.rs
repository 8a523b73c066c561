//! A websocket that carries a session, or wants to.

use std::rc::Rc;
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time;

use super::Stream;
use super::frame::{Flow, FrameReader, Incoming};
use super::read::{Ended, Handler, read};
use crate::engine::packet::{PROBE_ANSWER, Packet};
use crate::engine::session::{Reason, UpgradeStep};
use crate::socket::frame;
use crate::transport::connection::{Connection, End};
use crate::transport::gate::Seat;

/// How long a closed connection is read on, so that the close frame is not lost to a reset.
const GOODBYE: Duration = Duration::from_secs(2);

/// Reads a session that opened on a websocket.
pub(in crate::transport) async fn carry(
    connection: Rc<Connection>,
    stream: Stream,
    _seat: Option<Seat>,
) {
    let Stream {
        mut reader,
        writer,
        ahead,
    } = stream;
    drop(writer);
    let mut frames = FrameReader::new(connection.max_payload);
    let mut carried = Carried {
        connection: &connection,
    };
    let ended = read(&mut reader, &mut frames, ahead, &mut carried).await;
    finish(&connection, ended, reader).await;
}

/// Reads a websocket beside the polls of a session, and carries the session once it has switched.
pub(in crate::transport) async fn upgrade(
    connection: Rc<Connection>,
    stream: Stream,
    _seat: Option<Seat>,
) {
    let Stream {
        mut reader,
        writer,
        ahead,
    } = stream;
    let mut frames = FrameReader::new(connection.max_payload);
    let mut probing = Probing {
        connection: &connection,
        stream: &writer,
        switched: false,
        code: None,
    };
    let ended = read(&mut reader, &mut frames, ahead, &mut probing).await;
    let Probing { switched, code, .. } = probing;
    if switched {
        drop(writer);
        return finish(&connection, ended, reader).await;
    }
    connection.abandon_upgrade(if ended == Ended::Gone {
        "gone"
    } else {
        "refused"
    });
    let code = match ended {
        Ended::Violation(violation) => Some(violation.code),
        _ => code,
    };
    let mut goodbye = Vec::new();
    frame::close(&mut goodbye, code);
    writer.try_write(&goodbye).ok();
    drop(writer);
    drain(reader).await;
}

/// Ends the session for what ended the reading, and reads on for a moment.
async fn finish(connection: &Rc<Connection>, ended: Ended, reader: OwnedReadHalf) {
    match ended {
        Ended::Stopped => {}
        Ended::Gone => connection.close(End::gone(Reason::TransportClose)),
        Ended::Violation(violation) => {
            connection.close_websocket(Some(violation.code), Reason::TransportError);
        }
    }
    if ended != Ended::Gone {
        drain(reader).await;
    }
}

async fn drain(mut reader: OwnedReadHalf) {
    let mut scratch = [0; 512];
    let read_on = async { while reader.read(&mut scratch).await.is_ok_and(|read| read > 0) {} };
    time::timeout(GOODBYE, read_on).await.ok();
}

/// The session's own websocket.
struct Carried<'a> {
    connection: &'a Rc<Connection>,
}

impl Handler for Carried<'_> {
    fn on(&mut self, incoming: Incoming<'_>, now: Instant) -> Flow {
        let result = match incoming {
            Incoming::Text(text) => self.connection.text(text, now),
            Incoming::Binary(bytes) => self.connection.packet(&Packet::Binary(bytes.into()), now),
            Incoming::Ping(payload) => {
                self.connection.send(|out| frame::pong(out, payload));
                Ok(())
            }
            Incoming::Pong(_) => Ok(()),
            Incoming::Close(code) => {
                self.connection
                    .close_websocket(code, Reason::TransportClose);
                return Flow::Stop;
            }
        };
        match result {
            Ok(()) if self.connection.is_open() => Flow::Continue,
            Ok(()) => Flow::Stop,
            Err(end) => {
                self.connection.close(end);
                Flow::Stop
            }
        }
    }

    fn is_wanted(&mut self, context: &Context<'_>) -> bool {
        self.connection.set_reader(context);
        self.connection.is_open()
    }
}

/// A websocket that wants to take over, and then has.
struct Probing<'a> {
    connection: &'a Rc<Connection>,
    stream: &'a Rc<tokio::net::tcp::OwnedWriteHalf>,
    switched: bool,
    /// The close code to answer with.
    code: Option<u16>,
}

impl Handler for Probing<'_> {
    fn on(&mut self, incoming: Incoming<'_>, now: Instant) -> Flow {
        match incoming {
            incoming if self.switched => {
                return Carried {
                    connection: self.connection,
                }
                .on(incoming, now);
            }
            Incoming::Text(text) => match self.connection.upgrade_packet(text) {
                UpgradeStep::Probe => self.say(|out| frame::text(out, &[PROBE_ANSWER])),
                UpgradeStep::Switch => {
                    self.switched = true;
                    self.connection.switch(self.stream.clone());
                }
                UpgradeStep::Abandon => return Flow::Stop,
            },
            Incoming::Binary(_) => return Flow::Stop,
            Incoming::Ping(payload) => self.say(|out| frame::pong(out, payload)),
            Incoming::Pong(_) => {}
            Incoming::Close(code) => {
                self.code = code;
                return Flow::Stop;
            }
        }
        Flow::Continue
    }

    fn is_wanted(&mut self, context: &Context<'_>) -> bool {
        self.connection.set_reader(context);
        self.connection.is_open() && (self.switched || self.connection.is_upgrading())
    }
}

impl Probing<'_> {
    /// A few bytes on a fresh connection always fit.
    fn say(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        encode(&mut out);
        self.stream.try_write(&out).ok();
    }
}

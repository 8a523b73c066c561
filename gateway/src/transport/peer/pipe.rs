//! Websockets whose session is on another pod. The session moves here once the websocket takes over; where it cannot, bytes
//! are copied both ways, and nothing is looked at.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use socket2::SockRef;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::{self, AbortHandle};
use tokio::time;

use super::body;
use super::link::{Failure, Link, Returning};
use super::moving::Moving;
use super::relay::{answered, copy, sealed};
use super::switch::{Seen, watch};
use super::{Landed, Peers};
use crate::engine::query::RequestError;
use crate::transport::admission::Permit;
use crate::transport::body::Body;
use crate::transport::connection::Connection;
use crate::transport::gate::{Gate, Seat};
use crate::transport::http::{answer, handshake};
use crate::transport::settings::Settings;
use crate::transport::websocket::{Stream, session};

/// The websockets that are piped here, so that a drain can end them.
#[derive(Default)]
pub(in crate::transport) struct Pipes {
    open: RefCell<HashMap<u64, AbortHandle>>,
    next: Cell<u64>,
}

/// Counts one pipe while it is kept.
struct Entry {
    gate: Rc<Gate>,
    id: u64,
    permit: Option<Permit>,
    seat: Option<Seat>,
}

/// What the owner needs to see of the opening handshake.
const HANDSHAKE: [HeaderName; 4] = [
    header::UPGRADE,
    header::CONNECTION,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
];
/// How long the owner may take to answer a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the other direction goes on when one has ended: for the close frames.
const GOODBYE: Duration = Duration::from_secs(2);
const CHUNK: usize = 16 * 1024;

/// What an upgrade does that lands here: it opens a websocket at the owner, pipes, and has the session move here if it can.
pub(super) async fn begin(
    gate: &Rc<Gate>,
    peers: &Peers,
    settings: &Settings,
    mut landed: Landed,
    seat: &RefCell<Option<Seat>>,
) -> Result<Response<Body>, Failure> {
    if !settings.cors.admits_websocket(landed.request.headers()) {
        return Ok(answer::error(RequestError::Forbidden, true));
    }
    let (response, client) = match handshake::accept(&mut landed.request) {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(refusal),
    };
    let Ok(permit) = gate.admission.carry(&settings.admission) else {
        return Ok(answer::unavailable());
    };
    let (address, _) = peers.locate(landed.incarnation).await?;
    let (payload, _) = body::nothing();
    let (method, uri) = (landed.request.method(), landed.request.uri());
    let seal = landed.seal(payload);
    let mut request = sealed(&gate.keys, &seal, method.clone(), uri);
    copy(landed.request.headers(), request.headers_mut(), &HANDSHAKE);
    let mut link = Link::dial(address).await?;
    let mut owner = time::timeout(HANDSHAKE_TIMEOUT, link.send(request))
        .await
        .map_err(|_| Failure::Slow)??;
    if owner.status() != StatusCode::SWITCHING_PROTOCOLS {
        let (head, body) = owner.into_parts();
        let body = body::read_answer(Returning::once(body, link)).await?;
        return answered(Response::from_parts(head, Body::from(body))).map(refused);
    }
    let owner = hyper::upgrade::on(&mut owner);
    let moving = Moving {
        gate: gate.clone(),
        owner: address,
        sid: landed.sid,
        seal,
    };
    let entry = Entry::new(gate, permit, seat.take());
    let id = entry.id;
    let pipe = task::spawn_local(async move {
        let (Ok(client), Ok(owner)) = (client.await, owner.await) else {
            return;
        };
        drop(link);
        if let (Some(client), Some(owner)) =
            (Stream::take(client, false), Stream::take(owner, false))
        {
            carry(client, owner, moving, entry).await;
        }
    });
    gate.pipes.enter(id, pipe.abort_handle());
    Ok(response)
}

/// The owner opens no websocket, and the client hears why.
fn refused(mut response: Response<Body>) -> Response<Body> {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

impl Pipes {
    /// How many there are.
    pub(in crate::transport) fn count(&self) -> usize {
        self.open.borrow().len()
    }

    /// Ends `count` of them, whichever; the clients reconnect. Returns how many are left.
    pub(in crate::transport) fn close_some(&self, count: usize) -> usize {
        let chosen: Vec<u64> = self.open.borrow().keys().copied().take(count).collect();
        for id in chosen {
            let pipe = self.open.borrow_mut().remove(&id);
            pipe.inspect(AbortHandle::abort);
        }
        self.count()
    }

    fn enter(&self, id: u64, pipe: AbortHandle) {
        self.open.borrow_mut().insert(id, pipe);
    }
}

impl Entry {
    fn new(gate: &Rc<Gate>, permit: Permit, seat: Option<Seat>) -> Self {
        let id = gate.pipes.next.get();
        gate.pipes.next.set(id + 1);
        gate.metrics.relay_opened();
        Self {
            gate: gate.clone(),
            id,
            permit: Some(permit),
            seat,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.gate.pipes.open.borrow_mut().remove(&self.id);
        self.gate.metrics.relay_closed();
    }
}

/// Pipes until the client switches, and then takes the session over or pipes on.
async fn carry(mut client: Stream, owner: Stream, moving: Moving, mut entry: Entry) {
    let ahead = std::mem::take(&mut client.ahead);
    let Some((connection, behind)) = pipe(&client, owner, moving, ahead).await else {
        return;
    };
    client.ahead = behind;
    connection.go_on(&client, entry.permit.take());
    task::spawn_local(session::carry(connection, client, entry.seat.take()));
}

/// Copies until one direction has ended and the other had time for its last words, or until the session has moved here: then
/// it is returned, and what the client has sent for it.
async fn pipe(
    client: &Stream,
    owner: Stream,
    moving: Moving,
    ahead: Vec<u8>,
) -> Option<(Rc<Connection>, Vec<u8>)> {
    let down = copy_bytes(&owner.reader, &client.writer, owner.ahead);
    let mut down = std::pin::pin!(down);
    let watching = watch(&client.reader, &owner.writer, ahead);
    let seen = tokio::select! {
        seen = watching => seen.ok()?,
        _ = &mut down => {
            let up = copy_bytes(&client.reader, &owner.writer, Vec::new());
            time::timeout(GOODBYE, up).await.ok();
            return None;
        }
    };
    let ahead = match seen {
        Seen::Other(bytes) => bytes,
        // Meanwhile the owner's last words stay where they are: they are not for the client.
        Seen::Switch { mut frame, behind } => match moving.take().await {
            Some(connection) => return Some((connection, behind)),
            None => {
                frame.extend(behind);
                frame
            }
        },
    };
    let up = copy_bytes(&client.reader, &owner.writer, ahead);
    let mut up = std::pin::pin!(up);
    // An error is the end of a connection like any other.
    tokio::select! {
        _ = &mut up => drop(time::timeout(GOODBYE, down).await),
        _ = &mut down => drop(time::timeout(GOODBYE, up).await),
    }
    None
}

/// Copies one direction. While nothing comes it holds no buffer.
async fn copy_bytes(from: &OwnedReadHalf, to: &OwnedWriteHalf, ahead: Vec<u8>) -> io::Result<()> {
    write(to, &ahead).await?;
    drop(ahead);
    loop {
        from.readable().await?;
        match hop(from, to) {
            Ok(Some(rest)) => write(to, &rest).await?,
            Ok(None) => return SockRef::from(to.as_ref()).shutdown(Shutdown::Write),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        task::consume_budget().await;
    }
}

/// Writes all of it, as the other side takes it.
pub(super) async fn write(to: &OwnedWriteHalf, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Copies what is there. Returns what the other side does not take yet; `None` at the end.
fn hop(from: &OwnedReadHalf, to: &OwnedWriteHalf) -> io::Result<Option<Vec<u8>>> {
    let mut chunk = [0; CHUNK];
    let read = match from.try_read(&mut chunk)? {
        0 => return Ok(None),
        read => &chunk[..read],
    };
    let written = match to.try_write(read) {
        Ok(written) => written,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    Ok(Some(read[written..].to_vec()))
}

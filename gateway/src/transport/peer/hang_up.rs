//! What the owner of a session is told of a poll that is passed on, while it waits: that its client has hung up, which the owner
//! cannot tell from a link that broke, or that the pod where it landed goes away, so that the next one is to land elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response, StatusCode, Uri};
use tokio::{task, time};

use super::link::Links;
use super::relay::sealed;
use super::seal::Seal;
use super::{GONE, Peers};
use crate::engine::session::Reason;
use crate::id::{KeyRing, SessionId};
use crate::transport::body::Body;
use crate::transport::connection::{Connection, End};
use crate::transport::gate::Gate;
use crate::transport::http::answer;

/// Where the owner is told: `?sid=…&of=…`, the number of the poll.
pub(in crate::transport) const HANG_UP: &str = "/carillon/hang-up";
/// Where it is asked to answer now: likewise.
pub(in crate::transport) const RELEASE: &str = "/carillon/release";
/// Without it the owner waits for the poll to come again, and closes the session then.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Tells the owner when it is dropped.
#[derive(Default)]
pub(super) struct HangUp(Option<Word>);

struct Word {
    keys: Arc<KeyRing>,
    links: Arc<Links>,
    owner: SocketAddr,
    sid: SessionId,
    seal: Seal,
}

impl Word {
    /// Tells the owner, who may not hear it.
    fn tell(&self, path: &str) {
        let uri = format!("{path}?sid={}&of={}", self.sid, self.seal.exchange);
        let Ok(uri) = Uri::try_from(uri) else { return };
        let request = sealed(&self.keys, &self.seal, Method::POST, &uri);
        let (links, owner) = (self.links.clone(), self.owner);
        task::spawn_local(async move {
            let told = links.send(owner, request);
            time::timeout(TIMEOUT, told).await.ok();
        });
    }
}

impl HangUp {
    /// A poll is passed on.
    pub(super) fn arm(
        &mut self,
        gate: &Gate,
        peers: &Peers,
        owner: SocketAddr,
        (sid, seal): (SessionId, &Seal),
    ) {
        self.0 = Some(Word {
            keys: gate.keys.clone(),
            links: peers.links.clone(),
            owner,
            sid,
            seal: seal.clone(),
        });
    }

    /// This pod goes away: the owner is to answer with what there is.
    pub(super) fn release(&self) {
        self.0.iter().for_each(|word| word.tell(RELEASE));
    }

    /// The client is answered.
    pub(super) fn disarm(mut self) {
        self.0.take();
    }
}

impl Drop for HangUp {
    fn drop(&mut self) {
        self.0.take().iter().for_each(|word| word.tell(HANG_UP));
    }
}

/// The owner's side: ends the session if that poll of it waits.
pub(in crate::transport) fn hang_up(gate: &Gate, id: &SessionId, of: &str) -> Response<Body> {
    if_it_waits(gate, id, of, |connection| {
        connection.close(End::gone(Reason::TransportError));
    })
}

/// The owner's side: answers that poll if it waits.
pub(in crate::transport) fn release(gate: &Gate, id: &SessionId, of: &str) -> Response<Body> {
    if_it_waits(gate, id, of, Connection::release_poll)
}

fn if_it_waits(
    gate: &Gate,
    id: &SessionId,
    of: &str,
    act: impl FnOnce(&Connection),
) -> Response<Body> {
    let Some(connection) = gate.session(id) else {
        return answer::status(GONE);
    };
    if of
        .parse()
        .is_ok_and(|of| connection.exchanges.waits_for(of))
    {
        act(&connection);
    }
    answer::status(StatusCode::NO_CONTENT)
}

//! A session follows its websocket to the pod where that has landed.
//!
//! The landing pod asks for an *offer*: which sockets there are, and where. It lets a fence pass: what the owner had delivered
//! by then can no longer come here by the bus. It puts the sockets into its own rooms, where what comes for them is kept, and
//! lets a second fence pass: what went by here before then has reached the owner. Then it asks for the *snapshot*, and gets it if nothing
//! has come for the session at the owner since the offer; else both begin anew, and after a few times the websocket is piped.
//! So every message is in the snapshot or in what was kept here, and none is in both.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::time;

use super::GONE;
use super::relay::sealed;
use super::seal::Seal;
use crate::clock;
use crate::id::SessionId;
use crate::transport::body::Body;
use crate::transport::connection::{Connection, Offer, Snapshot, Unmoved};
use crate::transport::gate::Gate;
use crate::transport::http::answer;

/// Where the owner is asked: `?sid=…` for an offer, and with `&of=…`, the hash of the offer's outline, for the snapshot.
pub(in crate::transport) const MOVE: &str = "/carillon/move";

/// Something has come for the session meanwhile.
const BUSY: StatusCode = StatusCode::TOO_EARLY;
/// It has to stay.
const STAYS: StatusCode = StatusCode::CONFLICT;
/// In all.
const PATIENCE: Duration = Duration::from_secs(3);
const ATTEMPTS: u32 = 4;
/// Bytes of an answer: a snapshot's messages are in base64.
const LARGEST: usize = 12 << 20;

/// The sessions that went on elsewhere, and until when late polls of theirs are expected.
#[derive(Default)]
pub(in crate::transport) struct Left(RefCell<Gone>);

#[derive(Default)]
struct Gone {
    until: HashMap<SessionId, Instant>,
    in_order: VecDeque<(Instant, SessionId)>,
}

/// A session whose websocket has landed here.
pub(super) struct Moving {
    pub(super) gate: Rc<Gate>,
    pub(super) owner: SocketAddr,
    pub(super) sid: SessionId,
    pub(super) seal: Seal,
}

/// A session that is held here; unless it is whole in the end, it stays where it is.
struct Holding(Option<Rc<Connection>>);

/// The owner's side: an offer, or the snapshot with which the session is this pod's no more.
pub(in crate::transport) fn hand_over(gate: &Gate, id: &SessionId, of: &str) -> Response<Body> {
    let Some(connection) = gate.session(id) else {
        return answer::status(GONE);
    };
    let told = if of.is_empty() {
        connection.offer().and_then(|offer| json(&offer))
    } else {
        let snapshot = connection.snapshot(|outline| digest(outline) == of);
        let told = snapshot.and_then(|snapshot| json(&snapshot));
        told.inspect(|_| connection.leave_for_elsewhere())
    };
    match told {
        Ok(told) => Response::new(Body::whole(told)),
        Err(Unmoved::Busy) => answer::status(BUSY),
        Err(Unmoved::Never) => answer::status(STAYS),
    }
}

impl Moving {
    /// Takes the session over, if it can be had; what it is then lacks nothing but its websocket.
    pub(super) async fn take(&self) -> Option<Rc<Connection>> {
        if self.gate.admission.is_draining() {
            return None;
        }
        let taking = async {
            for _ in 0..ATTEMPTS {
                match self.attempt().await {
                    Err(Unmoved::Busy) => {}
                    Err(Unmoved::Never) => return None,
                    Ok(connection) => return Some(connection),
                }
            }
            None
        };
        time::timeout(PATIENCE, taking).await.ok().flatten()
    }

    async fn attempt(&self) -> Result<Rc<Connection>, Unmoved> {
        let offer: Offer = self.ask("").await?;
        let outline = offer.outline.clone();
        self.pass_fences(&outline).await?;
        let held = Connection::hold(&self.gate, self.sid, offer);
        let (connection, heard) = held.ok_or(Unmoved::Never)?;
        let holding = Holding(Some(connection));
        heard.await;
        self.pass_fences(&outline).await?;
        let snapshot: Snapshot = self.ask(&digest(&outline)).await?;
        holding.whole(&snapshot).ok_or(Unmoved::Never)
    }

    async fn pass_fences(&self, outline: &str) -> Result<(), Unmoved> {
        let passed = self.gate.upper.pass_fences(outline).await;
        passed.then_some(()).ok_or(Unmoved::Never)
    }

    async fn ask<T: DeserializeOwned>(&self, of: &str) -> Result<T, Unmoved> {
        let uri = format!("{MOVE}?sid={}&of={of}", self.sid);
        let uri = Uri::try_from(uri).map_err(|_| Unmoved::Never)?;
        let request = sealed(&self.gate.keys, &self.seal, Method::POST, &uri);
        let peers = self.gate.peers.as_ref().ok_or(Unmoved::Never)?;
        let asked = peers.links.send(self.owner, request).await;
        let (head, body) = asked.map_err(|_| Unmoved::Never)?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|_| Unmoved::Never)?.to_bytes();
        match head.status {
            StatusCode::OK => serde_json::from_slice(&body).map_err(|_| Unmoved::Never),
            BUSY => Err(Unmoved::Busy),
            _ => Err(Unmoved::Never),
        }
    }
}

impl Holding {
    fn whole(mut self, snapshot: &Snapshot) -> Option<Rc<Connection>> {
        let connection = self.0.as_ref()?;
        if connection.restore(snapshot, clock::now()) {
            return self.0.take();
        }
        None
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.let_go();
        }
    }
}

impl Left {
    /// This session has left at `now`; late polls come for so long.
    pub(in crate::transport) fn note(&self, id: SessionId, now: Instant, late: Duration) {
        let mut gone = self.0.borrow_mut();
        while let Some(&(until, over)) = gone.in_order.front()
            && until <= now
        {
            gone.in_order.pop_front();
            gone.until.remove(&over);
        }
        gone.until.insert(id, now + late);
        gone.in_order.push_back((now + late, id));
    }

    /// Whether it has left a moment ago.
    pub(in crate::transport) fn has(&self, id: &SessionId) -> bool {
        let gone = self.0.borrow();
        gone.until
            .get(id)
            .is_some_and(|until| clock::now() < *until)
    }
}

/// What is told, if it is not too much.
fn json(value: &impl Serialize) -> Result<Vec<u8>, Unmoved> {
    let told = serde_json::to_vec(value).map_err(|_| Unmoved::Never)?;
    let fits = told.len() <= LARGEST;
    fits.then_some(told).ok_or(Unmoved::Never)
}

fn digest(outline: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(outline))
}

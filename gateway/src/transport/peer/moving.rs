//! A session follows its websocket to the pod where that has landed.
//!
//! The landing pod asks for an *offer*: which sockets there are, and where. It lets a fence pass: what the owner had delivered
//! by then can no longer come here by the bus. It puts the sockets into its own rooms, where what comes for them is kept, and
//! lets a second fence pass: what went by here before then has reached the owner. Then it asks for the *snapshot*, and gets it if nothing
//! has come for the session at the owner since the offer; else both begin anew, and after a few times the websocket is piped.
//! So every message is in the snapshot or in what was kept here, and none is in both. What lies in a stream needs no fence: the snapshot
//! says up to where a recoverable socket was told, and behind that this pod has the rest.
//!
//! With the snapshot the owner has given the session up: its answer is waited for however long the rest took, and asked for again
//! where the link breaks. The owner keeps it for that while, and tells it to nobody else.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
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
use crate::node::Outline;
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
/// In all, up to the question for the snapshot: half of what the owner gives an upgrade (`upgradeTimeout`).
const PATIENCE: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 4;
/// For a session that waits for something, before its websocket is piped.
const WAITING: Duration = Duration::from_secs(1);
/// For the snapshot: longer than a pod may be suspended without losing its sessions.
const SNAPSHOT: Duration = Duration::from_secs(30);
/// How long a link that breaks under it is tried again: less than the owner keeps it (`upgradeTimeout`).
const AGAIN: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a snapshot that is kept: a larger one is told once.
const KEPT: usize = 64 << 10;
/// Bytes of an answer: a snapshot's messages are in base64.
const LARGEST: usize = 12 << 20;

/// The sessions that went on elsewhere, and until when late polls of theirs are expected.
#[derive(Default)]
pub(in crate::transport) struct Left(RefCell<Gone>);

#[derive(Default)]
struct Gone {
    sessions: HashMap<SessionId, Gave>,
    in_order: VecDeque<(Instant, SessionId)>,
}

/// What is known of a session that has left.
struct Gave {
    until: Instant,
    /// The snapshot, and by which question it was taken.
    told: Option<(String, Bytes)>,
}

/// A session whose websocket has landed here.
pub(super) struct Moving {
    pub(super) gate: Rc<Gate>,
    pub(super) owner: SocketAddr,
    pub(super) sid: SessionId,
    pub(super) seal: Seal,
}

/// Why the owner has told nothing.
enum Unasked {
    /// It says why.
    Unmoved(Unmoved),
    /// The link broke: nobody knows what the owner has said.
    Broken,
}

/// A session that is held here; unless it is whole in the end, it stays where it is.
struct Holding(Option<Rc<Connection>>);

/// The owner's side: an offer, or the snapshot with which the session is this pod's no more.
pub(in crate::transport) fn hand_over(gate: &Gate, id: &SessionId, of: &str) -> Response<Body> {
    let Some(connection) = gate.session(id) else {
        let told = gate.left.told(id, of);
        return told.map_or_else(
            || answer::status(GONE),
            |told| Response::new(Body::whole(told)),
        );
    };
    let told = if of.is_empty() {
        connection.offer().and_then(|offer| json(&offer))
    } else {
        let (hash, _) = of.split_once('.').unwrap_or((of, ""));
        let snapshot = connection.snapshot(|seats| digest(seats) == hash);
        let told = snapshot.and_then(|snapshot| json(&snapshot));
        told.inspect(|told| {
            connection.leave_for_elsewhere();
            gate.left.keep(id, of, told);
        })
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
        let patience = time::sleep(PATIENCE);
        let mut patience = std::pin::pin!(patience);
        for _ in 0..ATTEMPTS {
            let held = tokio::select! {
                held = self.hold() => held,
                () = &mut patience => return None,
            };
            let taken = match held {
                Ok((holding, outline)) => self.take_snapshot(holding, &outline).await,
                Err(unmoved) => Err(unmoved),
            };
            match taken {
                Err(Unmoved::Busy) => {}
                Err(Unmoved::Never) => return None,
                Ok(connection) => return Some(connection),
            }
        }
        None
    }

    /// Holds the session's place, with the outline that the owner has offered.
    async fn hold(&self) -> Result<(Holding, Outline), Unmoved> {
        let offer = self.offer().await?;
        let outline = offer.outline.clone();
        self.pass_fences(&outline).await?;
        let held = Connection::hold(&self.gate, self.sid, offer);
        let (connection, heard) = held.ok_or(Unmoved::Never)?;
        let holding = Holding(Some(connection));
        if !heard.await {
            return Err(Unmoved::Never);
        }
        self.pass_fences(&outline).await?;
        Ok((holding, outline))
    }

    /// What a session waits for, such as that something is written, may soon be over.
    async fn offer(&self) -> Result<Offer, Unmoved> {
        let since = clock::now();
        loop {
            match self.ask("").await {
                Err(Unasked::Unmoved(Unmoved::Busy)) => {}
                answer => return Ok(answer?),
            }
            if clock::now().saturating_duration_since(since) > WAITING {
                return Err(Unmoved::Never);
            }
            time::sleep(PAUSE).await;
        }
    }

    /// Takes the session: from the question on it may be this pod's, so its answer is not given up.
    async fn take_snapshot(
        &self,
        holding: Holding,
        outline: &Outline,
    ) -> Result<Rc<Connection>, Unmoved> {
        let of = format!("{}.{}", digest(&outline.seats), self.seal.exchange);
        let asking = async {
            let since = clock::now();
            loop {
                match self.ask(&of).await {
                    Err(Unasked::Broken)
                        if clock::now().saturating_duration_since(since) < AGAIN =>
                    {
                        time::sleep(PAUSE).await;
                    }
                    answer => return answer,
                }
            }
        };
        let asked = time::timeout(SNAPSHOT, asking).await;
        let snapshot: Snapshot = asked.unwrap_or(Err(Unasked::Broken))?;
        holding.whole(&snapshot).await.ok_or(Unmoved::Never)
    }

    async fn pass_fences(&self, outline: &Outline) -> Result<(), Unmoved> {
        let passed = self.gate.upper.pass_fences(outline).await;
        // A pod that was slow to answer may be quicker the next time.
        passed.then_some(()).ok_or(Unmoved::Busy)
    }

    async fn ask<T: DeserializeOwned>(&self, of: &str) -> Result<T, Unasked> {
        let uri = format!("{MOVE}?sid={}&of={of}", self.sid);
        let uri = Uri::try_from(uri).map_err(|_| Unmoved::Never)?;
        let request = sealed(&self.gate.keys, &self.seal, Method::POST, &uri);
        let peers = self.gate.peers.as_ref().ok_or(Unmoved::Never)?;
        let asked = peers.links.send(self.owner, request).await;
        let (head, body) = asked.map_err(|_| Unasked::Broken)?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|_| Unasked::Broken)?.to_bytes();
        match head.status {
            StatusCode::OK => Ok(serde_json::from_slice(&body).map_err(|_| Unmoved::Never)?),
            BUSY => Err(Unmoved::Busy.into()),
            _ => Err(Unmoved::Never.into()),
        }
    }
}

impl From<Unmoved> for Unasked {
    fn from(unmoved: Unmoved) -> Self {
        Self::Unmoved(unmoved)
    }
}

impl From<Unasked> for Unmoved {
    fn from(unasked: Unasked) -> Self {
        match unasked {
            Unasked::Unmoved(unmoved) => unmoved,
            Unasked::Broken => Self::Never,
        }
    }
}

impl Holding {
    async fn whole(mut self, snapshot: &Snapshot) -> Option<Rc<Connection>> {
        let connection = self.0.as_ref()?;
        if connection.restore(snapshot).await {
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
            gone.sessions.remove(&over);
        }
        let until = now + late;
        gone.sessions.insert(id, Gave { until, told: None });
        gone.in_order.push_back((until, id));
    }

    /// What was told of it, to that question.
    fn keep(&self, id: &SessionId, of: &str, told: &[u8]) {
        let mut gone = self.0.borrow_mut();
        if let Some(gave) = gone.sessions.get_mut(id)
            && told.len() <= KEPT
        {
            gave.told = Some((of.to_owned(), Bytes::copy_from_slice(told)));
        }
    }

    /// What was told to this question.
    fn told(&self, id: &SessionId, of: &str) -> Option<Bytes> {
        let gone = self.0.borrow();
        let (question, told) = gone.sessions.get(id)?.told.as_ref()?;
        (question == of).then(|| told.clone())
    }

    /// Whether it has left a moment ago.
    pub(in crate::transport) fn has(&self, id: &SessionId) -> bool {
        let gone = self.0.borrow();
        gone.sessions
            .get(id)
            .is_some_and(|gave| clock::now() < gave.until)
    }
}

/// What is told, if it is not too much.
fn json(value: &impl Serialize) -> Result<Vec<u8>, Unmoved> {
    let told = serde_json::to_vec(value).map_err(|_| Unmoved::Never)?;
    let fits = told.len() <= LARGEST;
    fits.then_some(told).ok_or(Unmoved::Never)
}

fn digest(seats: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(seats))
}

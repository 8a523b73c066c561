//! The connection that listens.

use std::{
    collections::HashMap,
    mem,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use redis::{PushInfo, PushKind, Value};
use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::{self, MissedTickBehavior},
};

use super::{
    Desired, Halves, Kind, Settings, Subscription,
    connect::patiently,
    connection::Connection,
    error::LinkError,
    events::{Bound, Ear, Held},
    pause::Pause,
    subscribe::{BATCH, subscribe, unsubscribe},
};

/// A change of what is listened to.
#[derive(Debug)]
pub(super) enum Change {
    Add(Subscription, oneshot::Sender<()>),
    Remove(Subscription),
}

/// The task that listens, and knows what it has to listen to.
pub(super) struct Listener {
    settings: Settings,
    changes: UnboundedReceiver<Change>,
    halves: Arc<Halves>,
    bound: Arc<Bound>,
    desired: Desired,
    /// Sharded channels that we have given up and that Redis has not confirmed yet.
    leaving: HashMap<String, u32>,
    /// Sharded channels that Redis has given up, as their slot went to another node.
    lost: Vec<Subscription>,
    /// Channels of a Redis Cluster that no node takes now: they are asked for again at the next look.
    refused: Vec<Subscription>,
}

/// What is done on the connection beside listening: one thing at a time. It leaves what was refused.
type Work = Pin<Box<dyn Future<Output = Result<Vec<Subscription>, LinkError>>>>;

type Pushes = UnboundedReceiver<(PushInfo, Option<Held>)>;

/// How often an idle connection is looked at.
const PING: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PONG: Duration = Duration::from_secs(2);
/// So many messages are passed on before a change gets its turn.
const TURN: usize = 128;

impl Listener {
    pub(super) fn new(
        settings: Settings,
        changes: UnboundedReceiver<Change>,
        halves: Arc<Halves>,
    ) -> Self {
        Self {
            bound: Bound::new(settings.listen_bytes),
            settings,
            changes,
            halves,
            desired: Desired::default(),
            leaving: HashMap::new(),
            lost: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Listens for the life of the process.
    pub(super) async fn run(mut self) {
        let mut pause = Pause::default();
        loop {
            pause.begins();
            let error = self.listen().await;
            self.halves.down(true, &error);
            self.meanwhile(pause.wait()).await;
        }
    }

    /// Listens until the connection fails; returns why.
    async fn listen(&mut self) -> LinkError {
        let (ear, pushes) = Ear::new(&self.bound);
        let url = self.settings.source.url();
        let connection = match self.meanwhile(url.connect(Some(ear))).await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        self.leaving.clear();
        self.lost.clear();
        let all: Vec<Subscription> = self.desired.iter().cloned().collect();
        let restoring = subscribe(connection.clone(), all);
        match patiently(self.settings.request_timeout, restoring).await {
            Ok(Ok(refused)) if self.are_all(&refused) => return LinkError::Moved,
            Ok(Ok(refused)) => self.refuse(refused),
            Ok(Err(error)) | Err(error) => return error,
        }
        self.halves.listening();
        let source = self.settings.source.clone();
        tokio::select! {
            served = self.serve(&connection, pushes) => served.err().unwrap_or(LinkError::Closed),
            () = source.leaves(&url) => LinkError::Elsewhere,
        }
    }

    /// Does something without a connection. Who asks for a confirmation meanwhile gets none, at once: the channel is listened
    /// to as soon as there is a connection, and until then nothing is heard anyway.
    async fn meanwhile<T>(&mut self, doing: impl Future<Output = T>) -> T {
        let mut doing = pin!(doing);
        loop {
            tokio::select! {
                done = &mut doing => {
                    // These have come before: they are restored with all others.
                    while let Ok(change) = self.changes.try_recv() {
                        self.note(change);
                    }
                    return done;
                }
                Some(change) = self.changes.recv() => self.note(change),
            }
        }
    }

    fn note(&mut self, change: Change) {
        match change {
            Change::Add(subscription, _) => _ = self.desired.insert(subscription),
            Change::Remove(subscription) => _ = self.desired.remove(&subscription),
        }
    }

    /// Passes on what comes, and changes what comes.
    async fn serve(
        &mut self,
        connection: &Connection,
        mut pushes: Pushes,
    ) -> Result<(), LinkError> {
        let mut tick = time::interval(PING);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut work: Option<Work> = None;
        let mut waiting = Vec::new();
        loop {
            if work.is_none() && !self.lost.is_empty() {
                let lost = mem::take(&mut self.lost);
                work = Some(self.in_time(subscribe(connection.clone(), lost)));
            }
            tokio::select! {
                push = pushes.recv() => {
                    let mut next = push;
                    for _ in 0..TURN {
                        let Some((push, held)) = next else { break };
                        self.take(push, held)?;
                        next = pushes.try_recv().ok();
                    }
                    if let Some((push, held)) = next {
                        self.take(push, held)?;
                    }
                }
                done = under_way(&mut work) => {
                    work = None;
                    let refused = done?;
                    if !refused.is_empty() {
                        // Which of them are heard is not told.
                        waiting.clear();
                    }
                    self.refuse(refused);
                    for confirmed in waiting.drain(..) {
                        // Who asked may have gone.
                        let _ = oneshot::Sender::send(confirmed, ());
                    }
                }
                Some(change) = self.changes.recv(), if work.is_none() => {
                    let (add, remove) = self.gather(change, &mut waiting);
                    let connection = connection.clone();
                    work = Some(self.in_time(async move {
                        drop(unsubscribe(connection.clone(), remove).await?);
                        subscribe(connection, add).await
                    }));
                }
                _ = tick.tick(), if work.is_none() => {
                    self.halves.error("listen_full", self.bound.dropped());
                    self.lost.append(&mut self.refused);
                    self.lost.retain(|one| self.desired.contains(one));
                    let mut connection = connection.clone();
                    work = Some(Box::pin(async move {
                        patiently(PONG, connection.check()).await??;
                        Ok(Vec::new())
                    }));
                }
            }
        }
    }

    /// Whether no sharded channel at all is heard.
    fn are_all(&self, refused: &[Subscription]) -> bool {
        let desired = self.desired.iter();
        let sharded = desired.filter(|one| matches!(one, Subscription::Sharded(_)));
        !refused.is_empty() && refused.len() == sharded.count()
    }

    /// A part of a Redis Cluster is away; the rest is heard.
    fn refuse(&mut self, refused: Vec<Subscription>) {
        let count = u64::from(!refused.is_empty());
        self.halves.error(LinkError::Moved.label(), count);
        self.refused = refused;
    }

    fn in_time(
        &self,
        doing: impl Future<Output = Result<Vec<Subscription>, LinkError>> + 'static,
    ) -> Work {
        let timeout = self.settings.request_timeout;
        Box::pin(async move { patiently(timeout, doing).await? })
    }

    /// Takes a change and all that wait behind it; what is to be added and what removed. Those who wait for the additions join
    /// `waiting`.
    fn gather(
        &mut self,
        first: Change,
        waiting: &mut Vec<oneshot::Sender<()>>,
    ) -> (Vec<Subscription>, Vec<Subscription>) {
        // What stood before.
        let mut touched: HashMap<Subscription, bool> = HashMap::new();
        let mut next = Some(first);
        while let Some(change) = next {
            let stood = match change {
                Change::Add(subscription, answer) => {
                    waiting.push(answer);
                    let stood = !self.desired.insert(subscription.clone());
                    (subscription, stood)
                }
                Change::Remove(subscription) => {
                    let stood = self.desired.remove(&subscription);
                    (subscription, stood)
                }
            };
            touched.entry(stood.0).or_insert(stood.1);
            next = (touched.len() < BATCH)
                .then(|| self.changes.try_recv().ok())
                .flatten();
        }
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        for (subscription, stood) in touched {
            match (stood, self.desired.contains(&subscription)) {
                (false, true) => add.push(subscription),
                (true, false) => {
                    if let Subscription::Sharded(channel) = &subscription {
                        *self.leaving.entry(channel.clone()).or_default() += 1;
                    }
                    remove.push(subscription);
                }
                _ => {}
            }
        }
        (add, remove)
    }

    /// Passes a message on.
    fn take(&mut self, push: PushInfo, held: Option<Held>) -> Result<(), LinkError> {
        let PushInfo { kind, mut data } = push;
        let kind = match kind {
            PushKind::Message => Kind::Channel,
            PushKind::PMessage => Kind::Pattern,
            PushKind::SMessage => Kind::Sharded,
            PushKind::SUnsubscribe => {
                if let Some(channel) = data.into_iter().next().and_then(text) {
                    self.left(channel);
                }
                return Ok(());
            }
            PushKind::Disconnection => return Err(LinkError::Closed),
            _ => return Ok(()),
        };
        let payload = data.pop().and_then(bytes);
        let channel = data.pop().and_then(text);
        match (channel, payload) {
            (Some(channel), Some(payload)) => {
                let payload = Bytes::from(payload);
                self.halves.message(kind, channel, payload, held);
            }
            _ => self.halves.error("protocol", 1),
        }
        Ok(())
    }

    /// Redis says that we do not listen to a sharded channel any more.
    fn left(&mut self, channel: String) {
        if let Some(count) = self.leaving.get_mut(&channel) {
            *count -= 1;
            if *count == 0 {
                self.leaving.remove(&channel);
            }
            return;
        }
        let subscription = Subscription::Sharded(channel);
        if self.desired.contains(&subscription) {
            self.lost.push(subscription);
        }
    }
}

async fn under_way(work: &mut Option<Work>) -> Result<Vec<Subscription>, LinkError> {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

fn text(value: Value) -> Option<String> {
    bytes(value).and_then(|bytes| String::from_utf8(bytes).ok())
}

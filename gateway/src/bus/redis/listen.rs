//! The connection that listens.

use std::{mem, sync::Arc, time::Duration};

use bytes::Bytes;
use redis::{PushInfo, PushKind, Value};
use tokio::{
    sync::{
        mpsc::{self, UnboundedReceiver, UnboundedSender},
        oneshot,
    },
    time::{self, Instant, MissedTickBehavior},
};

use super::{
    Desired, Event, Halves, Kind, Settings, Subscription,
    connect::{Connection, patiently},
    error::LinkError,
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
    events: UnboundedSender<Event>,
    halves: Arc<Halves>,
    desired: Desired,
}

/// The time between two attempts: doubled each time, with jitter.
#[derive(Default)]
pub(super) struct Pause(u32);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A connection that held for so long was a good one.
const GOOD: Duration = Duration::from_secs(5);
/// How often an idle connection is looked at.
const PING: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PONG: Duration = Duration::from_secs(2);
/// So many channels go into one command.
const BATCH: usize = 1024;

impl Pause {
    pub(super) fn worked_since(&mut self, began: Instant) {
        if began.elapsed() > GOOD {
            self.0 = 0;
        }
    }

    pub(super) async fn wait(&mut self) {
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(self.0.min(10)));
        self.0 += 1;
        time::sleep(longest.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
    }
}

impl Listener {
    pub(super) fn new(
        settings: Settings,
        changes: UnboundedReceiver<Change>,
        events: UnboundedSender<Event>,
        halves: Arc<Halves>,
    ) -> Self {
        Self {
            settings,
            changes,
            events,
            halves,
            desired: Desired::default(),
        }
    }

    /// Listens for the life of the process.
    pub(super) async fn run(mut self) {
        let mut pause = Pause::default();
        loop {
            let began = Instant::now();
            let error = self.listen().await;
            self.halves.down(true, &error);
            pause.worked_since(began);
            pause.wait().await;
        }
    }

    /// Listens until the connection fails; returns why.
    async fn listen(&mut self) -> LinkError {
        let (to, mut pushes) = mpsc::unbounded_channel();
        let mut connection = match self.settings.url.connect(Some(to)).await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        self.drain_changes();
        let all: Vec<Subscription> = self.desired.iter().cloned().collect();
        let timeout = self.settings.request_timeout;
        match patiently(timeout, subscribe(&mut connection, &all)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) | Err(error) => return error,
        }
        self.halves.listening();
        let mut tick = time::interval(PING);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                push = pushes.recv() => match push {
                    Some(push) => if !self.take(push) { return LinkError::Closed },
                    None => return LinkError::Closed,
                },
                Some(change) = self.changes.recv() => {
                    match patiently(timeout, self.change(&mut connection, change)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) | Err(error) => return error,
                    }
                }
                _ = tick.tick() => {
                    match patiently(PONG, connection.send(&redis::cmd("PING"))).await {
                        Ok(Ok(_)) => {}
                        Ok(Err(error)) | Err(error) => return error,
                    }
                }
            }
        }
    }

    /// Passes a message on; false if the connection is gone.
    fn take(&self, push: PushInfo) -> bool {
        let PushInfo { kind, mut data } = push;
        let kind = match kind {
            PushKind::Message => Kind::Channel,
            PushKind::PMessage => Kind::Pattern,
            PushKind::SMessage => Kind::Sharded,
            PushKind::Disconnection => return false,
            _ => return true,
        };
        let payload = data.pop().and_then(bytes);
        let channel = data.pop().and_then(bytes);
        let channel = channel.and_then(|channel| String::from_utf8(channel).ok());
        let event = match (channel, payload) {
            (Some(channel), Some(payload)) => Event::Message {
                kind,
                channel,
                payload: Bytes::from(payload),
            },
            _ => Event::Error { kind: "protocol" },
        };
        // The receiver lives as long as the process.
        let _ = self.events.send(event);
        true
    }

    /// Takes a change and all that wait behind it: one command for many channels.
    async fn change(
        &mut self,
        connection: &mut Connection,
        first: Change,
    ) -> Result<(), LinkError> {
        let (mut add, mut remove, mut confirmed) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(change) = next {
            match change {
                Change::Add(subscription, answer) => {
                    confirmed.push(answer);
                    if self.desired.insert(subscription.clone()) {
                        add.push(subscription);
                    }
                }
                Change::Remove(subscription) => {
                    if self.desired.remove(&subscription) {
                        match add.iter().position(|added| *added == subscription) {
                            Some(index) => drop(add.swap_remove(index)),
                            None => remove.push(subscription),
                        }
                    }
                }
            }
            next = (add.len() + remove.len() < BATCH)
                .then(|| self.changes.try_recv().ok())
                .flatten();
        }
        // Removed and added again: it was never to be gone.
        remove.retain(|removed| !self.desired.contains(removed));
        unsubscribe(connection, &remove).await?;
        subscribe(connection, &add).await?;
        for answer in mem::take(&mut confirmed) {
            // Who asked may have gone.
            let _ = answer.send(());
        }
        Ok(())
    }

    /// Takes the changes that wait, without a connection: who waits for a confirmation gets none.
    fn drain_changes(&mut self) {
        while let Ok(change) = self.changes.try_recv() {
            match change {
                Change::Add(subscription, _) => _ = self.desired.insert(subscription),
                Change::Remove(subscription) => _ = self.desired.remove(&subscription),
            }
        }
    }
}

async fn subscribe(connection: &mut Connection, all: &[Subscription]) -> Result<(), LinkError> {
    each(connection, all, ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]).await
}

async fn unsubscribe(connection: &mut Connection, all: &[Subscription]) -> Result<(), LinkError> {
    each(
        connection,
        all,
        ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"],
    )
    .await
}

/// One command for each kind of channel; in a cluster one for each sharded channel, as they lie on different nodes.
async fn each(
    connection: &mut Connection,
    all: &[Subscription],
    verbs: [&str; 3],
) -> Result<(), LinkError> {
    let mut names: [Vec<&str>; 3] = Default::default();
    for subscription in all {
        match subscription {
            Subscription::Channel(name) => names[0].push(name),
            Subscription::Pattern(name) => names[1].push(name),
            Subscription::Sharded(name) => names[2].push(name),
        }
    }
    for (index, (names, verb)) in names.iter().zip(verbs).enumerate() {
        let at_once = if index == 2 && connection.is_cluster() {
            1
        } else {
            BATCH
        };
        for names in names.chunks(at_once) {
            let mut command = redis::cmd(verb);
            command.arg(names);
            connection.send(&command).await?;
        }
    }
    Ok(())
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

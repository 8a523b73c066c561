//! The queue of commands that nobody waits for, and the task that sends them.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{Cmd, Value};
use tokio::{
    sync::{mpsc, oneshot},
    time::{self, MissedTickBehavior},
};

use super::{
    Halves, Link, Settings,
    connect::patiently,
    connection::Connection,
    error::{LinkError, PublishError},
    pause::Pause,
    publication::Publish,
};

/// A command, and who wants its answer.
type Queued = (Publish, Option<Reply>);

/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<Value, LinkError>>;

/// The sending end of the queue.
#[derive(Debug)]
pub(super) struct Queue {
    to: mpsc::UnboundedSender<Queued>,
    load: Arc<Load>,
    bound: usize,
}

#[derive(Debug, Default)]
pub(super) struct Load {
    bytes: AtomicUsize,
    up: AtomicBool,
}

/// The task's end.
pub(super) struct Backlog {
    from: mpsc::UnboundedReceiver<Queued>,
    load: Arc<Load>,
}

/// So many commands go out in one pipeline.
const BATCH: usize = 512;
/// And no more once they have so many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// The label of `carillon_bus_errors_total` for a URL that cannot be read.
const UNREAD: &str = "url";
/// How often an idle connection is looked at.
const PING: Duration = Duration::from_secs(1);

fn weight(publish: &Publish) -> usize {
    size_of::<Queued>() + publish.bytes
}

impl Queue {
    pub(super) fn new(bound: usize) -> (Self, Backlog) {
        let (to, from) = mpsc::unbounded_channel();
        let load = Arc::new(Load::default());
        let backlog = Backlog {
            from,
            load: Arc::clone(&load),
        };
        (Self { to, load, bound }, backlog)
    }

    pub(super) fn push(&self, publish: Publish, reply: Option<Reply>) -> Result<(), PublishError> {
        if !self.load.up.load(Ordering::Acquire) {
            return Err(PublishError::Down);
        }
        let weight = weight(&publish);
        let before = self.load.bytes.fetch_add(weight, Ordering::AcqRel);
        if before > 0 && before + weight > self.bound {
            self.load.bytes.fetch_sub(weight, Ordering::AcqRel);
            return Err(PublishError::Full);
        }
        self.to
            .send((publish, reply))
            .map_err(|_| PublishError::Down)
    }
}

/// Sends what is on the queue, for the life of the process.
pub(super) async fn pump(
    link: Link,
    settings: Settings,
    mut backlog: Backlog,
    halves: Arc<Halves>,
) {
    let mut pause = Pause::default();
    loop {
        pause.begins();
        let url = settings.source.url();
        halves.error(UNREAD, settings.source.failures());
        let reason = match url.connect(None).await {
            Ok(connection) => {
                link.asks_on(Some(connection.clone()));
                backlog.load.up.store(true, Ordering::Release);
                halves.publishing();
                tokio::select! {
                    reason = backlog.send(connection, &settings, &halves) => reason,
                    reason = link.failed() => reason,
                    () = settings.source.leaves(&url) => LinkError::Elsewhere,
                }
            }
            Err(error) => error,
        };
        backlog.load.up.store(false, Ordering::Release);
        link.asks_on(None);
        halves.down(false, &reason);
        backlog.refuse(&reason, &halves);
        pause.wait().await;
    }
}

impl Backlog {
    /// Sends until the connection fails; returns why.
    async fn send(
        &mut self,
        mut connection: Connection,
        settings: &Settings,
        halves: &Halves,
    ) -> LinkError {
        let mut tick = time::interval(PING);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let sent = tokio::select! {
                first = self.from.recv() => match first {
                    Some(first) => {
                        let batch = self.batch(first);
                        let sending =
                            batch.send(&mut connection, settings.request_timeout, halves);
                        watched(sending, halves).await
                    }
                    None => return LinkError::Closed,
                },
                _ = tick.tick() => {
                    settings.source.look();
                    halves.error(UNREAD, settings.source.failures());
                    let pong = patiently(PONG, connection.check());
                    watched(async { pong.await.flatten() }, halves).await
                }
            };
            if let Err(error) = sent {
                return error;
            }
        }
    }

    /// A command, and those that wait behind it.
    fn batch(&mut self, first: Queued) -> Batch {
        let mut batch = Batch {
            commands: Vec::new(),
            replies: Vec::new(),
            meant: 0,
            bytes: 0,
            load: Arc::clone(&self.load),
        };
        let mut next = Some(first);
        while let Some((publish, reply)) = next {
            batch.bytes += weight(&publish);
            batch.meant += usize::from(!publish.is_probe);
            batch.commands.push(publish.command);
            batch.replies.push(reply);
            next = (batch.commands.len() < BATCH && batch.bytes < BATCH_BYTES)
                .then(|| self.from.try_recv().ok())
                .flatten();
        }
        batch
    }

    /// What waits when the connection fails is not kept.
    fn refuse(&mut self, reason: &LinkError, halves: &Halves) {
        while let Ok(first) = self.from.try_recv() {
            self.batch(first).refuse(reason, halves);
        }
    }
}

/// Says when the answer takes so long that nobody should rely on what waits behind it.
async fn watched<T>(answer: impl Future<Output = T>, halves: &Halves) -> T {
    let mut answer = pin!(answer);
    if let Ok(answer) = time::timeout(STALL, &mut answer).await {
        return answer;
    }
    halves.stalled(true);
    let answer = answer.await;
    halves.stalled(false);
    answer
}

/// A Redis that is frozen answers nothing, and breaks no connection.
const STALL: Duration = Duration::from_secs(1);
/// How long a ping may take.
const PONG: Duration = Duration::from_secs(2);

/// Commands that go out at once; their bytes count until they are answered.
struct Batch {
    commands: Vec<Cmd>,
    replies: Vec<Option<Reply>>,
    /// How many of them somebody misses when they are lost.
    meant: usize,
    bytes: usize,
    load: Arc<Load>,
}

impl Batch {
    /// Sends it; an error is one of the connection, those of single commands are told one by one.
    async fn send(
        mut self,
        connection: &mut Connection,
        timeout: Duration,
        halves: &Halves,
    ) -> Result<(), LinkError> {
        let answers = match patiently(timeout, connection.send_all(&self.commands)).await {
            Ok(Ok(answers)) => answers,
            Ok(Err(error)) | Err(error) => {
                self.refuse(&error, halves);
                return Err(error);
            }
        };
        let mut fatal = None;
        let mut failed: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (reply, answer) in self.replies.drain(..).zip(answers) {
            if let Err(error) = &answer {
                *failed.entry(error.label()).or_default() += 1;
                let is_a_part = connection.is_cluster() && *error == LinkError::Closed;
                if error.ends_connection() && !is_a_part {
                    fatal = Some(error.clone());
                }
            }
            if let Some(reply) = reply {
                // Who asked may have gone.
                let _ = reply.send(answer);
            }
        }
        for (kind, count) in failed {
            halves.error(kind, count);
        }
        fatal.map_or(Ok(()), Err)
    }

    /// Nothing of it has an answer: each counts as lost.
    fn refuse(mut self, reason: &LinkError, halves: &Halves) {
        halves.error(reason.label(), self.commands.len() as u64);
        halves.unsent(self.meant);
        for reply in self.replies.drain(..).flatten() {
            // Who asked may have gone.
            let _ = reply.send(Err(reason.clone()));
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.load.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

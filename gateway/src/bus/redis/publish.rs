//! The queue of commands that nobody waits for, and the task that sends them.

use std::{
    collections::BTreeMap,
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
    connect::{Connection, patiently},
    error::{LinkError, PublishError},
    pause::Pause,
};

/// A command to be sent.
#[derive(Debug)]
pub struct Publish {
    command: Cmd,
    bytes: usize,
    /// Nobody misses it when it is lost.
    is_probe: bool,
}

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
/// How often an idle connection is looked at.
const PING: Duration = Duration::from_secs(1);

impl Publish {
    /// To a channel.
    pub fn channel(channel: String, payload: Vec<u8>) -> Self {
        Self::to("PUBLISH", channel, payload)
    }

    /// To a sharded channel.
    pub fn sharded(channel: String, payload: Vec<u8>) -> Self {
        Self::to("SPUBLISH", channel, payload)
    }

    /// To a stream, cut to about `max_len` entries as the adapters do.
    pub fn entry(stream: String, pairs: Vec<(&'static str, String)>) -> Self {
        let mut bytes = stream.len();
        let mut command = redis::cmd("XADD");
        command
            .arg(stream)
            .arg("MAXLEN")
            .arg("~")
            .arg(MAX_LEN)
            .arg("*");
        for (name, value) in pairs {
            bytes += name.len() + value.len();
            command.arg(name).arg(value);
        }
        Self {
            command,
            bytes,
            is_probe: false,
        }
    }

    /// Nobody misses it when it is lost.
    #[must_use]
    pub fn probe(mut self) -> Self {
        self.is_probe = true;
        self
    }

    /// A script with its keys and arguments.
    pub fn script<K: AsRef<str>, A: AsRef<[u8]>>(
        source: &str,
        keys: &[K],
        arguments: &[A],
    ) -> Self {
        let mut command = redis::cmd("EVAL");
        command.arg(source).arg(keys.len());
        let mut bytes = source.len();
        for key in keys {
            bytes += key.as_ref().len();
            command.arg(key.as_ref());
        }
        for argument in arguments {
            bytes += argument.as_ref().len();
            command.arg(argument.as_ref());
        }
        Self {
            command,
            bytes,
            is_probe: false,
        }
    }

    fn to(verb: &str, channel: String, payload: Vec<u8>) -> Self {
        let bytes = channel.len() + payload.len();
        let mut command = redis::cmd(verb);
        command.arg(channel).arg(payload);
        Self {
            command,
            bytes,
            is_probe: false,
        }
    }

    /// Its words: the verb first.
    #[cfg(test)]
    pub(in crate::bus) fn words(&self) -> Vec<Vec<u8>> {
        let words = self.command.args_iter().filter_map(|word| match word {
            redis::Arg::Simple(bytes) => Some(bytes.to_vec()),
            _ => None,
        });
        words.collect()
    }

    fn weight(&self) -> usize {
        size_of::<Queued>() + self.bytes
    }
}

/// What the streams adapter keeps by default.
const MAX_LEN: u32 = 10_000;

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
        let weight = publish.weight();
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
        let reason = match settings.url.connect(None).await {
            Ok(connection) => {
                link.asks_on(Some(connection.clone()));
                backlog.load.up.store(true, Ordering::Release);
                halves.publishing();
                tokio::select! {
                    reason = backlog.send(connection, &settings, &halves) => reason,
                    reason = link.failed() => reason,
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
                        batch.send(&mut connection, settings.request_timeout, halves).await
                    }
                    None => return LinkError::Closed,
                },
                _ = tick.tick() => patiently(PONG, connection.check()).await.flatten(),
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
            batch.bytes += publish.weight();
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
                if error.ends_connection() {
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

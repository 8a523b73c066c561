//! The queue of commands that nobody waits for, and the task that sends them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{Cmd, Pipeline, Value};
use tokio::{
    sync::{mpsc, oneshot},
    time,
};

use super::{
    Halves, Link, Settings,
    connect::{Connection, patiently},
    error::{LinkError, PublishError},
};

/// A command to be sent.
#[derive(Debug)]
pub struct Publish {
    command: Cmd,
    bytes: usize,
    is_probe: bool,
}

/// A command, and who wants its answer.
type Queued = (Publish, Option<oneshot::Sender<Result<Value, LinkError>>>);

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
/// How often an idle connection is looked at.
const PING: Duration = Duration::from_secs(1);

impl Publish {
    /// To a channel.
    pub fn channel(channel: String, payload: Vec<u8>) -> Self {
        Self::to("PUBLISH", &channel, &payload)
    }

    /// To a sharded channel.
    pub fn sharded(channel: String, payload: Vec<u8>) -> Self {
        Self::to("SPUBLISH", &channel, &payload)
    }

    /// To a stream, cut to about `max_len` entries as the adapters do.
    pub fn entry(stream: String, pairs: Vec<(&'static str, String)>) -> Self {
        let mut command = redis::cmd("XADD");
        command.arg(&stream).arg("MAXLEN").arg("~").arg(MAX_LEN).arg("*");
        let mut bytes = stream.len();
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

    fn to(verb: &str, channel: &str, payload: &[u8]) -> Self {
        let mut command = redis::cmd(verb);
        command.arg(channel).arg(payload);
        Self {
            command,
            bytes: channel.len() + payload.len(),
            is_probe: false,
        }
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

    pub(super) fn push(
        &self,
        publish: Publish,
        reply: Option<oneshot::Sender<Result<Value, LinkError>>>,
    ) -> Result<(), PublishError> {
        if !self.load.up.load(Ordering::Acquire) {
            return Err(PublishError::Down);
        }
        let weight = publish.weight();
        let before = self.load.bytes.fetch_add(weight, Ordering::AcqRel);
        if before > 0 && before + weight > self.bound {
            self.load.bytes.fetch_sub(weight, Ordering::AcqRel);
            return Err(PublishError::Full);
        }
        self.to.send((publish, reply)).map_err(|_| PublishError::Down)
    }
}

/// Sends what is on the queue, for the life of the process.
pub(super) async fn pump(link: Link, settings: Settings, mut backlog: Backlog, halves: Arc<Halves>) {
    let mut pause = super::listen::Pause::default();
    loop {
        let reason = match settings.url.connect(None).await {
            Ok(connection) => {
                *link.asking() = Some(connection.clone());
                backlog.load.up.store(true, Ordering::Release);
                halves.publishing();
                let began = time::Instant::now();
                let reason = backlog.send(connection, &settings, &halves).await;
                pause.worked_since(began);
                reason
            }
            Err(error) => error,
        };
        backlog.load.up.store(false, Ordering::Release);
        link.asking().take();
        halves.down(false, &reason);
        halves.unsent(backlog.refuse(&reason));
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
        loop {
            let first = time::timeout(PING, self.from.recv()).await;
            let mut batch: Vec<Queued> = match first {
                Ok(Some(first)) => vec![first],
                Ok(None) => return LinkError::Closed,
                Err(_) => {
                    match patiently(PONG, connection.send(&redis::cmd("PING"))).await {
                        Ok(Ok(_)) => continue,
                        Ok(Err(error)) | Err(error) => return error,
                    }
                }
            };
            while batch.len() < BATCH
                && let Ok(next) = self.from.try_recv()
            {
                batch.push(next);
            }
            let taken: usize = batch.iter().map(|(publish, _)| publish.weight()).sum();
            self.load.bytes.fetch_sub(taken, Ordering::AcqRel);
            let timeout = settings.request_timeout;
            let meant = batch.iter().filter(|(publish, _)| !publish.is_probe).count();
            match patiently(timeout, run(&mut connection, batch, halves)).await {
                Ok(Ok(())) => {}
                // Nobody knows which of them Redis has done.
                Ok(Err(error)) | Err(error) => {
                    halves.unsent(meant);
                    return error;
                }
            }
        }
    }

    /// What waits when the connection fails is not kept; returns how much that is.
    fn refuse(&mut self, reason: &LinkError) -> usize {
        let mut unsent = 0;
        while let Ok((publish, reply)) = self.from.try_recv() {
            self.load.bytes.fetch_sub(publish.weight(), Ordering::AcqRel);
            unsent += usize::from(!publish.is_probe);
            if let Some(reply) = reply {
                // Who asked may have gone.
                let _ = reply.send(Err(reason.clone()));
            }
        }
        unsent
    }
}

/// How long a ping may take.
const PONG: Duration = Duration::from_secs(2);

/// Sends a batch; an error is one of the connection, those of single commands are told one by one.
async fn run(
    connection: &mut Connection,
    batch: Vec<Queued>,
    halves: &Halves,
) -> Result<(), LinkError> {
    let mut replies = Vec::with_capacity(batch.len());
    let mut answers = Vec::with_capacity(batch.len());
    if connection.is_cluster() {
        for (publish, reply) in batch {
            replies.push(reply);
            answers.push(connection.send(&publish.command).await);
        }
    } else {
        let mut pipeline = Pipeline::with_capacity(batch.len());
        for (publish, reply) in batch {
            replies.push(reply);
            pipeline.add_command(publish.command);
        }
        let values = connection.send_all(&pipeline).await?;
        answers.extend(values.into_iter().map(|value| {
            let value = value.extract_error();
            value.map_err(|error| LinkError::from(&error))
        }));
    }
    let mut fatal = None;
    for (reply, answer) in replies.into_iter().zip(answers) {
        if let Err(error) = &answer {
            halves.error(error.label());
            if error.ends_connection() {
                fatal = Some(error.clone());
            }
        }
        if let Some(reply) = reply {
            // Who asked may have gone.
            let _ = reply.send(answer);
        }
    }
    fatal.map_or(Ok(()), Err)
}

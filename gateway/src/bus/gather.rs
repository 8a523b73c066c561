//! Answers that come from every shard: counts, and the acks of one broadcast.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

/// A sum to which each shard contributes once.
#[derive(Debug)]
pub struct Tally {
    missing: AtomicUsize,
    sum: AtomicU64,
    complete: Notify,
}

impl Tally {
    pub(super) fn new(shards: usize) -> Arc<Self> {
        Arc::new(Self {
            missing: AtomicUsize::new(shards),
            sum: AtomicU64::new(0),
            complete: Notify::new(),
        })
    }

    /// Adds one shard's share; each shard calls this exactly once, also with zero.
    pub fn add(&self, share: u64) {
        self.sum.fetch_add(share, Ordering::Relaxed);
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.complete.notify_one();
        }
    }

    /// The sum so far, and whether every shard has contributed.
    pub fn so_far(&self) -> (u64, bool) {
        let complete = self.missing.load(Ordering::Acquire) == 0;
        (self.sum.load(Ordering::Relaxed), complete)
    }

    /// Waits until every shard has contributed. One waiter only.
    pub async fn total(&self) -> u64 {
        while !self.so_far().1 {
            self.complete.notified().await;
        }
        self.so_far().0
    }
}

/// The shard's end of a broadcast that asks for acks.
#[derive(Clone, Debug)]
pub struct AckGather {
    id: u64,
    to: mpsc::UnboundedSender<AckMessage>,
    room: Arc<AtomicUsize>,
    partial: Arc<AtomicBool>,
    timeout: Duration,
}

impl AckGather {
    /// The packet id under which clients answer; unique in this process among server-sent packets.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How long the asker waits for acks.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Reports to how many sockets this shard sent the packet; once a shard, before any reply.
    pub fn expect(&self, recipients: u64) {
        let _ = self.to.send(AckMessage::Expect(recipients));
    }

    /// Passes on one client's ack; past the gather's bound on bytes it counts as missing.
    pub fn reply(&self, reply: AckReply) {
        let weight = reply.weight();
        let taken = self
            .room
            .try_update(Ordering::AcqRel, Ordering::Acquire, |room| {
                room.checked_sub(weight)
            });
        if taken.is_ok() {
            let _ = self.to.send(AckMessage::Reply(reply));
        } else {
            self.gone();
        }
    }

    /// Reports that there are servers of which nobody knows how many sockets they have asked.
    pub fn partial(&self) {
        self.partial.store(true, Ordering::Release);
    }

    /// Reports that one of the expected sockets can no longer answer.
    pub fn gone(&self) {
        let _ = self.to.send(AckMessage::Gone);
    }

    /// Whether nobody waits any more, so that the shard may forget it.
    pub fn is_closed(&self) -> bool {
        self.to.is_closed()
    }
}

/// One client's answer.
#[derive(Debug, Default)]
pub struct AckReply {
    /// The socket's id; empty where another server does not tell it.
    pub socket: Box<str>,
    /// The arguments as JSON text without the surrounding brackets.
    pub args: Box<str>,
    /// The binary arguments that placeholders in `args` name.
    pub attachments: Vec<Bytes>,
}

impl AckReply {
    fn weight(&self) -> usize {
        let binary: usize = self.attachments.iter().map(Bytes::len).sum();
        size_of::<Self>() + self.args.len() + binary
    }
}

#[derive(Debug)]
enum AckMessage {
    Expect(u64),
    Reply(AckReply),
    Gone,
}

/// The asker's end of a broadcast that asks for acks.
#[derive(Debug)]
pub struct Acks {
    from: mpsc::UnboundedReceiver<AckMessage>,
    shards: usize,
    partial: Arc<AtomicBool>,
    expected: u64,
    gone: u64,
    /// How many of the answers were taken by [`Self::next`].
    passed_on: u64,
    /// The answers so far, in the order in which they came.
    pub replies: Vec<AckReply>,
}

impl Acks {
    /// Both ends of a gather over `shards` shards whose replies may hold `bytes` bytes.
    pub(super) fn new(
        id: u64,
        shards: usize,
        bytes: usize,
        timeout: Duration,
    ) -> (AckGather, Self) {
        let (to, from) = mpsc::unbounded_channel();
        let gather = AckGather {
            id,
            to,
            room: Arc::new(AtomicUsize::new(bytes)),
            partial: Arc::default(),
            timeout,
        };
        let acks = Self {
            from,
            shards,
            partial: Arc::clone(&gather.partial),
            expected: 0,
            gone: 0,
            passed_on: 0,
            replies: Vec::new(),
        };
        (gather, acks)
    }

    /// Waits until `enough` sockets have answered, or all that can, and every shard has told how many were asked.
    ///
    /// Cancel safe: what came before a timeout is in `replies`.
    pub async fn collect(&mut self, enough: Option<u64>) {
        while !self.is_complete(enough) && self.take().await {}
    }

    /// Waits until every shard has told how many were asked. Cancel safe.
    pub async fn counted(&mut self) {
        while self.shards > 0 && self.take().await {}
    }

    /// The next answer, for who passes them on one by one; `None` once no more can come. Cancel safe.
    pub async fn next(&mut self) -> Option<AckReply> {
        while self.passed_on == self.replies.len() as u64 && !self.is_complete(None) {
            if !self.take().await {
                return None;
            }
        }
        let reply = self
            .replies
            .get_mut(usize::try_from(self.passed_on).ok()?)?;
        self.passed_on += 1;
        Some(std::mem::take(reply))
    }

    /// Takes one message; false if no more can come.
    async fn take(&mut self) -> bool {
        match self.from.recv().await {
            Some(AckMessage::Expect(recipients)) => {
                self.expected += recipients;
                self.shards = self.shards.saturating_sub(1);
            }
            Some(AckMessage::Reply(reply)) => self.replies.push(reply),
            Some(AckMessage::Gone) => self.gone += 1,
            None => return false,
        }
        true
    }

    /// Whether everybody has told how many sockets were asked.
    pub fn is_counted(&self) -> bool {
        self.shards == 0 && !self.partial.load(Ordering::Acquire)
    }

    /// How many sockets the packet was sent to, as far as the shards have told.
    pub fn expected(&self) -> u64 {
        self.expected
    }

    /// How many of them have not answered.
    pub fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.answers())
    }

    fn answers(&self) -> u64 {
        self.replies.len() as u64
    }

    fn is_complete(&self, enough: Option<u64>) -> bool {
        let all = self.answers() + self.gone >= self.expected;
        self.shards == 0 && (all || enough.is_some_and(|enough| self.answers() >= enough))
    }
}

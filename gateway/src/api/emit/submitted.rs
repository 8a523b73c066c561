//! An event that is published, until its answer is complete.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{self, Instant},
};

use crate::{
    api::{
        Api,
        ids::{Keeping, Reserved},
        request,
        response::Accepted,
    },
    bus::{
        Bus,
        broadcast::EntryId,
        gather::{AckGather, Acks, Tally},
    },
    clock,
};

/// A published event.
#[derive(Debug)]
pub(super) struct Submitted {
    answer: Accepted,
    waiting: Option<Waiting>,
    reservation: Option<Box<Reserved>>,
    keeping: Option<Keeping>,
}

#[derive(Debug)]
struct Waiting {
    tally: Arc<Tally>,
    counted_by: Instant,
    stored: Option<oneshot::Receiver<EntryId>>,
    /// What is not stored has not reached the others.
    must_store: bool,
    acks: Option<Gathering>,
}

/// A gather of acks. When it goes, the shards forget it.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) gather: AckGather,
    acks: Acks,
    deadline: Instant,
    expect: Option<u64>,
    bus: Bus,
}

impl Gathering {
    pub(super) fn new(api: &Api, ack: request::Ack) -> Self {
        let (gather, acks) = api.bus.acks(MAX_ACK_BYTES, ack.timeout.get());
        Self {
            gather,
            acks,
            deadline: Instant::from_std(clock::now() + ack.timeout.get()),
            expect: ack.expect,
            bus: api.bus.clone(),
        }
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.bus.forget_ack(self.gather.id());
    }
}

impl Submitted {
    pub(super) fn new(
        answer: Accepted,
        tally: Arc<Tally>,
        (stored, must_store): (Option<oneshot::Receiver<EntryId>>, bool),
        acks: Option<Gathering>,
        mut reservation: Option<Box<Reserved>>,
    ) -> Self {
        if let Some(reservation) = &mut reservation {
            reservation.taken(&answer, acks.is_some(), clock::now());
        }
        let waiting = Waiting {
            tally,
            counted_by: Instant::from_std(clock::now() + COUNT_WAIT),
            stored,
            must_store,
            acks,
        };
        Self {
            answer,
            waiting: Some(waiting),
            reservation,
            keeping: None,
        }
    }

    /// The answer of an earlier call under the same id.
    pub(super) fn known(answer: Accepted) -> Self {
        Self {
            answer,
            waiting: None,
            reservation: None,
            keeping: None,
        }
    }

    /// Waits until the answer is complete, or time is up. Cancel safe.
    pub(super) async fn ready(&mut self) {
        self.gathered().await;
        self.settle();
        if let Some(keeping) = &mut self.keeping {
            // Without Redis this node alone knows the answer.
            let _ = keeping.await;
            self.keeping = None;
        }
    }

    async fn gathered(&mut self) {
        let Some(Waiting {
            tally,
            counted_by,
            stored,
            must_store,
            acks,
        }) = &mut self.waiting
        else {
            return;
        };
        // Past the deadline the answer is what is known by then.
        let _ = time::timeout_at(*counted_by, tally.total()).await;
        if let Some(id) = stored {
            if let Ok(Ok(id)) = time::timeout_at(*counted_by, id).await {
                self.answer.entry = Some(id.to_string().into());
            } else if *must_store {
                self.answer.degraded = true;
            }
            *stored = None;
        }
        if let Some(gathering) = acks {
            let collected = gathering.acks.collect(gathering.expect);
            let _ = time::timeout_at(gathering.deadline, collected).await;
        }
    }

    /// Makes the answer of what is known, and keeps it for whoever repeats the call.
    fn settle(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            self.answer.recipients = waiting.tally.so_far().0;
            if let Some(mut gathering) = waiting.acks {
                self.answer.missing = Some(gathering.acks.missing());
                self.answer.complete = (!gathering.acks.is_counted()).then_some(false);
                let replies = std::mem::take(&mut gathering.acks.replies);
                self.answer.acks = Some(replies.into_iter().map(Into::into).collect());
            }
        }
        if let Some(reservation) = self.reservation.take() {
            self.keeping = reservation.complete(&self.answer, clock::now());
        }
    }

    /// The answer as far as it is known.
    pub(super) fn answer(mut self) -> Accepted {
        self.settle();
        self.answer
    }

    /// Waits, and answers.
    pub(super) async fn finish(mut self) -> Accepted {
        self.ready().await;
        self.answer()
    }
}

/// Shards answer in microseconds; one that does not in this time is not counted.
const COUNT_WAIT: Duration = Duration::from_secs(5);
/// The acks of one broadcast may hold so many bytes.
const MAX_ACK_BYTES: usize = 16 << 20;

//! A look at a fleet of which not all can be seen: its status says why, and nothing else is written.

use super::round::Round;
use super::{Beside, MENDED, Memory, Now, Outcome, Reconciler};
use crate::cache::Entry;
use crate::cache::fleet::Fleet;
use crate::status::{self, Stall, StallReason};

impl Reconciler {
    /// Tells a fleet what the operator may not watch. Where nothing is refused the first lists are not complete yet, and
    /// with the last of them every fleet is looked at.
    pub(super) async fn tell_why_blind(
        &self,
        fleet: &Fleet,
        memory: &mut Memory,
        now: Now,
        refused: &[String],
    ) -> Outcome {
        let spec = memory.spec(fleet);
        let mut round = Round::begin(&self.caches, fleet, &spec, now);
        if !refused.is_empty() {
            // It is the cause, or hides it.
            let stall = Stall {
                reason: StallReason::Forbidden,
                message: refused.join("; "),
            };
            round.stalls.insert(0, stall);
            self.write_blind(&mut round, memory).await;
        }
        Outcome {
            again: MENDED,
            failures: round.failures,
            stalled: !round.stalls.is_empty(),
            beside: Beside::new(),
        }
    }

    async fn write_blind(&self, round: &mut Round<'_>, memory: &mut Memory) {
        let now = round.now.wall;
        let next = status::blind(&round.spec.cluster, &round.stalls, &round.before, now);
        self.show_conditions(&round.fleet.key(), &next.status);
        if !next.write {
            return;
        }
        match self.write_status(round, &next.status).await {
            Ok(()) => memory.status_written = Some(now),
            Err(failure) => round.failed("status", failure),
        }
    }
}

//! The end of the process, by the plan of [`crate::drain`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task;

use super::fleet::Orders;
use crate::admin::metrics::{Closing, DrainState, Metrics};
use crate::bus::budget::Budget;
use crate::bus::cluster::members::Members;
use crate::clock;
use crate::config::DrainSettings;
use crate::drain::{Drain, Draw, Grant, Paid, Phase, Plan, Step};
use crate::transport::admission::Admission;

/// Other pods answer at once what they are asked to release.
const RELAYED: Duration = Duration::from_secs(1);

/// What a drain acts on.
pub(super) struct Ending {
    pub(super) admission: Arc<Admission>,
    pub(super) orders: Orders,
    pub(super) metrics: Arc<Metrics>,
    /// The fleet that this process is one of.
    pub(super) fleet: Option<(Members, Budget)>,
}

impl Ending {
    /// Holds, refuses handshakes, and closes transports at the pace, until nothing is left.
    pub(super) async fn drain(&self, settings: DrainSettings) {
        let DrainSettings {
            hold,
            timeout,
            per_second,
        } = settings;
        let plan = Plan {
            hold,
            timeout,
            per_second,
            has_fleet: self.fleet.is_some(),
        };
        let mut drain = Drain::begin(plan, clock::now());
        let (answer_to, mut answers) = mpsc::unbounded_channel();
        let (mut told, mut left) = (None, None);
        loop {
            let connections = self.admission.connections();
            if left == Some(0) && connections > 0 {
                // A websocket of another node's session may have come since.
                left = Some(self.orders.close_some(0).await);
            }
            let mut open = left.map_or(connections, |left: usize| left.min(connections));
            let now = clock::now();
            if let Some((members, _)) = &self.fleet {
                drain.knows(members.live(), now);
            }
            let step = drain.step(now, open, connections - open);
            if told.replace(step.phase) != Some(step.phase) {
                self.tell(step.phase, connections);
            }
            if step.close > 0 {
                open = self.close(step).await;
                left = Some(open);
            }
            if let Some(draw) = drain.ask(clock::now(), open) {
                self.draw(draw, &answer_to);
            }
            if step.phase == Phase::Done {
                // What waits at other pods for clients that have asked here is on its way.
                let relayed = tokio::time::timeout(RELAYED, self.admission.relays_nothing());
                return relayed.await.unwrap_or_default();
            }
            tokio::select! {
                () = tokio::time::sleep_until(step.wake.into()) => {}
                Some((draw, grant)) = answers.recv() => drain.answered(clock::now(), draw, grant),
            }
        }
    }

    /// Gives up what the process has in the fleet, the lease last.
    pub(super) async fn release(self) {
        if let Some((members, budget)) = self.fleet {
            budget.leave().await;
            members.release().await;
        }
    }

    fn tell(&self, phase: Phase, sessions: usize) {
        tracing::info!(?phase, sessions, "drain");
        let state = match phase {
            Phase::Holding => DrainState::Holding,
            Phase::Closing => DrainState::Closing,
            Phase::Overdue | Phase::Done => DrainState::Overdue,
        };
        if phase != Phase::Done {
            self.metrics.set_drain_state(state);
        }
        if phase != Phase::Holding {
            self.admission.drain();
            if let Some((members, _)) = &self.fleet {
                members.drain();
            }
        }
    }

    /// Closes sessions, and returns how many are not told to close yet.
    async fn close(&self, step: Step) -> usize {
        let closing = match step.paid {
            Paid::Local => Closing::Local,
            Paid::Budget => Closing::Budget,
            Paid::Share => Closing::Share,
            Paid::Timeout => Closing::Timeout,
        };
        self.metrics.drain_closed(closing, step.close as u64);
        if step.phase == Phase::Overdue {
            tracing::warn!(
                sessions = step.close,
                "the time of the drain is over: closing what is left at once"
            );
        }
        self.orders.close_some(step.close).await
    }

    fn draw(&self, draw: Draw, to: &mpsc::UnboundedSender<(Draw, Option<Grant>)>) {
        let Some((_, budget)) = self.fleet.clone() else {
            return;
        };
        let to = to.clone();
        task::spawn_local(async move {
            let Draw {
                wanted,
                per_second,
                pods,
                remaining,
            } = draw;
            let answer = budget.draw(wanted, per_second, pods, remaining).await;
            let grant = answer.map(|(permits, wait)| Grant { permits, wait });
            // The drain may be over.
            let _ = to.send((draw, grant));
        });
    }
}

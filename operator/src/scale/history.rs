//! What was proposed and changed, kept in status, so that a restarted operator knows its windows.
//!
//! A proposal stands until the next one, or until there were no data: runs instead of points, so that a steady fleet
//! writes nothing. A run that no window can choose any more is dropped: one after which both a proposal as high and
//! one as low came. What is left rises or falls, so that with at most 32 different proposals in a window all of them
//! fit; of more, the two of one side that together are the shortest become one that holds the count longer.

use carillon_crds::resource::{self, AutoscalingStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::hpa::behavior::{Behavior, Change};
use super::hpa::stabilise::Recommendation;

#[cfg(test)]
mod tests;

/// At most so many runs and so many changes are kept.
pub const LIMIT: usize = 64;

/// The past, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    runs: Vec<Run>,
    changes: Vec<Change>,
}

/// A proposal while it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    replicas: i32,
    from: Timestamp,
    /// Absent: it stands.
    to: Option<Timestamp>,
}

impl History {
    /// What status remembers.
    pub fn read(status: &AutoscalingStatus) -> Self {
        let run = |run: &resource::Recommendation| Run {
            replicas: run.replicas,
            from: run.from.0,
            to: run.to.as_ref().map(|time| time.0),
        };
        let change = |event: &resource::ScaleEvent| Change {
            pods: event.change,
            time: event.time.0,
        };
        Self {
            runs: status.recommendations.iter().map(run).collect(),
            changes: status.scale_events.iter().map(change).collect(),
        }
    }

    /// Puts it into status.
    pub fn write(&self, status: &mut AutoscalingStatus) {
        let run = |run: &Run| resource::Recommendation {
            replicas: run.replicas,
            from: Time(run.from),
            to: run.to.map(Time),
        };
        let change = |change: &Change| resource::ScaleEvent {
            change: change.pods,
            time: Time(change.time),
        };
        status.recommendations = self.runs.iter().map(run).collect();
        status.scale_events = self.changes.iter().map(change).collect();
    }

    /// Recommendations as [`mod@super::hpa`] wants them: each with the last moment that it stood. Where none is left in
    /// the windows, the current count is one, as on the HPA's first sight: no scale-down right after a start or a gap.
    pub fn recommendations(
        &self,
        current: i32,
        behavior: &Behavior,
        now: Timestamp,
    ) -> Vec<Recommendation> {
        let cutoff = now - behavior.longest_window();
        let mut past: Vec<_> = self
            .runs
            .iter()
            .map(|run| Recommendation {
                replicas: run.replicas,
                time: run.end(now),
            })
            .filter(|one| one.time > cutoff)
            .collect();
        if past.is_empty() {
            past.push(Recommendation {
                replicas: current,
                time: now,
            });
        }
        past
    }

    /// Changes, for the policies' periods.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Since when there has been no proposal, where the last has ended.
    pub fn silent_since(&self) -> Option<Timestamp> {
        self.runs.last().and_then(|run| run.to)
    }

    /// Notes a proposal, made while the count was `current`.
    pub fn propose(&mut self, replicas: i32, current: i32, behavior: &Behavior, now: Timestamp) {
        if let Some(Run { to: None, .. }) = self.runs.last()
            && self.runs.last().is_some_and(|run| run.replicas == replicas)
        {
            return;
        }
        self.end(now);
        let cutoff = now - behavior.longest_window();
        if !self.runs.iter().any(|run| run.end(now) > cutoff) {
            self.runs.push(Run::ended(current, now));
        }
        self.runs.push(Run {
            replicas,
            from: now,
            to: None,
        });
        self.runs
            .retain(|run| run.end(now) > cutoff || run.to.is_none());
        self.drop_dominated();
        while self.runs.len() > LIMIT {
            self.merge_shortest(now);
        }
    }

    /// Notes that there is no proposal, while the count is `current`.
    pub fn silence(&mut self, current: i32, now: Timestamp) {
        self.end(now);
        if self.runs.is_empty() {
            self.runs.push(Run::ended(current, now));
        }
    }

    /// Notes a change of the count.
    pub fn change(&mut self, pods: i32, behavior: &Behavior, now: Timestamp) {
        let cutoff = now - behavior.longest_period();
        self.changes.retain(|change| change.time > cutoff);
        self.changes.push(Change { pods, time: now });
        if self.changes.len() > LIMIT {
            self.merge_oldest_changes();
        }
    }

    fn end(&mut self, now: Timestamp) {
        if let Some(run) = self.runs.last_mut() {
            run.to.get_or_insert(now);
        }
    }

    /// Drops the runs after which came one as high and one as low.
    fn drop_dominated(&mut self) {
        let (mut highest, mut lowest) = (i32::MIN, i32::MAX);
        let mut kept: Vec<_> = std::mem::take(&mut self.runs)
            .into_iter()
            .rev()
            .filter(|run| {
                let matters = run.replicas > highest || run.replicas < lowest;
                highest = highest.max(run.replicas);
                lowest = lowest.min(run.replicas);
                matters
            })
            .collect();
        kept.reverse();
        self.runs = kept;
    }

    /// Lets an older run of the same side take the time of a newer one: higher for the window of scaleDown, or
    /// lower for that of scaleUp.
    fn merge_shortest(&mut self, now: Timestamp) {
        let Some(last) = self.runs.last().copied() else {
            return;
        };
        let above = |run: &Run| run.replicas > last.replicas;
        let pairs = (1..self.runs.len() - 1).filter_map(|newer| {
            let side = above(&self.runs[newer]);
            let older = (0..newer).rfind(|older| above(&self.runs[*older]) == side)?;
            let span = self.runs[newer]
                .end(now)
                .duration_since(self.runs[older].from);
            Some((span, older, newer))
        });
        if let Some((_, older, newer)) = pairs.min_by_key(|(span, ..)| *span) {
            let Run { replicas, from, .. } = self.runs[older];
            let merged = &mut self.runs[newer];
            merged.replicas = replicas;
            merged.from = from;
            self.runs.remove(older);
        }
    }

    /// Two changes of one direction become one. Fewer pods count as long as the newer, more pods only as long as the
    /// older: what is lost of the truth makes a scale-down later, never earlier.
    fn merge_oldest_changes(&mut self) {
        let count = |up: bool| {
            self.changes
                .iter()
                .filter(|one| (one.pods > 0) == up)
                .count()
        };
        let up = count(true) > count(false);
        let mut places =
            (0..self.changes.len()).filter(|place| (self.changes[*place].pods > 0) == up);
        if let (Some(older), Some(newer)) = (places.next(), places.next()) {
            let sum = self.changes[older]
                .pods
                .saturating_add(self.changes[newer].pods);
            let (kept, gone) = if up { (older, newer) } else { (newer, older) };
            self.changes[kept].pods = sum;
            self.changes.remove(gone);
        }
    }
}

impl Run {
    fn ended(replicas: i32, now: Timestamp) -> Self {
        Self {
            replicas,
            from: now,
            to: Some(now),
        }
    }

    fn end(&self, now: Timestamp) -> Timestamp {
        self.to.unwrap_or(now)
    }
}

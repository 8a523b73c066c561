//! The pods, sorted by what the conditions ask of them.

use super::{Pod, Seen};
use crate::gateway::Report;

/// The pods of a fleet, by name.
pub(super) struct Fleet<'a> {
    /// Neither gone nor going.
    pub(super) live: Vec<&'a Pod<'a>>,
    /// Going, and still there.
    pub(super) draining: Vec<&'a Pod<'a>>,
    rules: Option<&'a str>,
}

impl<'a> Fleet<'a> {
    pub(super) fn of(seen: &Seen<'a>) -> Self {
        let mut pods: Vec<_> = seen.pods.iter().collect();
        pods.sort_by(|one, other| one.pod.name.cmp(&other.pod.name));
        let draining = |pod: &&Pod<'_>| pod.pod.terminating && !pod.pod.ended;
        Self {
            live: pods
                .iter()
                .copied()
                .filter(|pod| pod.pod.is_live())
                .collect(),
            draining: pods.into_iter().filter(draining).collect(),
            rules: seen.rules,
        }
    }

    pub(super) fn ready(&self) -> impl Iterator<Item = &'a Pod<'a>> {
        self.live.iter().copied().filter(|pod| pod.pod.is_ready())
    }

    pub(super) fn unready(&self) -> impl Iterator<Item = &'a Pod<'a>> {
        let live = self.live.iter().copied();
        live.filter(|pod| !pod.pod.is_ready())
    }

    /// Live pods of the present template, ready or not.
    pub(super) fn new_ones(&self) -> usize {
        self.live.iter().filter(|pod| pod.is_new).count()
    }

    /// Whether pods of an earlier template live.
    pub(super) fn has_old(&self) -> bool {
        self.live.iter().any(|pod| !pod.is_new)
    }

    /// Live pods that serve the published rules.
    pub(super) fn serving(&self) -> impl Iterator<Item = &'a Pod<'a>> {
        self.heard(|report, rules| report.hash.as_deref() == Some(rules))
    }

    /// Live pods that refused them.
    pub(super) fn refusing(&self) -> impl Iterator<Item = &'a Pod<'a>> {
        self.heard(|report, rules| {
            report.hash.as_deref() != Some(rules) && !report.rejection.is_empty()
        })
    }

    /// Live pods that have not taken them up.
    pub(super) fn behind(&self) -> impl Iterator<Item = &'a Pod<'a>> {
        self.heard(|report, rules| {
            report.hash.as_deref() != Some(rules) && report.rejection.is_empty()
        })
    }

    /// Live pods of which nothing is known.
    pub(super) fn silent(&self) -> impl Iterator<Item = &'a Pod<'a>> {
        let live = self.live.iter().copied();
        live.filter(|pod| pod.report.is_none())
    }

    /// Ready pods that have lost the bus. One that is not ready yet may have had no time to reach it.
    pub(super) fn off_the_bus(&self) -> impl Iterator<Item = &'a Pod<'a>> {
        self.ready().filter(|pod| has_no_bus(pod))
    }

    /// Open sessions of all pods; absent where there are pods and none has said.
    pub(super) fn connections(&self) -> Option<u64> {
        let pods = self.live.iter().chain(&self.draining);
        let mut reports = pods.clone().filter_map(|pod| pod.report).peekable();
        if reports.peek().is_none() && pods.count() > 0 {
            return None;
        }
        Some(reports.map(|report| report.sessions).sum())
    }

    /// Sessions of pods that drain, as far as they are known.
    pub(super) fn remaining(&self) -> u64 {
        let reports = self.draining.iter().filter_map(|pod| pod.report);
        reports.map(|report| report.sessions).sum()
    }

    fn heard(&self, holds: impl Fn(&Report, &str) -> bool) -> impl Iterator<Item = &'a Pod<'a>> {
        let rules = self.rules;
        let live = self.live.iter().copied();
        live.filter(move |pod| {
            pod.report
                .zip(rules)
                .is_some_and(|(report, rules)| holds(report, rules))
        })
    }
}

/// Whether a pod says that its bus does not answer.
pub(super) fn has_no_bus(pod: &Pod<'_>) -> bool {
    pod.report.and_then(|report| report.bus_up) == Some(false)
}

/// The names of pods.
pub(super) fn names<'a>(
    pods: impl IntoIterator<Item = &'a Pod<'a>>,
) -> impl Iterator<Item = String> {
    pods.into_iter().map(|pod| pod.pod.name.clone())
}

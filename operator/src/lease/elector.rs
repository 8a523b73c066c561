//! Who leads, as a state machine: no IO and no clock.
//!
//! Expiry is measured from when this process saw the Lease change, never by the times written in it: clocks of other machines
//! are not trusted. Every write carries the resourceVersion it was decided on, so of two candidates one is refused.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::times::Times;
use crate::version::Version;

/// What a process knows of the Lease and of its own part in it.
#[derive(Debug)]
pub struct Elector {
    identity: String,
    times: Times,
    view: View,
    renewed: Option<Instant>,
    retry_at: Option<Instant>,
}

#[derive(Debug)]
enum View {
    Unknown,
    Absent,
    Seen { lease: Box<Lease>, at: Instant },
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Read the Lease: what is known of it is no longer true.
    Read,
    /// Make a Lease that names this process.
    Create(Box<Lease>),
    /// Replace the Lease, which carries the resourceVersion that it was read with.
    Update(Box<Lease>),
    /// Nothing before this moment, unless the Lease changes.
    Wait(Instant),
    /// This process led and no longer does.
    Lost,
}

impl Elector {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(identity: String, times: Times) -> Self {
        Self {
            identity,
            times,
            view: View::Unknown,
            renewed: None,
            retry_at: None,
        }
    }

    /// The Lease as a watch or a read shows it.
    pub fn saw(&mut self, now: Instant, lease: Option<Lease>) {
        let Some(lease) = lease else {
            self.view = View::Absent;
            return;
        };
        if let View::Seen { lease: known, .. } = &self.view {
            let (known, new) = (&known.metadata, &lease.metadata);
            // A watch may lag behind what this process has read or written itself.
            if known.resource_version == new.resource_version
                || Version::of(new).is_before(&Version::of(known))
            {
                return;
            }
        }
        self.view = View::Seen {
            lease: Box::new(lease),
            at: now,
        };
    }

    /// A write that was sent at `sent` has been done; the gate may stay open until the moment returned.
    pub fn wrote(&mut self, sent: Instant, now: Instant, lease: Lease) -> Instant {
        self.saw(now, Some(lease));
        self.renewed = Some(sent);
        self.retry_at = Some(sent + self.times.retry());
        sent + self.times.renew_deadline()
    }

    /// A write or a read failed; it is not known whether it was done. `pause` comes before the next try.
    pub fn failed(&mut self, now: Instant, pause: Duration) {
        self.view = View::Unknown;
        self.retry_at = Some(now + pause);
    }

    /// A write was refused because the Lease has changed.
    pub fn conflicted(&mut self) {
        self.view = View::Unknown;
        self.retry_at = None;
    }

    /// Whether this process leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.renewed.is_some()
    }

    /// Whom the Lease names.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        match &self.view {
            View::Seen { lease, .. } => holder(lease),
            View::Unknown | View::Absent => None,
        }
    }

    /// What to do at `now`; `wall` is written into the Lease for people to read.
    #[must_use]
    pub fn next(&self, now: Instant, wall: Timestamp) -> Step {
        match self.renewed {
            Some(renewed) => self.next_as_leader(now, wall, renewed),
            None => self.next_as_candidate(now, wall),
        }
    }

    /// The Lease without its holder, if it names this process.
    #[must_use]
    pub fn released(&self, wall: Timestamp) -> Option<Box<Lease>> {
        let View::Seen { lease, .. } = &self.view else {
            return None;
        };
        let ours = self.leads() && holder(lease) == Some(self.identity.as_str());
        ours.then(|| {
            let mut lease = lease.clone();
            let spec = lease.spec.get_or_insert_default();
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(wall));
            lease
        })
    }

    fn next_as_leader(&self, now: Instant, wall: Timestamp, renewed: Instant) -> Step {
        let deadline = renewed + self.times.renew_deadline();
        let due = self.retry_at.unwrap_or(now);
        let other = matches!(&self.view, View::Seen { lease, .. } if holder(lease) != Some(self.identity.as_str()));
        if now >= deadline || other || matches!(self.view, View::Absent) {
            return Step::Lost;
        }
        if now < due {
            return Step::Wait(due.min(deadline));
        }
        match &self.view {
            View::Seen { lease, .. } => Step::Update(self.renewal(lease, wall)),
            View::Unknown | View::Absent => Step::Read,
        }
    }

    fn next_as_candidate(&self, now: Instant, wall: Timestamp) -> Step {
        if let Some(at) = self.retry_at.filter(|at| now < *at) {
            return Step::Wait(at);
        }
        match &self.view {
            View::Unknown => Step::Read,
            View::Absent => Step::Create(self.first(wall)),
            View::Seen { lease, at } => match self.expiry(lease, *at) {
                Some(expiry) if now < expiry => Step::Wait(expiry),
                _ => Step::Update(self.takeover(lease, wall)),
            },
        }
    }

    /// When the Lease may be taken from its holder; None if nobody holds it.
    fn expiry(&self, lease: &Lease, seen: Instant) -> Option<Instant> {
        let holder = holder(lease).filter(|holder| *holder != self.identity)?;
        debug_assert!(!holder.is_empty(), "an empty holder is none");
        let seconds = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.lease_duration_seconds)
            .and_then(|seconds| u64::try_from(seconds).ok());
        Some(seen + seconds.map_or(self.times.lease(), Duration::from_secs))
    }

    fn first(&self, wall: Timestamp) -> Box<Lease> {
        Box::new(Lease {
            metadata: ObjectMeta::default(),
            spec: Some(self.spec(wall, Some(MicroTime(wall)), 0)),
        })
    }

    fn takeover(&self, lease: &Lease, wall: Timestamp) -> Box<Lease> {
        let before = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
        self.replaced(
            lease,
            self.spec(
                wall,
                Some(MicroTime(wall)),
                before.unwrap_or(0).saturating_add(1),
            ),
        )
    }

    fn renewal(&self, lease: &Lease, wall: Timestamp) -> Box<Lease> {
        let spec = lease.spec.as_ref();
        let acquired = spec.and_then(|spec| spec.acquire_time.clone());
        let transitions = spec.and_then(|spec| spec.lease_transitions).unwrap_or(0);
        self.replaced(lease, self.spec(wall, acquired, transitions))
    }

    fn spec(&self, wall: Timestamp, acquired: Option<MicroTime>, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.times.lease().as_secs()).ok(),
            acquire_time: acquired,
            renew_time: Some(MicroTime(wall)),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    /// What others wrote into the metadata stays.
    fn replaced(&self, lease: &Lease, spec: LeaseSpec) -> Box<Lease> {
        let mut metadata = lease.metadata.clone();
        metadata.managed_fields = None;
        Box::new(Lease {
            metadata,
            spec: Some(spec),
        })
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    (!holder.is_empty()).then_some(holder)
}

#[cfg(test)]
mod tests;

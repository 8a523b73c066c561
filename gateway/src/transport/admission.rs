//! Who may open a session: limits of the pod and of an address, and the refusals of a pod that drains or runs out of memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Shared by all shards of a process.
#[derive(Debug, Default)]
pub struct Admission {
    connections: AtomicUsize,
    draining: AtomicBool,
    drains: Notify,
    relaying: AtomicUsize,
    relayed: Notify,
    short_of_memory: AtomicBool,
    guarded: Mutex<Guarded>,
}

/// The limits in force (rules: `limits`); absent means unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AdmissionLimits {
    /// Open sessions of the pod.
    pub connections: Option<usize>,
    /// New sessions of the pod, per second.
    pub handshakes: Option<f64>,
    /// Open sessions of one address.
    pub connections_per_address: Option<usize>,
    /// New sessions of one address, per second.
    pub handshakes_per_address: Option<f64>,
}

/// The right to one session; given back when dropped.
#[must_use]
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

/// A request that is passed on to another pod, until its client is answered.
#[must_use]
pub(super) struct Relaying(Arc<Admission>);

/// Why a handshake is refused: the `reason` of `carillon_handshakes_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The pod is going away.
    Draining,
    /// Memory is short.
    Memory,
    /// `limits.connections`.
    Connections,
    /// `limits.handshakesPerSecond`.
    Handshakes,
    /// `limits.perAddress.connections`.
    AddressConnections,
    /// `limits.perAddress.handshakesPerSecond`.
    AddressHandshakes,
}

#[derive(Debug, Default)]
struct Guarded {
    pod: Option<Bucket>,
    addresses: HashMap<IpAddr, Address>,
    /// Idle ones are looked for once there are more than this.
    forget_above: usize,
}

#[derive(Debug, Default)]
struct Address {
    connections: usize,
    bucket: Option<Bucket>,
}

/// One second's worth of handshakes may come at once.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// An address without a session is forgotten after this long, by when its bucket is full again.
const FORGET_AFTER: Duration = Duration::from_secs(10);
const FORGET_ABOVE: usize = 1024;

impl Admission {
    /// Admits a session of `address`, or says which limit refuses it.
    ///
    /// # Errors
    /// The first limit that refuses.
    pub fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        limits: &AdmissionLimits,
        now: Instant,
    ) -> Result<Permit, Refused> {
        if self.draining.load(Ordering::Relaxed) {
            return Err(Refused::Draining);
        }
        if self.short_of_memory.load(Ordering::Relaxed) {
            return Err(Refused::Memory);
        }
        let counted =
            limits.connections_per_address.is_some() || limits.handshakes_per_address.is_some();
        if counted || limits.handshakes.is_some() {
            self.guarded()
                .admit(counted.then_some(address), limits, now)?;
        }
        self.count(counted.then_some(address), limits)
    }

    /// Admits a websocket of a session that lives on another pod. It is no handshake, so that a pod that drains takes it too.
    ///
    /// # Errors
    /// `limits.connections` is reached.
    pub fn carry(self: &Arc<Self>, limits: &AdmissionLimits) -> Result<Permit, Refused> {
        self.count(None, limits)
    }

    fn count(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        limits: &AdmissionLimits,
    ) -> Result<Permit, Refused> {
        let permit = Permit {
            admission: self.clone(),
            address,
        };
        let open = self.connections.fetch_add(1, Ordering::Relaxed);
        if limits.connections.is_some_and(|limit| open >= limit) {
            return Err(Refused::Connections);
        }
        Ok(permit)
    }

    /// Open sessions, and websockets that are piped to other pods.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// From now on handshakes are refused.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.drains.notify_waiters();
    }

    /// A request is passed on.
    pub(super) fn relay(self: &Arc<Self>) -> Relaying {
        self.relaying.fetch_add(1, Ordering::Relaxed);
        Relaying(self.clone())
    }

    /// Waits until no request is passed on.
    pub async fn relays_nothing(&self) {
        loop {
            let relayed = self.relayed.notified();
            if self.relaying.load(Ordering::Relaxed) == 0 {
                return;
            }
            relayed.await;
        }
    }

    /// Waits until the pod drains.
    pub(super) async fn drains(&self) {
        // Begun before the look, so that what comes in between is not missed.
        let drains = self.drains.notified();
        if !self.is_draining() {
            drains.await;
        }
    }

    /// Whether handshakes are refused because the pod is going away.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether handshakes are refused for want of memory.
    pub fn set_short_of_memory(&self, short: bool) {
        self.short_of_memory.store(short, Ordering::Relaxed);
    }

    fn guarded(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guarded {
    /// The address's limits first, then the pod's.
    fn admit(
        &mut self,
        address: Option<IpAddr>,
        limits: &AdmissionLimits,
        now: Instant,
    ) -> Result<(), Refused> {
        if self.addresses.len() > self.forget_above.max(FORGET_ABOVE) {
            self.forget_idle(now);
            // A look costs as many steps as there are addresses: the next one when there are twice as many.
            self.forget_above = self.addresses.len() * 2;
        }
        let entry = address.map(|address| self.addresses.entry(address).or_default());
        if let Some(entry) = entry {
            if limits
                .connections_per_address
                .is_some_and(|limit| entry.connections >= limit)
            {
                return Err(Refused::AddressConnections);
            }
            if !take(&mut entry.bucket, limits.handshakes_per_address, now) {
                return Err(Refused::AddressHandshakes);
            }
            entry.connections += 1;
        }
        if take(&mut self.pod, limits.handshakes, now) {
            return Ok(());
        }
        if let Some(entry) = address.and_then(|address| self.addresses.get_mut(&address)) {
            entry.connections -= 1;
        }
        Err(Refused::Handshakes)
    }

    fn forget_idle(&mut self, now: Instant) {
        self.addresses.retain(|_, entry| {
            let fresh = |bucket: &Bucket| now.saturating_duration_since(bucket.at) < FORGET_AFTER;
            entry.connections > 0 || entry.bucket.as_ref().is_some_and(fresh)
        });
    }
}

impl Drop for Relaying {
    fn drop(&mut self) {
        if self.0.relaying.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.relayed.notify_waiters();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.connections.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address else { return };
        let mut guarded = self.admission.guarded();
        if let Some(entry) = guarded.addresses.get_mut(&address) {
            entry.connections = entry.connections.saturating_sub(1);
            if entry.connections == 0 && entry.bucket.is_none() {
                guarded.addresses.remove(&address);
            }
        }
    }
}

impl Refused {
    /// The metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::Memory => "memory",
            Self::Connections => "connections",
            Self::Handshakes => "rate",
            Self::AddressConnections => "address_connections",
            Self::AddressHandshakes => "address_rate",
        }
    }
}

fn take(bucket: &mut Option<Bucket>, rate: Option<f64>, now: Instant) -> bool {
    let Some(rate) = rate else { return true };
    let burst = rate.max(1.0);
    let bucket = bucket.get_or_insert(Bucket {
        tokens: burst,
        at: now,
    });
    let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
    bucket.tokens = (bucket.tokens + passed * rate).min(burst);
    bucket.at = now;
    let admitted = bucket.tokens >= 1.0;
    if admitted {
        bucket.tokens -= 1.0;
    }
    admitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_come_back_when_dropped() {
        let admission = Arc::new(Admission::default());
        let limits = AdmissionLimits {
            connections: Some(3),
            connections_per_address: Some(2),
            ..Default::default()
        };
        let now = crate::clock::now();
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = admission.admit(a, &limits, now).expect("one");
        let second = admission.admit(a, &limits, now).expect("two");
        assert_eq!(
            admission.admit(a, &limits, now).err(),
            Some(Refused::AddressConnections)
        );
        let third = admission.admit(b, &limits, now).expect("three");
        assert_eq!(
            admission.admit(b, &limits, now).err(),
            Some(Refused::Connections)
        );
        drop((first, third));
        assert_eq!(admission.connections(), 1);
        let _again = admission.admit(a, &limits, now).expect("a place came free");
        drop(second);
    }

    #[test]
    fn a_rate_admits_one_seconds_worth_at_once() {
        let admission = Arc::new(Admission::default());
        let limits = AdmissionLimits {
            handshakes: Some(2.0),
            ..Default::default()
        };
        let (now, address) = (crate::clock::now(), IpAddr::from([10, 0, 0, 1]));
        let _kept: Vec<_> = (0..2)
            .map(|_| admission.admit(address, &limits, now).expect("burst"))
            .collect();
        assert_eq!(
            admission.admit(address, &limits, now).err(),
            Some(Refused::Handshakes)
        );
        assert!(
            admission
                .admit(address, &limits, now + Duration::from_millis(500))
                .is_ok()
        );
    }
}

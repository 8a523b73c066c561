//! What a proxy in front has to allow for, in its own units.

use std::time::Duration;

/// The times and sizes of a fleet as proxies count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    /// How long a connection may be silent, in seconds.
    pub(super) idle: u64,
    /// How long a pod that ends still serves, in seconds.
    pub(super) drain: u64,
    /// The largest body of a request, in bytes.
    pub(super) body: u64,
}

/// A connection is silent for `pingInterval`, and given up by us after `pingTimeout` more: a proxy must not be the first to
/// lose patience.
const MARGIN: Duration = Duration::from_secs(15);

impl Timing {
    pub(super) fn new(
        ping_interval: Duration,
        ping_timeout: Duration,
        max_payload: u64,
        hold: Duration,
        timeout: Duration,
    ) -> Self {
        Self {
            idle: seconds(ping_interval + ping_timeout + MARGIN),
            drain: seconds(hold + timeout),
            body: max_payload,
        }
    }
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

//! Waiting for a state that has no event of its own.

use std::time::{Duration, Instant};

/// How long anything in a test may take before it counts as not happening.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks `probe` until it answers with a value; panics with `what` when patience ends.
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(
            Instant::now() < end,
            "waited {PATIENCE:?} in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

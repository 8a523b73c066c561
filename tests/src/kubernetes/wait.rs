//! Waiting for a state of the cluster.

use std::time::{Duration, Instant};

/// Asks `probe` until it answers `Ok`, and returns the value and how long that took; panics with
/// the last refusal when `deadline` has passed.
pub async fn until<T>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, String>,
) -> (T, Duration) {
    let began = Instant::now();
    loop {
        let refusal = match probe().await {
            Ok(value) => return (value, began.elapsed()),
            Err(refusal) => refusal,
        };
        assert!(
            began.elapsed() < deadline,
            "waited {deadline:?} in vain until {what}: {refusal}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

//! The end of the process, by the plan of [`crate::drain`].

use crate::clock;
use crate::config::DrainSettings;
use crate::drain::{Drain, Phase, Plan};
use crate::transport::admission::Admission;

use super::fleet::Orders;

/// Holds, refuses handshakes, and closes transports at the pace, until nothing is left.
pub(super) async fn drain(settings: DrainSettings, admission: &Admission, orders: &Orders) {
    let DrainSettings {
        hold,
        timeout,
        per_second,
    } = settings;
    let mut drain = Drain::begin(
        Plan {
            hold,
            timeout,
            per_second,
        },
        clock::now(),
    );
    let mut told = None;
    loop {
        let step = drain.step(clock::now(), admission.connections(), 0);
        if told != Some(step.phase) {
            tracing::info!(phase = ?step.phase, sessions = admission.connections(), "drain");
            told = Some(step.phase);
        }
        if step.phase != Phase::Holding {
            admission.drain();
        }
        if step.phase == Phase::Done {
            return;
        }
        if step.close > 0 {
            orders.close_some(step.close).await;
        }
        tokio::time::sleep_until(step.wake.into()).await;
    }
}

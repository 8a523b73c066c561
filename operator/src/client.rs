//! The clients of the API server: one whose writes pass the gate, and one for the lease alone.

use std::sync::Arc;

use kube::client::ClientBuilder;
use kube::{Client, Config};

use crate::gate::{Gate, GateLayer};
use crate::lease::times::Times;
use crate::metrics::rest::{RestLayer, RestMetrics};

/// Both clients of a process.
pub struct Clients {
    /// For everything but the lease.
    pub gated: Client,
    /// For the lease, which opens the gate.
    pub lease: Client,
}

/// Builds both from one configuration.
pub fn build(
    mut config: Config,
    gate: &Arc<Gate>,
    times: &Times,
    metrics: &RestMetrics,
) -> Result<Clients, kube::Error> {
    // A retry beneath the gate would be a write without a check; what fails is decided anew instead.
    config.default_retry = false;
    let authority = config.cluster_url.authority();
    let rest = RestLayer {
        metrics: metrics.clone(),
        host: authority.map(ToString::to_string).unwrap_or_default(),
    };
    let gate = GateLayer {
        gate: gate.clone(),
        timeout: times.write_timeout(),
    };
    let lease = ClientBuilder::try_from(config.clone())?
        .with_layer(&rest)
        .build();
    let gated = ClientBuilder::try_from(config)?
        .with_layer(&rest)
        .with_layer(&gate)
        .build();
    Ok(Clients { gated, lease })
}

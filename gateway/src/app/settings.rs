//! From the rules to what the transport needs of them.

use carillon_crds::compile::Rulebook;
use carillon_crds::document::Transport;

use crate::admin::memory;
use crate::admin::process;
use crate::engine::query::Transports;
use crate::transport::admission::AdmissionLimits;
use crate::transport::{Cors, Settings};

/// Of the descriptors that the process may open, so many percent may be sessions.
const DESCRIPTORS: u64 = 90;
/// Of the memory of the container, so many percent are ours by default.
const MEMORY: u64 = 75;

/// The limits of the pod, as they are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PodLimits {
    pub(super) connections: Option<usize>,
    pub(super) memory: Option<u64>,
}

impl PodLimits {
    /// Those of the rules, or what this machine has.
    pub(super) fn of(rules: &Rulebook) -> Self {
        let limits = &rules.document.limits;
        let by_descriptors = || process::max_fds().map(|most| size(most * DESCRIPTORS / 100));
        Self {
            connections: limits
                .connections
                .map(|most| most as usize)
                .or_else(by_descriptors),
            memory: limits
                .memory
                .map(|most| most.bytes())
                .or_else(|| memory::share_of_limit(MEMORY)),
        }
    }
}

/// The transport's part of the rules.
pub(super) fn settings(rules: &Rulebook, pod: PodLimits) -> Settings {
    let engine = &rules.document.engine;
    let limits = &rules.document.limits;
    let rate = |most: Option<u32>| most.map(f64::from);
    let offers = |transport: Transport| engine.transports.contains(&transport);
    Settings {
        path: engine.path.clone(),
        ping_interval: engine.ping_interval.get(),
        ping_timeout: engine.ping_timeout.get(),
        max_payload: size(engine.max_payload.bytes()),
        connect_timeout: engine.connect_timeout.get(),
        upgrade_timeout: engine.upgrade_timeout.get(),
        transports: Transports {
            polling: offers(Transport::Polling),
            websocket: offers(Transport::Websocket),
        },
        compress_from: size(engine.compression.polling.bytes()),
        cors: Cors {
            origins: rules.origins.clone(),
            credentials: rules.document.cors.credentials,
            require_origin: rules.document.cors.require_origin,
        },
        admission: AdmissionLimits {
            connections: pod.connections,
            handshakes: rate(limits.handshakes_per_second),
            connections_per_address: limits.per_address.connections.map(|most| most as usize),
            handshakes_per_address: rate(limits.per_address.handshakes_per_second),
        },
        trusted_proxies: rules.trusted_proxies.clone(),
    }
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

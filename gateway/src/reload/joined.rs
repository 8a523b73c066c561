//! What rules ask of the bus, which not every bus has.

use carillon_crds::compile::Rulebook;
use carillon_crds::fault::{self, Faults};

/// Refuses recovery where nothing keeps what clients that come back have missed: `keeps` says whether the bus does.
///
/// # Errors
/// The namespaces that ask for it in vain.
pub fn check_recovery(rules: &Rulebook, keeps: bool) -> Result<(), Faults> {
    let mut faults = Faults::new();
    let namespaces = rules.document.namespaces.iter().enumerate();
    for (index, _) in namespaces.filter(|(_, namespace)| namespace.recovery.is_some() && !keeps) {
        let path = fault::key(&fault::item("namespaces", index), "recovery");
        faults.add(path, NEEDS_STREAMS);
    }
    faults.or(())
}

const NEEDS_STREAMS: &str =
    "needs CARILLON_REDIS_MODE=streams, or no Redis: the channels of the other modes keep nothing";

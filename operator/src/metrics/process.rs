//! What the process is.

use prometheus::{IntGaugeVec, Opts, Registry};

/// `carillon_operator_build_info`.
pub fn register(registry: &Registry) -> Result<(), prometheus::Error> {
    let info = IntGaugeVec::new(
        Opts::new(
            "carillon_operator_build_info",
            "1, with the version of this build",
        ),
        &["version"],
    )?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    registry.register(Box::new(info))
}

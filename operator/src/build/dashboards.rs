//! The ConfigMap from which Grafana's sidecar takes dashboards.

use carillon_crds::names::kubernetes::dashboards_config_map;
use carillon_crds::resource::Switch;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Kind;
use super::context::{Context, Texts};

/// The label by which the sidecar finds it.
const LABEL: (&str, &str) = ("grafana_dashboard", "1");

/// None where there is no dashboard, or none is wanted. A ConfigMap is always possible, so `Auto` goes by whether the cluster
/// has Prometheus's operator, which Grafana is usually beside.
pub(super) fn build(context: &Context<'_>) -> Option<ConfigMap> {
    let facts = context.facts;
    let wanted = match context.spec().monitoring.dashboards {
        Switch::Auto => facts.kinds.contains(&Kind::PodMonitor),
        Switch::Enabled => true,
        Switch::Disabled => false,
    };
    if !wanted || facts.dashboards.is_empty() {
        return None;
    }
    let meta = context.meta(dashboards_config_map(&context.name), Texts::new());
    let mut labels = meta.labels.unwrap_or_default();
    labels.insert(LABEL.0.to_owned(), LABEL.1.to_owned());
    Some(ConfigMap {
        metadata: ObjectMeta {
            labels: Some(labels),
            ..meta
        },
        data: Some(facts.dashboards.clone()),
        ..ConfigMap::default()
    })
}

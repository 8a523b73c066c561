//! What is made for Prometheus.

use carillon_crds::names::kubernetes::port_name;
use carillon_crds::names::path;
use carillon_crds::resource::Switch;
use serde_json::{Value, json};

use super::context::{Context, Texts};
use super::{Kind, Wanted, alerts};

/// Rates over a minute, which the autoscaler asks for, need several samples of it.
const SCRAPE_EVERY: &str = "15s";

/// What Prometheus scrapes.
pub(super) fn pod_monitor(context: &Context<'_>) -> Wanted {
    wanted(
        context,
        context.spec().monitoring.pod_monitor,
        Kind::PodMonitor,
        || {
            json!({
                "selector": context.selector(),
                "podMetricsEndpoints": [{
                    "port": port_name::ADMIN,
                    "path": path::METRICS,
                    "interval": SCRAPE_EVERY,
                }],
            })
        },
    )
}

/// What Prometheus warns of.
pub(super) fn prometheus_rule(context: &Context<'_>) -> Wanted {
    let switch = context.spec().monitoring.prometheus_rule;
    wanted(context, switch, Kind::PrometheusRule, || {
        let groups = alerts::groups(alerts::Fleet {
            namespace: &context.namespace,
            cluster: &context.name,
            runbooks: context.facts.runbooks,
        });
        json!({ "groups": groups })
    })
}

fn wanted(
    context: &Context<'_>,
    switch: Switch,
    kind: Kind,
    spec: impl FnOnce() -> Value,
) -> Wanted {
    let object = || {
        let metadata = context.meta(&context.name, Texts::new());
        kind.object(&metadata, &spec())
    };
    match switch {
        Switch::Disabled => Wanted::No,
        Switch::Auto => Wanted::IfKnown(kind, object()),
        Switch::Enabled => Wanted::Always(kind, object()),
    }
}

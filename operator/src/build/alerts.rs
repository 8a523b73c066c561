//! What Prometheus warns of, and records, for the pods of one fleet.

mod fleet;
mod objectives;

use serde_json::{Value, json};

use super::names;

/// One alert; its texts are templates of Prometheus.
struct Alert {
    name: &'static str,
    /// `PODS` stands for the selector of the fleet's pods, `NAMED` for that of what is recorded of it.
    expression: &'static str,
    after: &'static str,
    severity: &'static str,
    summary: &'static str,
    description: &'static str,
}

/// Whom alerts are about.
#[derive(Clone, Copy)]
pub(super) struct Fleet<'a> {
    pub(super) namespace: &'a str,
    pub(super) cluster: &'a str,
    /// Below it each alert has a page of its own: what it means, what to look at, what to do.
    pub(super) runbooks: &'a str,
}

/// The groups of a PrometheusRule for the pods of one cluster.
pub(super) fn groups(fleet: Fleet<'_>) -> Value {
    let Fleet {
        namespace, cluster, ..
    } = fleet;
    let pods = format!(
        "namespace=\"{namespace}\",pod=~\"{}\"",
        names::pod_pattern(cluster)
    );
    let of = |what: &str| format!("carillon.{namespace}.{cluster}{what}");
    let named = objectives::named(fleet);
    let alerts: Vec<_> = fleet::ALERTS
        .iter()
        .map(|alert| {
            let expression = alert.expression.replace("PODS", &pods);
            shown(alert, &expression.replace("NAMED", &named), fleet)
        })
        .collect();
    json!([
        { "name": of(""), "rules": alerts },
        { "name": of(".objectives"), "rules": objectives::rules(&pods, fleet) },
    ])
}

fn shown(alert: &Alert, expression: &str, fleet: Fleet<'_>) -> Value {
    json!({
        "alert": alert.name,
        "expr": expression,
        "for": alert.after,
        "labels": {
            "severity": alert.severity,
            "namespace": fleet.namespace,
            "realtimecluster": fleet.cluster,
        },
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": runbook(fleet.runbooks, alert.name),
        },
    })
}

/// The page of an alert.
pub(super) fn runbook(base: &str, alert: &str) -> String {
    format!("{base}/{alert}")
}

#[cfg(test)]
mod tests;

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

/// Where each alert has a page of its own: what it means, what to look at, what to do.
pub(super) const RUNBOOKS: &str = "https://carillon.dev/runbooks";

/// The groups of a PrometheusRule for the pods of one cluster.
pub(super) fn groups(namespace: &str, cluster: &str) -> Value {
    let pods = format!(
        "namespace=\"{namespace}\",pod=~\"{}\"",
        names::pod_pattern(cluster)
    );
    let of = |what: &str| format!("carillon.{namespace}.{cluster}{what}");
    let alerts: Vec<_> = fleet::ALERTS
        .iter()
        .map(|alert| {
            let named = objectives::named(namespace, cluster);
            let expression = alert.expression.replace("PODS", &pods);
            let expression = expression.replace("NAMED", &named);
            shown(alert, &expression, namespace, cluster)
        })
        .collect();
    json!([
        { "name": of(""), "rules": alerts },
        { "name": of(".objectives"), "rules": objectives::rules(&pods, namespace, cluster) },
    ])
}

fn shown(alert: &Alert, expression: &str, namespace: &str, cluster: &str) -> Value {
    json!({
        "alert": alert.name,
        "expr": expression,
        "for": alert.after,
        "labels": {
            "severity": alert.severity,
            "namespace": namespace,
            "realtimecluster": cluster,
        },
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": format!("{RUNBOOKS}/{}", alert.name),
        },
    })
}

#[cfg(test)]
mod tests;

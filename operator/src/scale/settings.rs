//! `spec.autoscaling`, checked and with every default written out.

use std::fmt;

use carillon_crds::resource::{self, Autoscaling, MetricType, Mode};
use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::hpa::behavior::{Behavior, Policy, PolicyKind, Rules, Select};
use super::hpa::pods::Resource;
use super::hpa::replicas::Tolerance;
use super::quantity::thousandths;

/// What is decided by.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Whether decisions are carried out.
    pub mode: Mode,
    /// `minReplicas` and `maxReplicas`.
    pub bounds: (i32, i32),
    /// How often it is decided.
    pub interval: SignedDuration,
    /// What is measured.
    pub metrics: Vec<Wanted>,
    /// Windows and rates.
    pub behavior: Behavior,
    /// Tolerance of the ratio.
    pub tolerance: Tolerance,
    /// What replaces data that have been away for long.
    pub fallback: Option<Fallback>,
    /// A sample that is older is none.
    pub max_age: SignedDuration,
    /// The labels that the built-in metrics are selected by.
    pub labels: resource::Labels,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What.
    pub kind: MetricType,
    /// The name of a query.
    pub name: String,
    /// What it should be.
    pub target: Target,
    /// The target as it was written.
    pub written: String,
    /// The query and the expression of its freshness.
    pub query: Option<(String, Option<String>)>,
}

/// What a metric should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The average of the pods, in thousandths.
    Average {
        /// Where it is one.
        resource: Option<Resource>,
        /// That much.
        target: i64,
    },
    /// Use in percent of what the pods request.
    Utilization {
        /// Of what.
        resource: Resource,
        /// That much.
        percent: i32,
    },
    /// One value, in thousandths.
    Value(i64),
    /// A pod's share of one value, in thousandths.
    Total(i64),
}

/// What replaces data that have been away for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallback {
    /// At least so many pods.
    pub replicas: i32,
    /// After so long.
    pub after: SignedDuration,
}

/// What is wrong with `spec.autoscaling`, a fault a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Invalid(pub Vec<String>);

impl Settings {
    /// Checks what the schema cannot, and fills in the defaults.
    pub fn parse(spec: &Autoscaling) -> Result<Self, Invalid> {
        let mut faults = Vec::new();
        if spec.min_replicas < 1 || spec.max_replicas < spec.min_replicas {
            let (least, most) = (spec.min_replicas, spec.max_replicas);
            faults.push(format!(
                "spec.autoscaling: minReplicas ({least}) has to be at least 1 and at most maxReplicas ({most})"
            ));
        }
        if spec.metrics.is_empty() {
            faults.push("spec.autoscaling.metrics: at least one metric is needed".into());
        }
        let mut metrics = Vec::new();
        for (place, metric) in spec.metrics.iter().enumerate() {
            match wanted(metric) {
                Ok(metric) => metrics.push(metric),
                Err(fault) => faults.push(format!("spec.autoscaling.metrics[{place}]: {fault}")),
            }
        }
        let labels = &spec.prometheus.labels;
        for (field, label) in [("namespace", &labels.namespace), ("pod", &labels.pod)] {
            if !is_label(label) {
                faults.push(format!(
                    "spec.autoscaling.prometheus.labels.{field}: {label:?} is no name of a label"
                ));
            }
        }
        let (behavior, tolerance) = behavior(spec, &mut faults);
        if !faults.is_empty() {
            return Err(Invalid(faults));
        }
        Ok(Self {
            mode: spec.mode,
            bounds: (spec.min_replicas, spec.max_replicas),
            interval: duration(spec.interval),
            metrics,
            behavior,
            tolerance,
            fallback: spec.fallback.map(|fallback| Fallback {
                replicas: fallback.replicas,
                after: duration(fallback.after),
            }),
            max_age: duration(spec.prometheus.max_age),
            labels: labels.clone(),
        })
    }
}

impl Wanted {
    /// The value of a sample is a rate over this long; zero for gauges.
    pub fn window(&self) -> SignedDuration {
        match self.kind {
            MetricType::Deliveries | MetricType::Events | MetricType::CPU => {
                SignedDuration::from_mins(1)
            }
            MetricType::Connections | MetricType::Memory | MetricType::Query => {
                SignedDuration::ZERO
            }
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            MetricType::Query => f.write_str(&self.name),
            kind => write!(f, "{kind:?}"),
        }
    }
}

fn duration(duration: carillon_crds::units::Duration) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(duration.millis()).unwrap_or(i64::MAX))
}

fn is_label(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn wanted(metric: &resource::Metric) -> Result<Wanted, String> {
    use MetricType::{CPU, Memory, Query};

    let resource::Metric {
        kind,
        name,
        query,
        freshness,
        average_value,
        average_utilization,
        value,
    } = metric;
    let resource = match kind {
        CPU => Some(Resource::Cpu),
        Memory => Some(Resource::Memory),
        _ => None,
    };
    let excess = average_utilization.is_some() && resource.is_none();
    let (target, written) = match (average_value, average_utilization.zip(resource), value) {
        _ if excess => return Err(needs(*kind)),
        (Some(text), None, None) if *kind != CPU => {
            let target = positive("averageValue", text)?;
            let average = Target::Average { resource, target };
            let of_query = Target::Total(target);
            let target = if *kind == Query { of_query } else { average };
            (target, text.0.clone())
        }
        (None, Some((percent @ 1.., resource)), None) => (
            Target::Utilization { resource, percent },
            format!("{percent}%"),
        ),
        (None, None, Some(text)) if *kind == Query => {
            (Target::Value(positive("value", text)?), text.0.clone())
        }
        _ => return Err(needs(*kind)),
    };
    let query = match (kind, query) {
        (Query, Some(query)) if !query.trim().is_empty() && !name.is_empty() => {
            Some((query.clone(), freshness.clone()))
        }
        (Query, _) => return Err("Query needs a name and a query".into()),
        (_, None) if name.is_empty() && freshness.is_none() => None,
        _ => {
            return Err(format!(
                "name, query and freshness are for Query, not for {kind:?}"
            ));
        }
    };
    Ok(Wanted {
        kind: *kind,
        name: name.clone(),
        target,
        written,
        query,
    })
}

fn needs(kind: MetricType) -> String {
    let targets = match kind {
        MetricType::CPU => "averageUtilization (percent, at least 1)",
        MetricType::Memory => {
            "exactly one of averageValue and averageUtilization (percent, at least 1)"
        }
        MetricType::Query => "exactly one of value and averageValue",
        _ => "averageValue",
    };
    format!("{kind:?} needs {targets}, and no other target")
}

fn positive(field: &str, quantity: &Quantity) -> Result<i64, String> {
    match thousandths(&quantity.0) {
        Some(value) if value > 0 => Ok(value),
        _ => Err(format!("{field}: {:?} is no quantity above 0", quantity.0)),
    }
}

fn behavior(spec: &Autoscaling, faults: &mut Vec<String>) -> (Behavior, Tolerance) {
    let mut behavior = Behavior::hpa();
    let connections = |metric: &resource::Metric| metric.kind == MetricType::Connections;
    if spec.metrics.iter().any(connections) {
        behavior.down = Rules {
            window: SignedDuration::from_secs(600),
            select: Select::Max,
            policies: vec![Policy {
                kind: PolicyKind::Percent,
                value: 10,
                period: 300,
            }],
        };
    }
    let mut tolerance = Tolerance::default();
    let directions = [
        (
            "scaleUp",
            &spec.behavior.scale_up,
            &mut behavior.up,
            &mut tolerance.up,
        ),
        (
            "scaleDown",
            &spec.behavior.scale_down,
            &mut behavior.down,
            &mut tolerance.down,
        ),
    ];
    for (field, written, rules, tolerance) in directions {
        let Some(written) = written else { continue };
        overlay(rules, written);
        if let Some(text) = &written.tolerance {
            match thousandths(&text.0) {
                Some(value) if value >= 0 => *tolerance = value as f64 / 1000.0,
                _ => faults.push(format!(
                    "spec.autoscaling.behavior.{field}.tolerance: {:?} is no quantity of at least 0",
                    text.0
                )),
            }
        }
    }
    (behavior, tolerance)
}

/// What is written replaces the default, a field at a time, as in the HPA.
fn overlay(rules: &mut Rules, written: &resource::ScalingRules) {
    if let Some(window) = written.stabilization_window_seconds {
        rules.window = SignedDuration::from_secs(window.into());
    }
    if let Some(select) = written.select_policy {
        rules.select = match select {
            resource::SelectPolicy::Max => Select::Max,
            resource::SelectPolicy::Min => Select::Min,
            resource::SelectPolicy::Disabled => Select::Disabled,
        };
    }
    let written = written.policies.as_deref().unwrap_or_default();
    if !written.is_empty() {
        rules.policies = written.iter().map(policy).collect();
    }
}

fn policy(written: &resource::ScalingPolicy) -> Policy {
    Policy {
        kind: match written.kind {
            resource::PolicyType::Pods => PolicyKind::Pods,
            resource::PolicyType::Percent => PolicyKind::Percent,
        },
        value: written.value,
        period: written.period_seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(yaml: &str) -> Result<Settings, Invalid> {
        Settings::parse(&serde_yaml::from_str(yaml).unwrap())
    }

    #[test]
    fn defaults() {
        let connections = "{ maxReplicas: 20, metrics: [{ type: Connections, averageValue: 5k }] }";
        let settings = parse(connections).unwrap();
        assert_eq!(settings.bounds, (1, 20));
        let target = Target::Average {
            resource: None,
            target: 5_000_000,
        };
        assert_eq!(settings.metrics[0].target, target);
        assert_eq!(settings.behavior.up, Behavior::hpa().up);
        assert_eq!(
            settings.behavior.down.window,
            SignedDuration::from_secs(600)
        );
        assert_eq!(
            settings.behavior.down.policies[0].to_string(),
            "10 Percent/300s"
        );
        assert_eq!(settings.max_age, SignedDuration::from_secs(120));

        let cpu = "{ maxReplicas: 20, metrics: [{ type: CPU, averageUtilization: 80 }] }";
        assert_eq!(parse(cpu).unwrap().behavior, Behavior::hpa());

        let partly = "{ maxReplicas: 20, metrics: [{ type: Connections, averageValue: 5k }],
            behavior: { scaleDown: { stabilizationWindowSeconds: 20, tolerance: 50m } } }";
        let settings = parse(partly).unwrap();
        assert_eq!(settings.behavior.down.window, SignedDuration::from_secs(20));
        assert_eq!(
            settings.behavior.down.policies[0].to_string(),
            "10 Percent/300s"
        );
        assert_eq!(
            settings.tolerance,
            Tolerance {
                down: 0.05,
                up: 0.1
            }
        );
    }

    #[test]
    fn faults() {
        let cases = [
            (
                "minReplicas: 5, maxReplicas: 2, metrics: []",
                "minReplicas (5) has to be",
            ),
            ("maxReplicas: 2, metrics: []", "at least one metric"),
            (
                "maxReplicas: 2, metrics: [{ type: CPU, averageValue: '1' }]",
                "metrics[0]: CPU needs averageUtilization",
            ),
            (
                "maxReplicas: 2, metrics: [{ type: Connections, averageUtilization: 80 }]",
                "Connections needs averageValue",
            ),
            (
                "maxReplicas: 2, metrics: [{ type: Connections, averageValue: '0' }]",
                "averageValue: \"0\" is no quantity above 0",
            ),
            (
                "maxReplicas: 2, metrics: [{ type: Connections, averageValue: many }]",
                "\"many\"",
            ),
            (
                "maxReplicas: 2, metrics: [{ type: Memory, averageValue: 1Gi, averageUtilization: 80 }]",
                "exactly one",
            ),
            (
                "maxReplicas: 2, metrics: [{ type: Query, name: a, value: '1' }]",
                "Query needs a name and a query",
            ),
            (
                "maxReplicas: 2, metrics: [{ type: Query, query: up, value: '1' }]",
                "Query needs a name and a query",
            ),
            (
                "maxReplicas: 2, metrics: [{ type: Events, name: a, averageValue: '1' }]",
                "not for Events",
            ),
            (
                "maxReplicas: 2, metrics: [{ type: CPU, averageUtilization: 80 }], prometheus: { labels: { pod: 'a-b' } }",
                "labels.pod: \"a-b\"",
            ),
            (
                "maxReplicas: 2, metrics: [{ type: CPU, averageUtilization: 80 }], behavior: { scaleUp: { tolerance: '-1' } }",
                "scaleUp.tolerance: \"-1\"",
            ),
        ];
        for (spec, sentence) in cases {
            let error = parse(&format!("{{ {spec} }}")).unwrap_err().to_string();
            assert!(error.contains(sentence), "{spec}: {error}");
        }
    }
}

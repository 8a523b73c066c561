//! From one metric to a proposal: the HPA's arithmetic, in its order, in f64 as there.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::condition::Reason;
use super::pods::{Groups, Pod, Resource, Sample, Startup, group};

/// What one metric proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal {
    /// That many pods.
    pub replicas: i32,
    /// What was measured: whole percent of the request, or thousandths.
    pub measured: i64,
}

/// Why a metric proposes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unable {
    /// In one word.
    pub reason: Reason,
    /// In a sentence.
    pub message: String,
}

/// How far the measured may be from the target without a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Below it.
    pub down: f64,
    /// Above it.
    pub up: f64,
}

/// What all metrics are judged with.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The count that is asked for now.
    pub current: i32,
    /// All pods of the fleet.
    pub pods: &'a [Pod],
    /// The tolerance.
    pub tolerance: Tolerance,
    /// Distrust of young pods.
    pub startup: Startup,
    /// The time.
    pub now: Timestamp,
}

impl Unable {
    /// An error of a metric.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { down: 0.1, up: 0.1 }
    }
}

impl Tolerance {
    fn holds(self, ratio: f64) -> bool {
        (1.0 - self.down) <= ratio && ratio <= (1.0 + self.up)
    }
}

impl Scene<'_> {
    /// Use in whole percent of what is requested, against `target` percent.
    pub fn utilization(
        &self,
        resource: Resource,
        samples: &[Sample],
        target: i32,
    ) -> Result<Proposal, Unable> {
        let unable = |message: String| Unable::new(Reason::FailedGetResourceMetric, message);
        let mut requests = BTreeMap::new();
        for pod in self.pods {
            let request = pod.request(resource).ok_or_else(|| {
                let (resource, pod) = (resource.as_str(), &pod.name);
                unable(format!("missing request for {resource} in Pod {pod}"))
            })?;
            requests.insert(pod.name.as_str(), request);
        }
        let measure = |values: &BTreeMap<&str, i64>| {
            let (mut used, mut requested) = (0_i128, 0_i128);
            for (pod, value) in values {
                if let Some(request) = requests.get(pod) {
                    used += i128::from(*value);
                    requested += i128::from(*request);
                }
            }
            if requested == 0 {
                return Err(unable("no metrics returned matched known pods".into()));
            }
            let percent = (used * 100 / requested).clamp(i32::MIN.into(), i32::MAX.into()) as i32;
            Ok((f64::from(percent) / f64::from(target), i64::from(percent)))
        };
        // A missing pod counts as using what it asked for, or the target where that is more.
        let fill = |pod: &str| {
            let request = requests.get(pod).copied().unwrap_or(0);
            request.saturating_mul(target.max(100).into()) / 100
        };
        self.grouped(samples, Some(resource), unable, measure, fill)
    }

    /// The average of the pods, against `target`; both in thousandths.
    pub fn average(
        &self,
        resource: Option<Resource>,
        samples: &[Sample],
        target: i64,
    ) -> Result<Proposal, Unable> {
        let reason = match resource {
            Some(_) => Reason::FailedGetResourceMetric,
            None => Reason::FailedGetPodsMetric,
        };
        let measure = |values: &BTreeMap<&str, i64>| {
            let total: i128 = values.values().copied().map(i128::from).sum();
            let average = (total / values.len() as i128) as i64;
            Ok((average as f64 / target as f64, average))
        };
        let unable = |message| Unable::new(reason, message);
        self.grouped(samples, resource, unable, measure, |_| target)
    }

    /// One value for the whole, against `target`; both in thousandths.
    pub fn value(&self, value: i64, target: i64) -> Result<Proposal, Unable> {
        let ratio = value as f64 / target as f64;
        let replicas = if self.current == 0 {
            ceil(ratio)
        } else if self.tolerance.holds(ratio) {
            self.current
        } else {
            if self.pods.is_empty() {
                let message =
                    "no pods returned by selector while calculating replica count".to_owned();
                return Err(Unable::new(Reason::FailedGetExternalMetric, message));
            }
            let ready = self.pods.iter().filter(|pod| pod.is_ready()).count();
            ceil(ratio * ready as f64)
        };
        Ok(Proposal {
            replicas,
            measured: value,
        })
    }

    /// A total shared by the pods, against `target` a pod; both in thousandths.
    pub fn total(&self, total: i64, target: i64, status_replicas: i32) -> Proposal {
        let ratio = total as f64 / (target as f64 * f64::from(status_replicas));
        let replicas = if self.tolerance.holds(ratio) {
            status_replicas
        } else {
            ceil(total as f64 / target as f64)
        };
        Proposal {
            replicas,
            measured: (total as f64 / f64::from(status_replicas)).ceil() as i64,
        }
    }

    fn grouped(
        &self,
        samples: &[Sample],
        resource: Option<Resource>,
        unable: impl Fn(String) -> Unable,
        measure: impl Fn(&BTreeMap<&str, i64>) -> Result<(f64, i64), Unable>,
        fill: impl Fn(&str) -> i64,
    ) -> Result<Proposal, Unable> {
        if self.pods.is_empty() {
            let message = "no pods returned by selector while calculating replica count";
            return Err(unable(message.into()));
        }
        let groups = group(self.pods, samples, resource, &self.startup, self.now);
        let mut values: BTreeMap<&str, i64> = samples
            .iter()
            .map(|sample| (sample.pod.as_str(), sample.value))
            .filter(|(pod, _)| !groups.unready.contains(pod) && !groups.ignored.contains(pod))
            .collect();
        if values.is_empty() {
            return Err(unable("did not receive metrics for any ready pods".into()));
        }
        let (ratio, measured) = measure(&values)?;
        let proposal = |replicas| Proposal { replicas, measured };
        let with_unready = !groups.unready.is_empty() && ratio > 1.0;
        if !with_unready && groups.missing.is_empty() {
            if self.tolerance.holds(ratio) {
                return Ok(proposal(self.current));
            }
            return Ok(proposal(ceil(ratio * groups.ready as f64)));
        }
        fill_in(&mut values, &groups, ratio, fill);
        let (filled, _) = measure(&values)?;
        let turned = (ratio < 1.0 && filled > 1.0) || (ratio > 1.0 && filled < 1.0);
        if self.tolerance.holds(filled) || turned {
            return Ok(proposal(self.current));
        }
        let replicas = ceil(filled * values.len() as f64);
        let contradicts =
            (filled < 1.0 && replicas > self.current) || (filled > 1.0 && replicas < self.current);
        Ok(proposal(if contradicts { self.current } else { replicas }))
    }
}

/// Pods without a sample count against the change: as loaded on the way down, as idle on the way up.
fn fill_in<'a>(
    values: &mut BTreeMap<&'a str, i64>,
    groups: &Groups<'a>,
    ratio: f64,
    fill: impl Fn(&str) -> i64,
) {
    for pod in &groups.missing {
        if ratio < 1.0 {
            values.insert(pod, fill(pod));
        } else if ratio > 1.0 {
            values.insert(pod, 0);
        }
    }
    if ratio > 1.0 {
        values.extend(groups.unready.iter().map(|pod| (*pod, 0)));
    }
}

/// Rounded up; what is beyond an i32 is cut to it.
fn ceil(replicas: f64) -> i32 {
    replicas.ceil() as i32
}

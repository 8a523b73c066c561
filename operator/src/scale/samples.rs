//! What was measured, and what of it is fit to decide by.

use carillon_crds::resource::MetricType;
use jiff::{SignedDuration, Timestamp};

use super::hpa;
use super::hpa::condition::Reason;
use super::hpa::pods::{Pod, Sample};
use super::hpa::replicas::Unable;
use super::settings::{Settings, Target, Wanted};

/// What was read of every metric of the settings, in their order: data, or why there are none.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples(pub Vec<Result<Data, Unable>>);

/// What was read of one metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// A value of each pod.
    Pods(Vec<PodSample>),
    /// One value.
    Whole {
        /// The value.
        value: f64,
        /// How old its data are, where the spec has a `freshness`.
        taken: Option<Timestamp>,
    },
}

/// A value of one pod.
#[derive(Debug, Clone, PartialEq)]
pub struct PodSample {
    /// Its name.
    pub pod: String,
    /// The value.
    pub value: f64,
    /// When it was scraped.
    pub time: Timestamp,
}

/// What is left of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The metric, or why there is none.
    pub metric: Result<hpa::Metric, Unable>,
    /// What is missing, though it can be computed: reason enough not to scale down.
    pub gap: Option<Unable>,
    /// The time of the oldest sample that counts, where it is known.
    pub taken: Option<Timestamp>,
}

/// Keeps what is possible, fresh and of a live pod.
pub fn judge(settings: &Settings, samples: &Samples, pods: &[Pod], now: Timestamp) -> Vec<Judged> {
    let unread = Err(Unable::new(
        Reason::InvalidMetricSourceType,
        "it was not read",
    ));
    settings
        .metrics
        .iter()
        .enumerate()
        .map(|(place, wanted)| {
            let judge = Judge {
                wanted,
                max_age: settings.max_age,
                pods,
                now,
            };
            match samples.0.get(place).unwrap_or(&unread) {
                Err(unable) => Judged::unable(unable.clone()),
                Ok(data) => judge.judge(data),
            }
        })
        .collect()
}

/// The reason of the HPA for a metric of this kind that could not be had.
pub fn failure(kind: MetricType) -> Reason {
    match kind {
        MetricType::CPU | MetricType::Memory => Reason::FailedGetResourceMetric,
        MetricType::Query => Reason::FailedGetExternalMetric,
        _ => Reason::FailedGetPodsMetric,
    }
}

/// An age, in steps: a text that grows with every second would be written with every decision.
pub fn age(age: SignedDuration) -> &'static str {
    const STEPS: &[(i64, &str)] = &[
        (30, "<30s"),
        (60, "<1m"),
        (120, "<2m"),
        (300, "<5m"),
        (600, "<10m"),
        (1800, "<30m"),
        (3600, "<1h"),
    ];
    let step = STEPS.iter().find(|(below, _)| age.as_secs() < *below);
    step.map_or(">=1h", |(_, text)| text)
}

struct Judge<'a> {
    wanted: &'a Wanted,
    max_age: SignedDuration,
    pods: &'a [Pod],
    now: Timestamp,
}

impl Judge<'_> {
    fn judge(&self, data: &Data) -> Judged {
        match (data, self.wanted.target) {
            (Data::Pods(samples), Target::Average { resource, target }) => {
                self.pods(samples, |samples| hpa::Metric::Average {
                    resource,
                    samples,
                    target,
                })
            }
            (Data::Pods(samples), Target::Utilization { resource, percent }) => {
                self.pods(samples, |samples| hpa::Metric::Utilization {
                    resource,
                    samples,
                    target: percent,
                })
            }
            (Data::Whole { value, taken }, Target::Value(target)) => {
                self.whole(*value, *taken, |value| hpa::Metric::Value { value, target })
            }
            (Data::Whole { value, taken }, Target::Total(target)) => {
                self.whole(*value, *taken, |total| hpa::Metric::Total { total, target })
            }
            (Data::Pods(_), _) => self.mismatch("a value of each pod", "one value"),
            (Data::Whole { .. }, _) => self.mismatch("one value", "a value of each pod"),
        }
    }

    fn pods(&self, samples: &[PodSample], metric: impl Fn(Vec<Sample>) -> hpa::Metric) -> Judged {
        let live = |sample: &&PodSample| self.pods.iter().any(|pod| pod.name == sample.pod);
        // Nothing of a pod that is measured can be below 0.
        let possible = |sample: &&PodSample| sample.value.is_finite() && sample.value >= 0.0;
        let fresh = |sample: &&PodSample| self.is_fresh(sample.time);
        let of_pods = || samples.iter().filter(live);
        let counted: Vec<_> = of_pods().filter(possible).filter(fresh).collect();
        let oldest = counted.iter().map(|sample| sample.time).min();
        let newest = of_pods().map(|sample| sample.time).max();
        if counted.is_empty() {
            return Judged::unable(self.nothing(newest, of_pods().any(|one| fresh(&one))));
        }
        let has = |pod: &Pod| counted.iter().any(|sample| sample.pod == pod.name);
        let obliged = self.pods.iter().filter(|pod| self.has_to_report(pod));
        let (ready, without) = obliged.fold((0, Vec::new()), |(ready, mut without), pod| {
            if !has(pod) {
                without.push(pod.name.as_str());
            }
            (ready + 1, without)
        });
        let gap = (!without.is_empty()).then(|| {
            let message = format!(
                "{}: {} of {ready} ready pods have no fresh sample: {}",
                self.wanted,
                without.len(),
                some(&without)
            );
            Unable::new(Reason::MetricPartial, message)
        });
        let samples = counted.into_iter().map(|sample| self.sample(sample));
        Judged {
            metric: Ok(metric(samples.collect())),
            gap,
            taken: oldest,
        }
    }

    fn whole(
        &self,
        value: f64,
        taken: Option<Timestamp>,
        metric: impl Fn(i64) -> hpa::Metric,
    ) -> Judged {
        let stale = taken.filter(|taken| !self.is_fresh(*taken));
        let metric = if !value.is_finite() {
            Err(self.unable(failure(self.wanted.kind), &format!("the value is {value}")))
        } else if let Some(taken) = stale {
            Err(self.stale(taken))
        } else {
            Ok(metric(to_thousandths(value)))
        };
        Judged {
            metric,
            gap: None,
            taken,
        }
    }

    fn sample(&self, sample: &PodSample) -> Sample {
        Sample {
            pod: sample.pod.clone(),
            value: to_thousandths(sample.value),
            time: sample.time,
            window: self.wanted.window(),
        }
    }

    /// Why no sample of any pod counts.
    fn nothing(&self, newest: Option<Timestamp>, fresh: bool) -> Unable {
        let failed = failure(self.wanted.kind);
        match newest {
            None => self.unable(failed, "no pod has a sample"),
            Some(_) if fresh => self.unable(failed, "no pod has a finite value of 0 or more"),
            Some(newest) => self.stale(newest),
        }
    }

    fn stale(&self, taken: Timestamp) -> Unable {
        let old = age(self.now.duration_since(taken));
        let most = self.max_age.as_secs();
        let message = format!("the newest sample is {old} old, at most {most}s (maxAge) is fresh");
        self.unable(Reason::MetricStale, &message)
    }

    fn mismatch(&self, read: &str, wanted: &str) -> Judged {
        let message = format!("{read} was read, {wanted} is wanted");
        Judged::unable(self.unable(Reason::InvalidMetricSourceType, &message))
    }

    fn unable(&self, reason: Reason, message: &str) -> Unable {
        Unable::new(reason, format!("{}: {message}", self.wanted))
    }

    fn is_fresh(&self, time: Timestamp) -> bool {
        self.now.duration_since(time) <= self.max_age
    }

    /// A pod that is ready and has had the time to be scraped.
    fn has_to_report(&self, pod: &Pod) -> bool {
        pod.is_ready()
            && !pod.deleted
            && pod
                .started
                .is_none_or(|started| self.now.duration_since(started) > self.max_age)
    }
}

impl Judged {
    fn unable(unable: Unable) -> Self {
        Self {
            metric: Err(unable),
            gap: None,
            taken: None,
        }
    }
}

/// Cut off, as the metrics adapters of the HPA do.
fn to_thousandths(value: f64) -> i64 {
    (value * 1000.0) as i64
}

/// The first three names.
fn some(names: &[&str]) -> String {
    let more = if names.len() > 3 { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(3)].join(", "))
}

//! The past of a fleet, read from a Prometheus as the operator would have read it.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::prometheus::{Client, collect};
use crate::scale::samples::Data;
use crate::scale::settings::Settings;
use crate::scale::simulation::Moment;

/// Moments an interval apart. What could not be read is no data, as it would have been then.
pub(super) async fn read(
    client: &Client,
    settings: &Settings,
    metadata: &ObjectMeta,
    (from, until): (Timestamp, Timestamp),
) -> Vec<Moment> {
    let namespace = metadata.namespace.as_deref().unwrap_or("default");
    let name = metadata.name.as_deref().unwrap_or_default();
    let interval = settings.interval.max(SignedDuration::from_secs(1));
    let mut moments = Vec::new();
    let mut time = from;
    while time <= until {
        let samples = collect(client, settings, namespace, name, time).await;
        let total = |data: &Data| total(data, settings, time);
        let totals = samples
            .0
            .iter()
            .map(|data| data.as_ref().ok().and_then(total));
        moments.push(Moment {
            time,
            totals: totals.collect(),
            missing: 0,
            rollout: false,
        });
        time += interval;
    }
    moments
}

/// The fleet's load: the sum of what was fresh.
fn total(data: &Data, settings: &Settings, now: Timestamp) -> Option<f64> {
    let fresh = |time: Timestamp| now.duration_since(time) <= settings.max_age;
    match data {
        Data::Pods(samples) => {
            let fresh: Vec<_> = samples.iter().filter(|sample| fresh(sample.time)).collect();
            let sum = || fresh.iter().map(|sample| sample.value).sum();
            (!fresh.is_empty()).then(sum)
        }
        Data::Whole { value, taken } => taken.is_none_or(fresh).then_some(*value),
    }
}

//! All that one decision needs.

use std::collections::BTreeMap;

use carillon_crds::resource::Labels;
use futures_util::future::{join, join_all};
use jiff::{SignedDuration, Timestamp};

use super::answer::{Answer, Sample};
use super::client::{Client, Error};
use crate::scale::hpa::condition::Reason;
use crate::scale::hpa::replicas::Unable;
use crate::scale::promql::by_pod;
use crate::scale::samples::{Data, PodSample, Samples, failure};
use crate::scale::settings::{Settings, Wanted};

/// Reads every metric for the fleet `name` of `namespace`, as of `now`, all at once.
pub async fn collect(
    client: &Client,
    settings: &Settings,
    namespace: &str,
    name: &str,
    now: Timestamp,
) -> Samples {
    let read = settings.metrics.iter().map(|wanted| async move {
        let read = read(client, &settings.labels, wanted, (namespace, name), now).await;
        read.map_err(|error| unable(wanted, &error))
    });
    Samples(join_all(read).await)
}

async fn read(
    client: &Client,
    labels: &Labels,
    wanted: &Wanted,
    (namespace, name): (&str, &str),
    now: Timestamp,
) -> Result<Data, Error> {
    if let Some(ask) = by_pod(wanted.kind, labels, namespace, name) {
        let (values, times) =
            join(client.query(&ask.value, now), client.query(&ask.time, now)).await;
        let values = vector(values?)?;
        let times = vector(times?)?;
        return Ok(Data::Pods(samples(&values, &times, &labels.pod)));
    }
    let (query, freshness) = wanted.query.as_ref().ok_or(Error::Empty)?;
    let value = async { client.query(query, now).await?.single() };
    let taken = async {
        match freshness {
            Some(freshness) => timestamp(client.query(freshness, now).await?.single()?).map(Some),
            None => Ok(None),
        }
    };
    let (value, taken) = join(value, taken).await;
    Ok(Data::Whole {
        value: value?,
        taken: taken?,
    })
}

fn vector(answer: Answer) -> Result<Vec<Sample>, Error> {
    match answer {
        Answer::Vector(samples) => Ok(samples),
        Answer::Scalar(_) => Err(Error::ResultType("scalar".into())),
    }
}

/// Values and times of the same pods; what has no time is no sample.
fn samples(values: &[Sample], times: &[Sample], label: &str) -> Vec<PodSample> {
    let pod = |sample: &Sample| sample.labels.get(label).cloned();
    let times: BTreeMap<_, _> = times
        .iter()
        .filter_map(|sample| Some((pod(sample)?, timestamp(sample.value).ok()?)))
        .collect();
    let sample = |sample: &Sample| {
        let pod = pod(sample)?;
        Some(PodSample {
            time: *times.get(&pod)?,
            value: sample.value,
            pod,
        })
    };
    values.iter().filter_map(sample).collect()
}

fn timestamp(seconds: f64) -> Result<Timestamp, Error> {
    let wrong = || Error::Garbage(format!("{seconds} is no time in seconds since 1970"));
    let since = SignedDuration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    Timestamp::from_duration(since).map_err(|_| wrong())
}

fn unable(wanted: &Wanted, error: &Error) -> Unable {
    let reason = match error {
        Error::Warnings(_) => Reason::MetricPartial,
        _ => failure(wanted.kind),
    };
    Unable::new(reason, format!("{wanted}: Prometheus: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(pod: &str, value: f64) -> Sample {
        Sample {
            labels: BTreeMap::from([("pod".to_owned(), pod.to_owned())]),
            value,
        }
    }

    #[test]
    fn values_meet_their_times() {
        let values = [sample("a", 1.0), sample("b", 2.0), sample("c", 3.0)];
        let times = [
            sample("b", 20.5),
            sample("a", 10.0),
            sample("d", 9.0),
            sample("c", f64::NAN),
        ];
        let found = samples(&values, &times, "pod");
        let expected = [("a", 1.0, 10_000), ("b", 2.0, 20_500)];
        assert_eq!(found.len(), 2);
        for (found, (pod, value, time)) in found.iter().zip(expected) {
            assert_eq!((found.pod.as_str(), found.value), (pod, value));
            assert_eq!(found.time, Timestamp::from_millisecond(time).unwrap());
        }
        assert_eq!(samples(&values, &times, "other"), []);
    }

    #[test]
    fn times() {
        assert!(timestamp(f64::NAN).is_err());
        assert!(timestamp(f64::INFINITY).is_err());
        assert!(timestamp(1e300).is_err());
        assert_eq!(
            timestamp(1.5).unwrap(),
            Timestamp::from_millisecond(1500).unwrap()
        );
    }
}

//! Families of samples under the names, kinds and labels of the table.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::counter::{BOUNDS, HistogramTotal};
use super::families::Family;
use super::values;

/// A growing collection.
#[derive(Debug, Default)]
pub(super) struct Collection(Vec<MetricFamily>);

impl Collection {
    /// Adds a family and takes its samples; the registry leaves out one that has none.
    pub(super) fn family(&mut self, family: Family, samples: impl FnOnce(&mut Samples)) {
        let mut taken = Samples {
            family,
            metrics: Vec::new(),
        };
        samples(&mut taken);
        let mut out = MetricFamily::default();
        out.set_name(family.name.to_owned());
        out.set_help(family.help.to_owned());
        out.set_field_type(family.metric_type());
        out.set_metric(taken.metrics);
        self.0.push(out);
    }

    /// A family of one sample without labels, if its value is known.
    pub(super) fn single(&mut self, family: Family, value: Option<f64>) {
        self.family(family, |samples| {
            if let Some(value) = value {
                samples.add(&[], value);
            }
        });
    }

    pub(super) fn finish(self) -> Vec<MetricFamily> {
        self.0
    }
}

/// The samples of one family. Label values come in the order in which the table names the labels.
pub(super) struct Samples {
    family: Family,
    metrics: Vec<Metric>,
}

impl Samples {
    pub(super) fn add(&mut self, labels: &[&str], value: f64) {
        let mut metric = self.labelled(labels);
        if self.family.metric_type() == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.metrics.push(metric);
    }

    pub(super) fn histogram(&mut self, labels: &[&str], total: &HistogramTotal) {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(BOUNDS.len());
        // The bucket without an upper bound is the count: the encoder adds it.
        for (bound, observed) in BOUNDS.iter().zip(&total.buckets) {
            count += observed;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound as f64 / 1e6);
            bucket.set_cumulative_count(count);
            buckets.push(bucket);
        }
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(total.buckets.iter().sum());
        histogram.set_sample_sum(total.seconds);
        let mut metric = self.labelled(labels);
        metric.set_histogram(histogram);
        self.metrics.push(metric);
    }

    fn labelled(&self, labels: &[&str]) -> Metric {
        debug_assert_eq!(self.family.label_names().count(), labels.len());
        for (label, value) in self.family.label_names().zip(labels) {
            debug_assert!(
                values::is_known(&self.family, label, value),
                "{} {label}={value:?} is not among the values that the docs list",
                self.family.name
            );
        }
        let pair = |(name, value): (&str, &&str)| {
            let mut pair = LabelPair::default();
            pair.set_name(name.to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        Metric::from_label(self.family.label_names().zip(labels).map(pair).collect())
    }
}

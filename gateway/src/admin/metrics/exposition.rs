//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write};

use super::counter::{BOUNDS, HistogramTotal};
use super::families::Family;

/// A growing exposition.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// Starts a family and takes its samples.
    pub(super) fn family(&mut self, family: Family, samples: impl FnOnce(&mut Samples<'_>)) {
        let Family {
            name, kind, help, ..
        } = family;
        let before = self.0.len();
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
        let head = self.0.len();
        samples(&mut Samples { text: self, name });
        if self.0.len() == head {
            self.0.truncate(before);
        }
    }

    /// A family of one sample without labels, if its value is known.
    pub(super) fn single(&mut self, family: Family, value: Option<impl Display>) {
        self.family(family, |samples| {
            if let Some(value) = value {
                samples.add(&[], value);
            }
        });
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a String does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// The samples of one family.
pub(super) struct Samples<'a> {
    text: &'a mut Exposition,
    name: &'static str,
}

impl Samples<'_> {
    pub(super) fn add(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample("", labels, value);
    }

    pub(super) fn histogram(&mut self, labels: &[(&str, &str)], total: &HistogramTotal) {
        let mut count = 0;
        for (index, bucket) in total.buckets.iter().enumerate() {
            count += bucket;
            let bound = BOUNDS.get(index).map(|bound| *bound as f64 / 1e6);
            let le = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            let labels: Vec<_> = labels
                .iter()
                .copied()
                .chain([("le", le.as_str())])
                .collect();
            self.sample("_bucket", &labels, count);
        }
        self.sample("_sum", labels, total.seconds);
        self.sample("_count", labels, count);
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let pairs: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let braces = if pairs.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", pairs.join(","))
        };
        self.text
            .line(format_args!("{}{suffix}{braces} {value}", self.name));
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

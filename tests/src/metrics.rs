//! Reading the metrics of a gateway.

use std::collections::BTreeMap;

use crate::gateway::Gateway;
use crate::wait;

/// One scrape.
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Scrapes a gateway.
    pub fn of(gateway: &Gateway) -> Self {
        let response = gateway.admin("/metrics");
        assert_eq!(response.status, 200, "{}", response.text());
        let text = response.text();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.filter_map(|line| line.rsplit_once(' '));
        Self(
            samples
                .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
                .collect(),
        )
    }

    /// The sum over every series of a name whose labels contain all of `labels`
    /// (written as `namespace="/x"`).
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let series = self.0.iter().filter(|(key, _)| {
            let base = key.split('{').next();
            base == Some(name) && labels.iter().all(|label| key.contains(label))
        });
        series.map(|(_, value)| value).sum()
    }

    /// Whether any series of that name is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.keys().any(|key| key.split('{').next() == Some(name))
    }

    /// expected, delivered, dropped, pending.
    pub fn deliveries(&self) -> [f64; 4] {
        [
            self.sum("carillon_deliveries_expected_total", &[]),
            self.sum("carillon_deliveries_total", &[]),
            self.sum("carillon_deliveries_dropped_total", &[]),
            self.sum("carillon_deliveries_pending", &[]),
        ]
    }
}

/// Waits until a gateway at rest accounts for every delivery, and returns
/// expected, delivered, dropped, pending.
pub fn assert_accounted(gateway: &Gateway) -> [f64; 4] {
    let mut last = [0.0; 4];
    wait::until("expected = delivered + dropped + pending", || {
        let before = last;
        last = Metrics::of(gateway).deliveries();
        let [expected, delivered, dropped, pending] = last;
        (last == before && expected == delivered + dropped + pending).then_some(())
    });
    last
}

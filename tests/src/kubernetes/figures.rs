//! How fast clients of a load were served.

use serde_json::Value;

/// Times in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Of each first connection, in order of size.
    pub connects: Vec<f64>,
    /// From the loss of a connection until the next one, in order of size.
    pub reconnects: Vec<f64>,
    /// From published to received, of what was published while a client was connected: p50, p99 and the longest.
    pub latency: [f64; 3],
    /// The longest time between two events of one client.
    pub silence: f64,
    /// How many events came.
    pub received: u64,
}

impl Figures {
    pub(super) fn of(value: &Value) -> Self {
        let times = |field: &str| {
            let all = value[field].as_array().into_iter().flatten();
            let mut times: Vec<f64> = all.filter_map(Value::as_f64).collect();
            times.sort_by(f64::total_cmp);
            times
        };
        let latency = |field: &str| value["latencies"][field].as_f64().expect("a number");
        Self {
            connects: times("connects"),
            reconnects: times("reconnects"),
            latency: ["p50", "p99", "max"].map(latency),
            silence: value["silence"].as_f64().expect("a number"),
            received: value["received"].as_u64().expect("a number"),
        }
    }

    /// Of times in order of size, that below which so many hundredths are; 0 of none.
    pub fn percentile(times: &[f64], hundredths: usize) -> f64 {
        let index = times.len() * hundredths / 100;
        let last = times.len().saturating_sub(1);
        times.get(index.min(last)).copied().unwrap_or(0.0)
    }
}

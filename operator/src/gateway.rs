//! What a pod says of itself: `/rules` and `/metrics` of its admin port.

use std::time::Duration;

use carillon_crds::names::{path, port};
use futures_util::future::try_join;
use serde::Deserialize;
use thiserror::Error;

/// What a pod says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The hash of the rules that it serves.
    pub hash: Option<String>,
    /// Why it refused the last document, if it did: every fault.
    pub rejection: Vec<String>,
    /// Its open sessions.
    pub sessions: u64,
    /// Whether it is draining.
    pub draining: bool,
    /// Whether its bus answers; absent where there is none.
    pub bus_up: Option<bool>,
}

/// Why a pod says nothing.
#[derive(Debug, Error)]
pub enum Silent {
    /// No connection, or no answer in time.
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    /// The answer is no answer.
    #[error("its metrics lack carillon_sessions")]
    Metrics,
}

/// Asks pods.
#[derive(Clone, Debug)]
pub struct Gateways(reqwest::Client);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rules {
    hash: Option<String>,
    last_rejection: Option<Rejection>,
}

#[derive(Deserialize)]
struct Rejection {
    faults: Vec<String>,
}

impl Gateways {
    /// A client for all pods.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(1)
            .build()?;
        Ok(Self(client))
    }

    /// Asks the pod at an address.
    pub async fn ask(&self, ip: &str) -> Result<Report, Silent> {
        let host = if ip.contains(':') {
            format!("[{ip}]")
        } else {
            ip.to_owned()
        };
        let url = |path: &str| format!("http://{host}:{}{path}", port::ADMIN);
        let get = async |path: &str| self.0.get(url(path)).send().await?.error_for_status();
        let rules = async { get(path::RULES).await?.json::<Rules>().await };
        let metrics = async { get(path::METRICS).await?.text().await };
        let (rules, metrics) = try_join(rules, metrics).await?;
        read(rules, &metrics)
    }
}

fn read(rules: Rules, metrics: &str) -> Result<Report, Silent> {
    let sessions = sum(metrics, "carillon_sessions").ok_or(Silent::Metrics)?;
    Ok(Report {
        hash: rules.hash,
        rejection: rules
            .last_rejection
            .map(|last| last.faults)
            .unwrap_or_default(),
        sessions: sessions as u64,
        draining: sum(metrics, "carillon_draining").is_some_and(|value| value > 0.0),
        bus_up: sum(metrics, "carillon_bus_up").map(|value| value > 0.0),
    })
}

/// The sum of a family's samples, but for websockets that are piped to another pod: that one counts their sessions.
fn sum(metrics: &str, family: &str) -> Option<f64> {
    let samples = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(family)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once('}')?,
            None => ("", rest.strip_prefix(' ')?),
        };
        if labels.contains("transport=\"relay\"") {
            return Some(0.0);
        }
        value
            .split_whitespace()
            .next()?
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())
    });
    samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

const TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_from_both_answers() {
        let check = |rules: &str, metrics: &str, expected: Option<Report>| {
            let rules: Rules = serde_json::from_str(rules).unwrap();
            assert_eq!(read(rules, metrics).ok(), expected, "{metrics}");
        };
        let metrics = "\
# HELP carillon_sessions Open sessions
# TYPE carillon_sessions gauge
carillon_sessions{transport=\"polling\"} 2
carillon_sessions{transport=\"websocket\"} 40
carillon_sessions{transport=\"relay\"} 5
carillon_sessions_opened_total{transport=\"polling\"} 1000
carillon_draining 1
carillon_bus_up 0
";
        check(
            r#"{"hash":"abc","loadedAt":"2026-01-01T00:00:00Z","rejected":1,"lastRejection":{"at":"x","faults":["a: b"]}}"#,
            metrics,
            Some(Report {
                hash: Some("abc".to_owned()),
                rejection: vec!["a: b".to_owned()],
                sessions: 42,
                draining: true,
                bus_up: Some(false),
            }),
        );
        check(
            r#"{"hash":null,"lastRejection":null}"#,
            "carillon_sessions 7\n",
            Some(Report {
                sessions: 7,
                ..Report::default()
            }),
        );
        check(r#"{"hash":"abc"}"#, "up 1\n", None);
        check(r#"{"hash":"abc"}"#, "carillon_sessions NaN\n", None);
    }
}

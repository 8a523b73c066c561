//! Which rules are in force, and which document was last refused: the body of `/rules`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::time::rfc3339;

/// What is known of the rules of this process.
#[derive(Debug, Default)]
pub struct RulesStatus(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    loaded: Option<(String, SystemTime)>,
    rejected: u64,
    last: Option<(SystemTime, Vec<String>)>,
}

/// The body of `/rules`.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RulesReport {
    /// The hash of the rules in force; null in development mode.
    pub hash: Option<String>,
    /// When they were loaded.
    pub loaded_at: Option<String>,
    /// Documents refused since the start.
    pub rejected: u64,
    /// The last of them, unless a good one came since.
    pub last_rejection: Option<Rejection>,
}

/// A refused document.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Rejection {
    /// When it was refused.
    pub at: String,
    /// All that is wrong with it.
    pub faults: Vec<String>,
}

impl RulesStatus {
    /// Rules of this hash are in force; an earlier rejection is over.
    pub fn loaded(&self, hash: impl Into<String>, at: SystemTime) {
        let mut state = self.lock();
        state.loaded = Some((hash.into(), at));
        state.last = None;
    }

    /// A document was refused; what was in force stays.
    pub fn rejected(&self, faults: Vec<String>, at: SystemTime) {
        let mut state = self.lock();
        state.rejected += 1;
        state.last = Some((at, faults));
    }

    /// The body of `/rules`.
    pub fn report(&self) -> RulesReport {
        let state = self.lock();
        let State {
            loaded,
            rejected,
            last,
        } = &*state;
        RulesReport {
            hash: loaded.as_ref().map(|(hash, _)| hash.clone()),
            loaded_at: loaded.as_ref().map(|(_, at)| rfc3339(*at)),
            rejected: *rejected,
            last_rejection: last.as_ref().map(|(at, faults)| Rejection {
                at: rfc3339(*at),
                faults: faults.clone(),
            }),
        }
    }

    /// For the metrics: hash and time (seconds since the epoch) of what is loaded, and the rejections.
    pub(super) fn facts(&self) -> (Option<(String, f64)>, u64) {
        let state = self.lock();
        let loaded = state.loaded.as_ref().map(|(hash, at)| {
            let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
            (hash.clone(), since.as_secs_f64())
        });
        (loaded, state.rejected)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rejection_lasts_until_the_next_good_document() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let status = RulesStatus::default();
        status.loaded("abc", at(0));
        status.rejected(vec!["namespaces[0].name: is empty".to_owned()], at(86_400));
        let report = serde_json::to_value(status.report()).unwrap();
        let expected = serde_json::json!({
            "hash": "abc", "loadedAt": "1970-01-01T00:00:00Z", "rejected": 1,
            "lastRejection": { "at": "1970-01-02T00:00:00Z", "faults": ["namespaces[0].name: is empty"] },
        });
        assert_eq!(report, expected);
        status.loaded("def", at(90_000));
        let report = status.report();
        assert_eq!(
            (report.hash.as_deref(), report.last_rejection),
            (Some("def"), None)
        );
        assert_eq!(status.facts(), (Some(("def".to_owned(), 90_000.0)), 1));
    }
}

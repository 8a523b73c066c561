//! What the way should be like, and whether it was.

use carillon_tests::kubernetes::Trace;
use serde_json::{Value, json};

use super::scene::BUDGET;

/// Each with what was measured, and whether it held. That nothing was lost, doubled, reordered or told was asserted before.
pub(super) fn targets(report: &Value) -> Vec<Value> {
    let number = |pointer: &str| {
        report
            .pointer(pointer)
            .and_then(Value::as_f64)
            .unwrap_or_default()
    };
    let target = |name: &str, measured: String, held: bool| json!({ "target": name, "measured": measured, "held": held });
    let lost = number("/lostConnections");
    let share = if lost > 0.0 {
        number("/reconnected") / lost * 100.0
    } else {
        100.0
    };
    let (slowest, broadcast) = slowest(report);
    let (connect, reconnect) = (number("/connectMs/p99"), number("/reconnectMs/p99"));
    let moved = number("/mostMovedPerSecond");
    vec![
        target(
            "nothing lost, doubled or reordered in recoverable namespaces",
            format!(
                "0, 0, 0 of what was taken, by {} clients",
                report["clients"]
            ),
            true,
        ),
        target(
            "broadcast p99 < 100 ms at each step at which nothing is killed",
            format!("{broadcast:.1} ms, when {slowest}"),
            broadcast < 100.0,
        ),
        target(
            "connect p99 < 2 s",
            format!("{connect:.0} ms"),
            connect < 2_000.0,
        ),
        target(
            "reconnect p99 < 3 s",
            format!("{reconnect:.0} ms"),
            reconnect < 3_000.0,
        ),
        target(
            "reconnects that succeed ≥ 95 %",
            format!(
                "{share:.1} %; {} of {} with the session recovered",
                report["recovered"]["sessions"], report["recovered"]["of"]
            ),
            share >= 95.0,
        ),
        target(
            "the operator closes no more connections than `drain.reconnectsPerSecond`, over 5 s, within 10 %",
            format!("{moved:.1} of {BUDGET} a second"),
            moved <= Trace::allowed(BUDGET),
        ),
        target(
            "no secret in logs, metrics, objects",
            format!("none in {} lines", report["linesWithoutSecrets"]),
            true,
        ),
    ]
}

/// The step with the slowest broadcasts, and their 99th percentile in milliseconds. What waits for a Redis that is away waits.
fn slowest(report: &Value) -> (String, f64) {
    let is_calm = |step: &&Value| !step["step"].to_string().contains("is killed");
    let steps = report["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(is_calm);
    let measured = steps.filter_map(|step| {
        let name = step["step"].as_str()?.to_owned();
        Some((name, step.pointer("/broadcastMs/p99")?.as_f64()?))
    });
    measured
        .max_by(|one, other| one.1.total_cmp(&other.1))
        .unwrap_or_default()
}

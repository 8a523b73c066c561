//! A decision in words and figures, for status. Figures have two significant digits, ages come in steps: what a person
//! reads, and nothing that changes with every second.

use carillon_crds::resource::MetricStatus;
use jiff::Timestamp;

use super::figures::measured;
use super::guard::Verdict;
use super::hpa::behavior::Limited;
use super::hpa::condition::Reason;
use super::hpa::{Course, Outcome};
use super::quantity::{split, thousandths};
use super::samples::{Judged, age};
use super::settings::{Settings, Target, Wanted};

/// Why so many pods are wanted: `Connections 5100/5000 → 6 (limited by scaleUp policy 4 Pods/60s)`.
pub fn reason(
    settings: &Settings,
    outcome: &Outcome,
    judged: &[Judged],
    verdict: &Verdict,
    current: i32,
) -> String {
    let desired = outcome.desired;
    let (least, most) = settings.bounds;
    let why = match (verdict, outcome.course) {
        (Verdict::Fallback(fallback), _) => {
            return format!(
                "no data for {}s → {desired} (fallback)",
                fallback.after.as_secs()
            );
        }
        (Verdict::Held(message), Course::Measured { .. }) => format!(" (held: {message})"),
        (Verdict::Held(message), _) => return format!("{current} (held: {message})"),
        (Verdict::Passed, Course::Disabled) => return "scaled to 0 by hand".into(),
        (Verdict::Passed, Course::AboveMaximum) => {
            return format!("{current} is above maxReplicas {most} → {desired}");
        }
        (Verdict::Passed, Course::BelowMinimum) => {
            return format!("{current} is below minReplicas {least} → {desired}");
        }
        (Verdict::Passed, Course::NoMetric) => {
            let unable = outcome.proposals.iter().find_map(|one| one.as_ref().err());
            let message = unable.map_or("no metric", |unable| unable.message.as_str());
            return format!("{message} → {desired} (held)");
        }
        (
            Verdict::Passed,
            Course::Measured {
                raw,
                stabilised,
                limited,
                ..
            },
        ) => limit(settings, (current, raw, stabilised), limited),
    };
    let Course::Measured { metric, .. } = outcome.course else {
        return why;
    };
    let wanted = &settings.metrics[metric];
    let value = value(wanted, outcome, judged, metric).unwrap_or_default();
    format!("{wanted} {value}/{} → {desired}{why}", wanted.written)
}

/// What stands between the proposal and the count.
fn limit(
    settings: &Settings,
    (current, raw, stabilised): (i32, i32, i32),
    limited: Limited,
) -> String {
    let (least, most) = settings.bounds;
    let up = stabilised > current;
    let direction = if up { "scaleUp" } else { "scaleDown" };
    match (limited.reason, limited.policy) {
        (Reason::TooManyReplicas, _) => format!(" (limited by maxReplicas {most})"),
        (Reason::TooFewReplicas, _) => format!(" (limited by minReplicas {least})"),
        (Reason::ScaleUpLimit | Reason::ScaleDownLimit, Some(policy)) => {
            format!(" (limited by {direction} policy {policy})")
        }
        (Reason::ScaleUpLimit | Reason::ScaleDownLimit, None) => {
            format!(" ({direction} is disabled)")
        }
        _ if stabilised == raw => String::new(),
        _ if raw < stabilised => {
            let window = settings.behavior.down.window.as_secs();
            format!(" ({raw} after the scaleDown window of {window}s)")
        }
        _ => {
            let window = settings.behavior.up.window.as_secs();
            format!(" ({raw} after the scaleUp window of {window}s)")
        }
    }
}

/// `status.autoscaling.metrics`.
pub fn metrics(
    settings: &Settings,
    outcome: &Outcome,
    judged: &[Judged],
    now: Timestamp,
) -> Vec<MetricStatus> {
    let status = |(place, wanted): (usize, &Wanted)| {
        let judged_one = &judged[place];
        let proposal = outcome.proposals.get(place);
        let error = match (&judged_one.metric, proposal) {
            (Err(unable), _) | (Ok(_), Some(Err(unable))) => Some(unable),
            _ => judged_one.gap.as_ref(),
        };
        let value = value(wanted, outcome, judged, place);
        let age = value.as_ref().map(|_| match judged_one.taken {
            Some(taken) => age(now.duration_since(taken)),
            None => "unknown",
        });
        MetricStatus {
            kind: wanted.kind,
            name: wanted.name.clone(),
            value,
            target: Some(wanted.written.clone()),
            proposal: proposal
                .and_then(|one| one.as_ref().ok())
                .map(|one| one.replicas),
            age: age.map(str::to_owned),
            error: error.map(|unable| unable.message.clone()),
        }
    };
    settings.metrics.iter().enumerate().map(status).collect()
}

/// What was measured, in the unit of the target.
fn value(wanted: &Wanted, outcome: &Outcome, judged: &[Judged], place: usize) -> Option<String> {
    let measured = measured(outcome, judged, place)? as f64;
    Some(match wanted.target {
        Target::Utilization { .. } => format!("{}%", significant(measured)),
        Target::Average { .. } | Target::Value(_) | Target::Total(_) => {
            let (_, unit) = split(&wanted.written);
            // Powers of ten written as such are no unit to read values in.
            let unit = if unit.starts_with(['e', 'E']) {
                ""
            } else {
                unit
            };
            let one = thousandths(&format!("1{unit}")).filter(|one| *one > 0);
            let one = one.unwrap_or(1000) as f64;
            format!("{}{unit}", significant(measured / one))
        }
    })
}

/// Two significant digits.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = 1 - value.abs().log10().floor() as i32;
    if digits <= 0 {
        let unit = 10_f64.powi(-digits);
        return format!("{:.0}", (value / unit).round() * unit);
    }
    let text = format!("{value:.*}", digits as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits() {
        let cases = [
            (0.0, "0"),
            (5100.0, "5100"),
            (5149.0, "5100"),
            (5150.0, "5200"),
            (99.6, "100"),
            (72.4, "72"),
            (7.26, "7.3"),
            (7.0, "7"),
            (0.123, "0.12"),
            (0.5, "0.5"),
            (-12.6, "-13"),
            (123_456_789.0, "120000000"),
        ];
        for (value, expected) in cases {
            assert_eq!(significant(value), expected, "{value}");
        }
    }
}

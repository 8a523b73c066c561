//! What the built-in metrics ask Prometheus.
//!
//! All of them are series that the gateway itself exposes, so that any Prometheus that scrapes the pods has them.
//! CPU and memory are the gateway's own `process_cpu_seconds_total` and `process_resident_memory_bytes`: the
//! container's series come from cAdvisor by way of the kubelet, which many a Prometheus does not scrape, and carry
//! the time of the kubelet's sample, not of ours. The gateway is the only process of its container, so that the two
//! differ by the page cache, which the kernel gives back before the container's limit is reached.
//!
//! A process of another container of the same pod exposes `process_*` too: only targets that also expose
//! `carillon_build_info` count. And a pod that two jobs scrape counts once: sums are made within a target, and the
//! larger of a pod's targets is taken.

use carillon_crds::resource::{Labels, MetricType};

/// Two expressions that give a vector by pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByPod {
    /// The value.
    pub value: String,
    /// When its series was last scraped, in seconds since 1970: an instant query tells the time of the evaluation.
    pub time: String,
}

/// What a built-in metric asks for the pods of fleet `name`; nothing for a `Query`.
pub fn by_pod(kind: MetricType, labels: &Labels, namespace: &str, name: &str) -> Option<ByPod> {
    let select = selector(labels, namespace, name);
    let own = format!("and on (job, instance) carillon_build_info{{{select}}}");
    let (value, raw) = match kind {
        // A relayed session is counted by the pod that has it.
        MetricType::Connections => {
            let series = format!("carillon_sessions{{{select}, transport!=\"relay\"}}");
            (series.clone(), series)
        }
        MetricType::Deliveries => rate(&format!("carillon_deliveries_total{{{select}}}")),
        MetricType::Events => rate(&format!("carillon_events_received_total{{{select}}}")),
        MetricType::Memory => {
            let series = format!("process_resident_memory_bytes{{{select}}}");
            (format!("({series} {own})"), series)
        }
        MetricType::CPU => {
            let (rate, series) = rate(&format!("process_cpu_seconds_total{{{select}}}"));
            (format!("({rate} {own})"), series)
        }
        MetricType::Query => return None,
    };
    let time = match kind {
        MetricType::Memory | MetricType::CPU => format!("(timestamp({raw}) {own})"),
        _ => format!("timestamp({raw})"),
    };
    let pod = &labels.pod;
    Some(ByPod {
        value: format!("max by ({pod}) (sum by ({pod}, job, instance) ({value}))"),
        time: format!("max by ({pod}) ({time})"),
    })
}

fn rate(series: &str) -> (String, String) {
    (format!("rate({series}[1m])"), series.to_owned())
}

/// Names of namespaces and fleets hold nothing that a string or a regular expression would read otherwise.
fn selector(labels: &Labels, namespace: &str, name: &str) -> String {
    format!(
        "{}=\"{namespace}\", {}=~\"{}\"",
        labels.namespace,
        labels.pod,
        pods(name)
    )
}

fn pods(name: &str) -> String {
    format!("{name}-[a-z0-9]+-[a-z0-9]{{5}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let labels = Labels {
            namespace: "ns".into(),
            pod: "pod_name".into(),
        };
        let select = r#"ns="sim", pod_name=~"game-[a-z0-9]+-[a-z0-9]{5}""#;
        let own = format!("and on (job, instance) carillon_build_info{{{select}}}");
        let sum =
            |value: &str| format!("max by (pod_name) (sum by (pod_name, job, instance) ({value}))");
        let max = |time: &str| format!("max by (pod_name) ({time})");
        let cases = [
            (
                MetricType::Connections,
                format!(r#"carillon_sessions{{{select}, transport!="relay"}}"#),
                format!(r#"timestamp(carillon_sessions{{{select}, transport!="relay"}})"#),
            ),
            (
                MetricType::Deliveries,
                format!("rate(carillon_deliveries_total{{{select}}}[1m])"),
                format!("timestamp(carillon_deliveries_total{{{select}}})"),
            ),
            (
                MetricType::Events,
                format!("rate(carillon_events_received_total{{{select}}}[1m])"),
                format!("timestamp(carillon_events_received_total{{{select}}})"),
            ),
            (
                MetricType::Memory,
                format!("(process_resident_memory_bytes{{{select}}} {own})"),
                format!("(timestamp(process_resident_memory_bytes{{{select}}}) {own})"),
            ),
            (
                MetricType::CPU,
                format!("(rate(process_cpu_seconds_total{{{select}}}[1m]) {own})"),
                format!("(timestamp(process_cpu_seconds_total{{{select}}}) {own})"),
            ),
        ];
        for (kind, value, time) in cases {
            let expected = ByPod {
                value: sum(&value),
                time: max(&time),
            };
            assert_eq!(by_pod(kind, &labels, "sim", "game"), Some(expected));
        }
        assert_eq!(by_pod(MetricType::Query, &labels, "sim", "game"), None);
    }

    /// Where the HPA would see one pod under two autoscalers: ours select by names that do not overlap.
    #[test]
    fn fleets_share_no_pod() {
        let fleets = ["game", "game-a", "game-a1b2c", "a", "game-7d9f8"];
        for fleet in fleets {
            let pattern = regex::Regex::new(&format!("^(?:{})$", pods(fleet))).unwrap();
            for other in fleets {
                let pod = format!("{other}-7d9f8b6c5-x2x4z");
                assert_eq!(pattern.is_match(&pod), fleet == other, "{fleet}: {pod}");
            }
            for stranger in [format!("{fleet}-0"), format!("{fleet}-peers"), fleet.into()] {
                assert!(!pattern.is_match(&stranger), "{fleet}: {stranger}");
            }
        }
    }
}

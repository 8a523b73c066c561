//! Pods of Kubernetes as [`mod@super::hpa`] wants them.

use carillon_crds::names::kubernetes::CONTAINER;
use k8s_openapi::api::core::v1 as core;

use super::hpa::pods::{Phase, Pod, Readiness, Requests};
use super::quantity::thousandths;

/// What a decision needs of a pod. Of its containers only the gateway's requests count.
pub fn pod(pod: &core::Pod) -> Pod {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    let conditions = status.and_then(|status| status.conditions.as_deref());
    let ready = conditions
        .unwrap_or_default()
        .iter()
        .find(|one| one.type_ == "Ready");
    Pod {
        name: pod.metadata.name.clone().unwrap_or_default(),
        phase: match phase {
            None | Some("Pending") => Phase::Pending,
            Some("Running") => Phase::Running,
            Some("Succeeded") => Phase::Succeeded,
            Some("Failed") => Phase::Failed,
            Some(_) => Phase::Unknown,
        },
        deleted: pod.metadata.deletion_timestamp.is_some(),
        ready: ready.and_then(readiness),
        started: status
            .and_then(|status| status.start_time.as_ref())
            .map(|time| time.0),
        requests: requests(pod),
    }
}

fn readiness(condition: &core::PodCondition) -> Option<Readiness> {
    Some(Readiness {
        status: match condition.status.as_str() {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        },
        since: condition.last_transition_time.as_ref()?.0,
    })
}

fn requests(pod: &core::Pod) -> Requests {
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice());
    let gateway = |one: &&core::Container| one.name == CONTAINER;
    let resources = containers
        .unwrap_or_default()
        .iter()
        .find(gateway)
        .and_then(|container| container.resources.as_ref());
    let request = |name: &str| {
        let requests = resources?.requests.as_ref()?;
        thousandths(&requests.get(name)?.0)
    };
    Requests {
        cpu: request("cpu"),
        memory: request("memory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod() {
        let text = r#"{
            "metadata": { "name": "game-1-abcde", "deletionTimestamp": "2026-01-01T00:00:00Z" },
            "spec": { "containers": [
                { "name": "sidecar", "resources": { "requests": { "cpu": "2" } } },
                { "name": "gateway", "resources": { "requests": { "cpu": "250m", "memory": "1Gi" } } }
            ] },
            "status": { "phase": "Running", "startTime": "2026-01-01T00:00:01Z", "conditions": [
                { "type": "Initialized", "status": "True" },
                { "type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:02Z" }
            ] }
        }"#;
        let observed = pod(&serde_json::from_str(text).unwrap());
        let expected = Pod {
            name: "game-1-abcde".into(),
            phase: Phase::Running,
            deleted: true,
            ready: Some(Readiness {
                status: Some(false),
                since: "2026-01-01T00:00:02Z".parse().unwrap(),
            }),
            started: Some("2026-01-01T00:00:01Z".parse().unwrap()),
            requests: Requests {
                cpu: Some(250),
                memory: Some(1024 * 1024 * 1024 * 1000),
            },
        };
        assert_eq!(observed, expected);
        let bare = pod(&serde_json::from_str(r#"{ "metadata": {} }"#).unwrap());
        assert_eq!(
            (bare.phase, bare.ready, bare.started),
            (Phase::Pending, None, None)
        );
        assert_eq!(bare.requests, Requests::default());
    }
}

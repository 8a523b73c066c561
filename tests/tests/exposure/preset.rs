//! The proxies that have a preset and run here, with the numbers that the operator derives for them from an engine.

use std::collections::BTreeSet;

use carillon_crds::resource::{RealtimeCluster, Rules};
use carillon_operator::build::{self, Facts, Input, Kind, pod_template};
use carillon_tests::proxy::{Allowance, Proxy};
use serde_json::{Value, json};

/// A preset, by its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
}

impl Front {
    /// The name of the preset.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    /// In front of gateways with this engine (null: the defaults).
    pub(crate) fn start(self, engine: &Value, servers: &[u16]) -> Proxy {
        let allowance = self.allowance(engine);
        match self {
            Self::Nginx => Proxy::nginx_with(servers, allowance),
            Self::Haproxy => Proxy::haproxy_with(servers, allowance),
        }
    }

    /// What the annotations of the Ingress allow for; a proxy that is reloaded cuts everything.
    pub(crate) fn allowance(self, engine: &Value) -> Allowance {
        let annotations = annotations(self.name(), engine);
        let number = |key: &str| {
            let text = annotations[key].as_str().unwrap();
            text.trim_end_matches('s').parse().unwrap()
        };
        let [idle, body] = match self {
            Self::Nginx => ["proxy-read-timeout", "proxy-body-size"]
                .map(|key| number(&format!("nginx.ingress.kubernetes.io/{key}"))),
            Self::Haproxy => ["timeout-tunnel", "proxy-body-size"]
                .map(|key| number(&format!("haproxy-ingress.github.io/{key}"))),
        };
        Allowance {
            idle,
            body,
            after_reload: 1,
        }
    }
}

/// Of the Ingress that the operator makes.
fn annotations(preset: &str, engine: &Value) -> Value {
    let mut spec = json!({
        "exposure": { "type": "Ingress", "preset": preset, "hosts": ["realtime.example.com"] },
        "namespaces": [{ "name": "/" }],
    });
    if !engine.is_null() {
        spec["engine"] = engine.clone();
    }
    let resource = json!({
        "apiVersion": "carillon.dev/v1alpha1",
        "kind": "RealtimeCluster",
        "metadata": { "name": "game", "namespace": "sim", "uid": "6f1c4a52-1d0e-4a0b-9d53-0d4f4f6a3b11" },
        "spec": spec,
    });
    let cluster: RealtimeCluster = serde_json::from_value(resource).unwrap();
    let document = cluster.spec.document().unwrap();
    let template = pod_template::parse(&cluster.spec.pod_template, "spec.podTemplate").unwrap();
    let input = Input {
        cluster: &cluster,
        engine: &document.engine,
        pod_template: &template,
    };
    let facts = Facts {
        default_tag: "0.1.0",
        replicas: None,
        paused: None,
        kinds: &BTreeSet::new(),
        secrets: &[],
        rules: &Rules::from(&document),
        operator_namespace: None,
        runbooks: build::RUNBOOKS,
    };
    let children = build::children(&input, &facts);
    let ingress = children.find(Kind::Ingress, "game").unwrap();
    ingress.object["metadata"]["annotations"].clone()
}

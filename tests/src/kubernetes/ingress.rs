//! An nginx in front of a fleet, as an ingress controller has it: it follows the endpoints of a Service.

use std::net::SocketAddr;
use std::sync::Arc;

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client};

use super::lookout::Lookout;
use super::{Kubernetes, Namespace};
use crate::proxy::{Allowance, Proxy};

/// What the preset `nginx` derives for the engine of the game; a worker of before keeps its connections.
const ALLOWANCE: Allowance = Allowance {
    idle: 100,
    body: 1_000_000,
    after_reload: 600,
};

/// nginx, and the thread that tells it of pods; both end when this value is dropped.
pub struct Ingress {
    proxy: Arc<Proxy>,
    _lookout: Lookout,
}

impl Ingress {
    /// Starts it for the first port of a Service.
    pub fn start(cluster: &Kubernetes, namespace: &Namespace<'_>, service: &str) -> Self {
        let mut known = [nobody()].to_vec();
        let proxy = Arc::new(Proxy::nginx_to(&known, ALLOWANCE));
        let (target, namespace) = (Arc::clone(&proxy), namespace.name().to_owned());
        let selector = format!("kubernetes.io/service-name={service}");
        let lookout = Lookout::start(cluster.kubeconfig(), async move |client| {
            let Some(servers) = endpoints(client, &namespace, &selector).await else {
                return;
            };
            if servers != known {
                target.point_to(&servers, ALLOWANCE);
                known = servers;
            }
        });
        Self {
            proxy,
            _lookout: lookout,
        }
    }

    /// Its URL for what runs on the node.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.proxy.port())
    }
}

/// Where nobody listens: nginx wants one server at least.
fn nobody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

/// The ready ones, in order.
async fn endpoints(client: &Client, namespace: &str, selector: &str) -> Option<Vec<SocketAddr>> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    let slices = slices.list(&ListParams::default().labels(selector)).await;
    let mut servers: Vec<_> = slices.ok()?.items.iter().flat_map(ready).collect();
    servers.sort_unstable();
    if servers.is_empty() {
        servers.push(nobody());
    }
    Some(servers)
}

fn ready(slice: &EndpointSlice) -> Vec<SocketAddr> {
    let ports = slice.ports.iter().flatten();
    let Some(port) = ports.filter_map(|port| port.port).next() else {
        return Vec::new();
    };
    let port = u16::try_from(port).unwrap_or_default();
    let ready = slice.endpoints.iter().filter(|endpoint| {
        let conditions = endpoint.conditions.as_ref();
        conditions.and_then(|conditions| conditions.ready) == Some(true)
    });
    let addresses = ready.flat_map(|endpoint| &endpoint.addresses);
    let parsed = addresses.filter_map(|address| address.parse().ok());
    parsed
        .map(|address| SocketAddr::new(address, port))
        .collect()
}

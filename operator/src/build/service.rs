//! The Services: of browsers, of backends, and of the pods among themselves.

use carillon_crds::names::kubernetes::{api_service, peers_service, port_name};
use carillon_crds::names::port;
use carillon_crds::resource::{ExternalTrafficPolicy, IpFamilyPolicy, ServiceType};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::{Context, Texts};

pub(super) fn build(context: &Context<'_>) -> [Service; 3] {
    [client(context), api(context), peers(context)]
}

fn client(context: &Context<'_>) -> Service {
    let given = &context.spec().exposure.service;
    let ranges = &given.load_balancer_source_ranges;
    let spec = ServiceSpec {
        type_: Some(kind(given.kind).to_owned()),
        ip_family_policy: given
            .ip_family_policy
            .map(|policy| family(policy).to_owned()),
        load_balancer_class: given.load_balancer_class.clone(),
        load_balancer_source_ranges: (!ranges.is_empty()).then(|| ranges.clone()),
        external_traffic_policy: given
            .external_traffic_policy
            .map(|policy| traffic(policy).to_owned()),
        ports: Some(vec![ServicePort {
            node_port: given.node_port,
            // HTTP/1.1 that may become a websocket: what implementations of the Gateway API ask for.
            ..port_of(port_name::CLIENT, port::CLIENT, "kubernetes.io/ws")
        }]),
        ..ServiceSpec::default()
    };
    service(
        context,
        context.name.clone(),
        given.annotations.clone(),
        spec,
    )
}

fn api(context: &Context<'_>) -> Service {
    let spec = ServiceSpec {
        type_: Some("ClusterIP".to_owned()),
        ports: Some(vec![port_of(port_name::API, port::API, "http")]),
        ..ServiceSpec::default()
    };
    service(context, api_service(&context.name), Texts::new(), spec)
}

/// Headless: the names of the pods. Those that are not ready or drain still have sessions, which their peers ask for.
fn peers(context: &Context<'_>) -> Service {
    let spec = ServiceSpec {
        type_: Some("ClusterIP".to_owned()),
        cluster_ip: Some("None".to_owned()),
        publish_not_ready_addresses: Some(true),
        ports: Some(vec![port_of(port_name::PEER, port::PEER, "http")]),
        ..ServiceSpec::default()
    };
    service(context, peers_service(&context.name), Texts::new(), spec)
}

fn service(context: &Context<'_>, name: String, annotations: Texts, spec: ServiceSpec) -> Service {
    Service {
        metadata: context.meta(name, annotations),
        spec: Some(ServiceSpec {
            selector: Some(context.pods()),
            ..spec
        }),
        ..Service::default()
    }
}

fn port_of(name: &str, number: u16, protocol: &str) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number.into(),
        // Said although it is the default: it is a key of the list, which the API server merges by.
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        app_protocol: Some(protocol.to_owned()),
        ..ServicePort::default()
    }
}

const fn kind(of: ServiceType) -> &'static str {
    match of {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
    }
}

const fn family(policy: IpFamilyPolicy) -> &'static str {
    match policy {
        IpFamilyPolicy::SingleStack => "SingleStack",
        IpFamilyPolicy::PreferDualStack => "PreferDualStack",
        IpFamilyPolicy::RequireDualStack => "RequireDualStack",
    }
}

const fn traffic(policy: ExternalTrafficPolicy) -> &'static str {
    match policy {
        ExternalTrafficPolicy::Cluster => "Cluster",
        ExternalTrafficPolicy::Local => "Local",
    }
}

//! How browsers reach a fleet.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How browsers reach the fleet. The client Service is always there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Exposure {
    /// What is made for it.
    #[serde(rename = "type")]
    pub kind: ExposureType,
    /// The proxy in front, for which annotations and routes are derived from `engine` and `drain`.
    pub preset: Preset,
    /// The host names; needed by Ingress and HTTPRoute.
    pub hosts: Vec<String>,
    /// Certificates of an Ingress.
    pub tls: Vec<Tls>,
    /// The class of an Ingress.
    pub class_name: String,
    /// The Gateways to which an HTTPRoute belongs.
    pub parent_refs: Vec<ParentRef>,
    /// Annotations of the Ingress or HTTPRoute; they win over the preset's.
    pub annotations: BTreeMap<String, String>,
    /// The client Service.
    pub service: Service,
}

/// What is made so that browsers reach the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExposureType {
    /// Nothing but the Service inside the cluster.
    #[default]
    None,
    /// The Service, of a type that is reached from outside.
    Service,
    /// An Ingress.
    Ingress,
    /// An HTTPRoute of the Gateway API.
    HTTPRoute,
}

/// The proxy in front.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Unknown: nothing is derived.
    #[default]
    None,
    /// ingress-nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// Traefik.
    Traefik,
    /// Envoy Gateway.
    EnvoyGateway,
    /// Any implementation of the Gateway API.
    GatewayApi,
    /// The AWS Load Balancer Controller.
    Alb,
}

/// A certificate of an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Tls {
    /// The hosts that it is for.
    pub hosts: Vec<String>,
    /// The Secret that holds it; empty: the controller's own.
    pub secret_name: String,
}

/// A Gateway to which an HTTPRoute belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// The Gateway's name.
    pub name: String,
    /// Its namespace; empty: the object's own.
    #[serde(default)]
    pub namespace: String,
    /// One of its listeners; empty: all.
    #[serde(default)]
    pub section_name: String,
    /// One of its ports; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<i32>,
}

/// The client Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// How many address families it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_family_policy: Option<IpFamilyPolicy>,
    /// Which load balancer serves it; cannot be changed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_class: Option<String>,
    /// The networks (CIDR) that may reach its load balancer.
    pub load_balancer_source_ranges: Vec<String>,
    /// Whether traffic from outside may go to pods of other nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
    /// The port on every node; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub node_port: Option<i32>,
}

/// The type of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Inside the cluster.
    #[default]
    ClusterIP,
    /// A port on every node.
    NodePort,
    /// A load balancer.
    LoadBalancer,
}

/// How many address families a Service has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IpFamilyPolicy {
    /// One.
    SingleStack,
    /// Two where the cluster has two.
    PreferDualStack,
    /// Two.
    RequireDualStack,
}

/// Whether traffic from outside may go to pods of other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExternalTrafficPolicy {
    /// It may.
    Cluster,
    /// It stays on the node that it reaches, and keeps the client's address.
    Local,
}

//! The Ingress.

use carillon_crds::names::port;
use carillon_crds::resource::Tls;
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};

use super::super::context::{Context, Texts};
use super::{paths, preset, timing};

pub(super) fn build(context: &Context<'_>) -> Ingress {
    let exposure = &context.spec().exposure;
    let derived = preset::annotations(exposure.preset, timing(context), &context.name);
    let mut annotations: Texts = derived.into_iter().collect();
    annotations.extend(exposure.annotations.clone());
    let class = &exposure.class_name;
    let tls: Vec<IngressTLS> = exposure.tls.iter().map(tls).collect();
    Ingress {
        metadata: context.meta(&context.name, annotations),
        spec: Some(IngressSpec {
            ingress_class_name: (!class.is_empty()).then(|| class.clone()),
            rules: Some(
                exposure
                    .hosts
                    .iter()
                    .map(|host| rule(context, host))
                    .collect(),
            ),
            tls: (!tls.is_empty()).then_some(tls),
            ..IngressSpec::default()
        }),
        ..Ingress::default()
    }
}

fn rule(context: &Context<'_>, host: &str) -> IngressRule {
    let path = |path: &str| HTTPIngressPath {
        path: Some(path.to_owned()),
        path_type: "Prefix".to_owned(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: context.name.clone(),
                port: Some(ServiceBackendPort {
                    number: Some(port::CLIENT.into()),
                    ..ServiceBackendPort::default()
                }),
            }),
            ..IngressBackend::default()
        },
    };
    IngressRule {
        host: Some(host.to_owned()),
        http: Some(HTTPIngressRuleValue {
            paths: paths(context).map(path).into(),
        }),
    }
}

fn tls(given: &Tls) -> IngressTLS {
    let Tls { hosts, secret_name } = given;
    IngressTLS {
        hosts: (!hosts.is_empty()).then(|| hosts.clone()),
        secret_name: (!secret_name.is_empty()).then(|| secret_name.clone()),
    }
}

//! What the builders make of whole resources, beside what they made before.
//!
//! Each folder of `golden/` is a case: `cluster.yaml` (the resource), perhaps `facts.yaml`, and `children.yaml`, which
//! `UPDATE_GOLDEN=1` writes anew.
#![allow(
    clippy::unwrap_used,
    reason = "in a test a panic is the report of a failure"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "whether files are written anew is asked here and nowhere else"
)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use carillon_crds::document::Document;
use carillon_crds::resource::{ExposureType, Preset, RealtimeCluster, Rules};
use carillon_operator::build::{self, Child, Children, Facts, Input, Kind, pod_template, possible};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::CustomResourceExt;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A resource, what was read of it, and what is around it.
struct Case {
    folder: PathBuf,
    cluster: RealtimeCluster,
    document: Document,
    pod_template: PodTemplateSpec,
    around: Around,
}

/// The facts of a case; all may be left out.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Around {
    replicas: Option<i32>,
    paused: Option<bool>,
    kinds: Vec<String>,
    operator_namespace: Option<String>,
}

impl Case {
    fn read(folder: PathBuf) -> Self {
        let cluster: RealtimeCluster = read(&folder.join("cluster.yaml")).unwrap();
        let spec = &cluster.spec;
        spec.rulebook().unwrap();
        Self {
            document: spec.document().unwrap(),
            pod_template: pod_template::parse(&spec.pod_template, "spec.podTemplate").unwrap(),
            around: read(&folder.join("facts.yaml")).unwrap_or_default(),
            cluster,
            folder,
        }
    }

    fn name(&self) -> &str {
        self.folder
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap()
    }

    fn children(&self) -> Children {
        self.children_by("1.2.3")
    }

    /// As an operator of this version makes them.
    fn children_by(&self, version: &str) -> Children {
        let Around {
            replicas,
            paused,
            kinds,
            operator_namespace,
        } = &self.around;
        let known = Kind::ALL.into_iter();
        let kinds: BTreeSet<Kind> = known
            .filter(|kind| kinds.iter().any(|name| name == kind.name()))
            .collect();
        let secrets: BTreeSet<String> = self
            .cluster
            .spec
            .mounted_secrets()
            .unwrap()
            .into_iter()
            .map(|secret| secret.name)
            .collect();
        let facts = Facts {
            default_tag: version,
            replicas: *replicas,
            paused: *paused,
            kinds: &kinds,
            secrets: &Vec::from_iter(secrets),
            rules: &Rules::from(&self.document),
            operator_namespace: operator_namespace.as_deref(),
            runbooks: build::RUNBOOKS,
        };
        let input = Input {
            cluster: &self.cluster,
            engine: &self.document.engine,
            pod_template: &self.pod_template,
        };
        build::children(&input, &facts)
    }
}

/// `None` where there is no such file.
fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let text = fs::read_to_string(path).ok()?;
    Some(serde_yaml::from_str(&text).unwrap())
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn cases() -> Vec<Case> {
    let entries = fs::read_dir(golden()).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path());
    let mut cases: Vec<Case> = folders
        .filter(|path| path.is_dir())
        .map(Case::read)
        .collect();
    cases.sort_by(|one, other| one.folder.cmp(&other.folder));
    assert!(cases.len() >= 8);
    cases
}

#[test]
fn the_children_are_those_of_the_golden_files() {
    for case in cases() {
        let made = yaml(&case.children());
        let path = case.folder.join("children.yaml");
        if updates() {
            fs::write(&path, &made).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == made,
            "{} differs (UPDATE_GOLDEN=1 writes it anew):\n{}",
            path.display(),
            first_difference(&kept, &made)
        );
    }
}

/// A template that differs restarts every fleet when the operator is updated: these hashes change on purpose only, with a
/// line in the changelog.
#[test]
fn a_new_operator_restarts_nothing() {
    let path = golden().join("template-hashes.txt");
    let mut lines = String::new();
    for case in cases()
        .iter()
        .filter(|case| !build::follows_operator(&case.cluster))
    {
        let [old, new] = ["0.1.0", "9.9.9"].map(|version| case.children_by(version));
        assert_eq!(old, new, "{}", case.name());
        let mut template = template(&old).clone();
        template.sort_all_objects();
        let digest = Sha256::digest(template.to_string());
        write!(lines, "{} ", case.name()).unwrap();
        for byte in digest {
            write!(lines, "{byte:02x}").unwrap();
        }
        lines.push('\n');
    }
    if std::env::var_os("UPDATE_TEMPLATE_HASHES").is_some() {
        fs::write(&path, &lines).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == lines,
        "pod templates have changed, so this operator would restart fleets (UPDATE_TEMPLATE_HASHES=1 if it must):\n{}",
        first_difference(&kept, &lines)
    );
}

/// Without a tag the image follows, and nothing else.
#[test]
fn only_the_image_follows_the_operator() {
    let following: Vec<Case> = cases()
        .into_iter()
        .filter(|case| build::follows_operator(&case.cluster))
        .collect();
    assert!(!following.is_empty());
    for case in following {
        let [old, new] = ["0.1.0", "9.9.9"].map(|version| case.children_by(version));
        assert_ne!(old, new, "{}", case.name());
        let mut changed = template(&old).clone();
        let image = changed.pointer_mut("/spec/containers/0/image").unwrap();
        *image = Value::from("carillon/gateway:9.9.9");
        assert_eq!(&changed, template(&new), "{}", case.name());
    }
}

/// What is switched off is deleted by its kind and name.
#[test]
fn every_child_is_a_possible_one() {
    let mut made = BTreeSet::new();
    for case in cases() {
        let possible = possible("game");
        for Child { kind, name, .. } in case.children().objects {
            assert!(possible.contains(&(kind, name.clone())), "{kind:?} {name}");
            made.insert((kind, name));
        }
    }
    let never: Vec<_> = possible("game")
        .into_iter()
        .filter(|child| !made.contains(child))
        .collect();
    assert_eq!(never, [], "no golden file has these");
}

/// What a resource may say of its exposure is made somewhere, and each preset by what its proxy reads.
#[test]
fn every_exposure_is_made() {
    let made: BTreeSet<_> = cases().iter().filter_map(exposure).collect();
    let types: BTreeSet<_> = made.iter().map(|(kind, _)| kind.clone()).collect();
    assert_eq!(types, allowed("type"));
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ingress.md");
    let page = fs::read_to_string(page).unwrap();
    for preset in allowed("preset") {
        let by = match serde_json::from_value(Value::from(&*preset)).unwrap() {
            Preset::None => "Service",
            Preset::Nginx | Preset::Haproxy | Preset::Traefik | Preset::Alb => "Ingress",
            Preset::EnvoyGateway | Preset::GatewayApi => "HTTPRoute",
        };
        let wanted = (by.to_owned(), preset);
        assert!(made.contains(&wanted), "no golden file has {wanted:?}");
        let row = format!("\n| `{}` |", wanted.1);
        assert!(page.contains(&row), "docs/ingress.md does not tell {row}");
    }
}

/// The type and the preset of a case, if what they ask for is among its children.
fn exposure(case: &Case) -> Option<(String, String)> {
    let exposure = &case.cluster.spec.exposure;
    let children = case.children();
    let has = |kind| children.find(kind, "game").is_some();
    let service = children.find(Kind::Service, "game").unwrap();
    let is_outside = service.object["spec"]["type"] != "ClusterIP";
    let is_made = match exposure.kind {
        ExposureType::None => true,
        ExposureType::Service => is_outside,
        ExposureType::Ingress => has(Kind::Ingress),
        ExposureType::HTTPRoute => has(Kind::HttpRoute),
    };
    let given = serde_json::to_value(exposure).unwrap();
    let text = |key: &str| given[key].as_str().unwrap().to_owned();
    is_made.then(|| (text("type"), text("preset")))
}

/// What the definition allows a field of `exposure` to be.
fn allowed(field: &str) -> BTreeSet<String> {
    let definition = serde_json::to_value(RealtimeCluster::crd()).unwrap();
    let spec =
        &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let field = &spec["properties"]["exposure"]["properties"][field];
    serde_json::from_value(field["enum"].clone()).unwrap()
}

/// The types of the API know every field: what they do not know would be lost on the way back.
#[test]
fn the_types_of_the_api_know_every_field() {
    use k8s_openapi::api::{
        apps::v1 as apps, core::v1 as core, networking::v1 as net, policy::v1 as policy,
    };
    for case in cases() {
        for Child { kind, object, .. } in case.children().objects {
            match kind {
                Kind::ServiceAccount => known::<core::ServiceAccount>(&object),
                Kind::ConfigMap => known::<core::ConfigMap>(&object),
                Kind::Service => known::<core::Service>(&object),
                Kind::NetworkPolicy => known::<net::NetworkPolicy>(&object),
                Kind::PodDisruptionBudget => known::<policy::PodDisruptionBudget>(&object),
                Kind::Deployment => known::<apps::Deployment>(&object),
                Kind::Ingress => known::<net::Ingress>(&object),
                Kind::HttpRoute | Kind::PodMonitor | Kind::PrometheusRule => {
                    assert_eq!(object["apiVersion"], kind.gvk().api_version());
                    assert_eq!(object["kind"], kind.name());
                }
            }
        }
    }
}

fn known<T: serde::Serialize + serde::de::DeserializeOwned>(object: &Value) {
    let typed: T = serde_json::from_value(object.clone()).unwrap();
    assert_eq!(&serde_json::to_value(typed).unwrap(), object);
}

fn template(children: &Children) -> &Value {
    let deployment = children.find(Kind::Deployment, "game").unwrap();
    &deployment.object["spec"]["template"]
}

fn yaml(children: &Children) -> String {
    let mut text = String::from(
        "# Generated: UPDATE_GOLDEN=1 cargo test -p carillon-operator --test golden\n",
    );
    for conflict in &children.conflicts {
        writeln!(text, "# conflict: {conflict}").unwrap();
    }
    for kind in &children.missing {
        writeln!(text, "# missing: {}", kind.name()).unwrap();
    }
    for child in &children.objects {
        let mut object = child.object.clone();
        outline(&mut object);
        text.push_str("---\n");
        text.push_str(&serde_yaml::to_string(&object).unwrap());
    }
    text
}

/// Leaves of dashboards what differs from fleet to fleet: the rest stands in the chart, where it is compared.
fn outline(object: &mut Value) {
    let data = object.get_mut("data").and_then(Value::as_object_mut);
    for (file, text) in data.into_iter().flatten() {
        if file.starts_with("carillon-") {
            let whole: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            let part = |key: &str| whole[key].to_string();
            *text = format!("{} {} {} …", part("uid"), part("title"), part("tags")).into();
        }
    }
}

fn first_difference(kept: &str, made: &str) -> String {
    let mut lines = kept.lines().zip(made.lines()).enumerate();
    match lines.find(|(_, (kept, made))| kept != made) {
        Some((index, (kept, made))) => format!("line {}: kept {kept:?}, made {made:?}", index + 1),
        None => "one of them is longer".to_owned(),
    }
}

fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

//! Dashboards for Grafana: for all fleets, as the operator's chart has them, and opened at one fleet, as its ConfigMap has them.

mod autoscaling;
mod fleet;
mod grafana;
mod model;
mod namespaces;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use carillon_crds::names::kubernetes::dashboards_config_map;
use carillon_crds::resource::Switch;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use self::grafana::Fleet;
use self::model::Dashboard;
use super::Kind;
use super::context::{Context, Texts};
use crate::cache::live::digest;

/// The label by which the sidecar finds it.
const LABEL: (&str, &str) = ("grafana_dashboard", "1");
/// Words that stand for a fleet, and that no name has.
const PLACE: Fleet<'_> = Fleet {
    id: "@id@",
    namespace: "@namespace@",
    name: "@name@",
};
/// A word that stands for where its runbooks are.
const ITS_RUNBOOKS: &str = "@runbooks@";
/// So many hexadecimal digits tell fleets apart.
const DIGITS: usize = 10;

/// File names and texts, for all fleets; they link to [`super::RUNBOOKS`].
#[must_use]
pub fn files() -> BTreeMap<String, String> {
    written(None, super::RUNBOOKS, |dashboard| {
        serde_json::to_string_pretty(dashboard).map(|text| text + "\n")
    })
}

/// The same, opened at one fleet, with links to these runbooks. Each has a uid and a title of its own: Grafana takes no two
/// dashboards of one uid.
#[must_use]
pub fn files_of(namespace: &str, name: &str, runbooks: &str) -> BTreeMap<String, String> {
    // A URL may hold signs that JSON escapes.
    let runbooks = serde_json::Value::from(runbooks).to_string();
    let runbooks = &runbooks[1..runbooks.len() - 1];
    // They are asked for at each look at a fleet: to fill them in is a tenth of the work of making them.
    static BLANK: LazyLock<BTreeMap<String, String>> =
        LazyLock::new(|| written(Some(PLACE), ITS_RUNBOOKS, serde_json::to_string));
    let id = &digest(&format!("{namespace}/{name}"))[..DIGITS];
    let filled = BLANK.iter().map(|(file, text)| {
        let text = text.replace(PLACE.id, id);
        let text = text.replace(PLACE.namespace, namespace);
        let text = text.replace(ITS_RUNBOOKS, runbooks);
        (file.clone(), text.replace(PLACE.name, name))
    });
    filled.collect()
}

/// None where none is wanted. A ConfigMap is always possible, so `Auto` goes by whether the cluster has Prometheus's operator,
/// which Grafana is usually beside.
pub(super) fn build(context: &Context<'_>) -> Option<ConfigMap> {
    let wanted = match context.spec().monitoring.dashboards {
        Switch::Auto => context.facts.kinds.contains(&Kind::PodMonitor),
        Switch::Enabled => true,
        Switch::Disabled => false,
    };
    if !wanted {
        return None;
    }
    let meta = context.meta(dashboards_config_map(&context.name), Texts::new());
    let mut labels = meta.labels.unwrap_or_default();
    labels.insert(LABEL.0.to_owned(), LABEL.1.to_owned());
    Some(ConfigMap {
        metadata: ObjectMeta {
            labels: Some(labels),
            ..meta
        },
        data: Some(files_of(
            &context.namespace,
            &context.name,
            context.facts.runbooks,
        )),
        ..ConfigMap::default()
    })
}

fn written(
    fleet: Option<Fleet<'_>>,
    runbooks: &str,
    text: impl Fn(&serde_json::Value) -> serde_json::Result<String>,
) -> BTreeMap<String, String> {
    let all: [Dashboard; 3] = [
        fleet::dashboard(),
        namespaces::dashboard(),
        autoscaling::dashboard(),
    ];
    let file = |dashboard: &Dashboard| {
        let json = grafana::json(dashboard, fleet, runbooks);
        let text = text(&json).expect("a JSON value can be written");
        (format!("carillon-{}.json", dashboard.key), text)
    };
    all.iter().map(file).collect()
}

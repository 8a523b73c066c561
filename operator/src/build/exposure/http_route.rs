//! The HTTPRoute.

use carillon_crds::names::port;
use carillon_crds::resource::ParentRef;
use serde_json::{Map, Value, json};

use super::super::Kind;
use super::super::context::Context;
use super::{paths, preset};

pub(super) fn build(context: &Context<'_>) -> Value {
    let exposure = &context.spec().exposure;
    let matches =
        paths(context).map(|path| json!({ "path": { "type": "PathPrefix", "value": path } }));
    let mut rule = json!({
        "matches": matches,
        "backendRefs": [{ "name": context.name, "port": port::CLIENT }],
    });
    if let Some(timeouts) = preset::timeouts(exposure.preset) {
        rule["timeouts"] = timeouts;
    }
    let parents: Vec<Value> = exposure.parent_refs.iter().map(parent).collect();
    let spec = json!({ "parentRefs": parents, "hostnames": exposure.hosts, "rules": [rule] });
    let metadata = context.meta(&context.name, exposure.annotations.clone());
    Kind::HttpRoute.object(&metadata, &spec)
}

fn parent(given: &ParentRef) -> Value {
    let ParentRef {
        name,
        namespace,
        section_name,
        port,
    } = given;
    let mut parent = Map::new();
    parent.insert("name".to_owned(), name.as_str().into());
    for (key, text) in [("namespace", namespace), ("sectionName", section_name)] {
        if !text.is_empty() {
            parent.insert(key.to_owned(), text.as_str().into());
        }
    }
    if let Some(port) = port {
        parent.insert("port".to_owned(), (*port).into());
    }
    parent.into()
}

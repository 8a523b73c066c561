//! The schema of the resource: made from the types, then made structural, bounded and ruled by
//! the tables beside this file. The rules' own types know nothing of Kubernetes.

use std::borrow::Cow;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::{RealtimeCluster, RealtimeClusterSpec, RealtimeClusterStatus};
use crate::parse::schema::OneForm;

mod bounds;
mod changes;
mod place;
mod rules;
mod structural;

/// The schema of an object, as the API server has it. Keys that it does not know (`writeOnly`)
/// are for our own walk.
#[must_use]
pub fn root() -> &'static Value {
    static ROOT: LazyLock<Value> = LazyLock::new(generate);
    &ROOT
}

/// The same for a file: keys that the API server would drop are not allowed.
#[must_use]
pub fn strict() -> &'static Value {
    static STRICT: LazyLock<Value> = LazyLock::new(|| {
        let mut schema = root().clone();
        structural::strict(&mut schema);
        schema
    });
    &STRICT
}

fn generate() -> Value {
    let mut root = json!({
        "type": "object",
        "description": "A fleet of Socket.IO gateways.",
        "required": ["spec"],
        "properties": {
            "spec": of::<RealtimeClusterSpec>(),
            "status": of::<RealtimeClusterStatus>(),
        },
    });
    structural::rewrite(&mut root);
    changes::apply(&mut root);
    bounds::apply(&mut root);
    rules::apply(&mut root);
    root
}

fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let generator = settings.with_transform(OneForm).into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

impl JsonSchema for RealtimeCluster {
    fn schema_name() -> Cow<'static, str> {
        crate::names::kubernetes::KIND.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(root().clone()).expect("the root is an object")
    }
}

//! The resource on a real API server: what it refuses and fills in, what it shows, what it explains.

#[path = "resource/definition.rs"]
mod definition;
#[path = "resource/requests.rs"]
mod requests;
#[path = "resource/shown.rs"]
mod shown;
#[path = "resource/table.rs"]
mod table;

use serde_json::{Value, json};

/// An object with this spec; without `namespaces` it gets one, and none if they are null.
fn object(name: &str, mut spec: Value) -> Value {
    match spec.get("namespaces") {
        None => spec["namespaces"] = json!([{ "name": "/" }]),
        Some(Value::Null) => {
            spec.as_object_mut().unwrap().remove("namespaces");
        }
        Some(_) => {}
    }
    json!({
        "apiVersion": "carillon.dev/v1alpha1",
        "kind": "RealtimeCluster",
        "metadata": { "name": name },
        "spec": spec,
    })
}

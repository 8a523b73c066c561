//! The installed definition, as the API server serves it, beside the one that the operator has.

use std::fs;

use carillon_operator::definition::compare_forever;
use carillon_operator::metrics::Metrics;
use carillon_tests::gateway::workspace;
use carillon_tests::kubernetes::{self, Kubernetes, until};
use serde_json::Value;

use super::scene::DEADLINE;

const METRIC: &str = "carillon_operator_definition_missing_fields";

/// Waits until an operator that starts now finds that so many fields are missing.
async fn lacks(cluster: &Kubernetes, fields: usize) {
    let metrics = Metrics::new().unwrap();
    // What is not known yet is none of the expected.
    metrics.definition_lacks(usize::MAX);
    let compare = tokio::spawn(compare_forever(cluster.client().await, metrics.clone()));
    let line = format!("\n{METRIC} {fields}\n");
    let told = async || {
        let text = metrics.render().unwrap();
        text.contains(&line).then_some(()).ok_or(text)
    };
    until(&line, DEADLINE, told).await;
    compare.abort();
}

#[test]
fn fields_that_an_older_one_lacks_are_counted() {
    kubernetes::alone(async |cluster| {
        cluster.install_resource();
        lacks(cluster, 0).await;
        let file = workspace().join("crds/realtimecluster.yaml");
        let ours = fs::read_to_string(file).unwrap();
        let mut older: Value = serde_yaml::from_str(&ours).unwrap();
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let fields = older.pointer_mut(spec).unwrap().as_object_mut().unwrap();
        fields.remove("drain").unwrap();
        fields.remove("disruption").unwrap();
        cluster.try_apply(&older.to_string()).unwrap();
        let served = async || {
            let fields = cluster.try_kubectl(&["explain", "realtimeclusters.spec"])?;
            let is_gone = !fields.contains("  drain\t");
            is_gone.then_some(()).ok_or(fields)
        };
        until("the older one is served", DEADLINE, served).await;
        lacks(cluster, 2).await;
        cluster.install_resource();
    });
}

//! What Artifact Hub shows of the charts: the annotations of `Chart.yaml`.

use std::collections::BTreeSet;
use std::fs;

use carillon_crds::fault::Faults;
use carillon_crds::resource::check;
use serde_json::Value;

use crate::chart;
use crate::values::Values;

const CHARTS: [&str; 2] = ["carillon", "carillon-cluster"];

fn read(name: &str) -> Value {
    let text = fs::read_to_string(chart(name).join("Chart.yaml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// A list in an annotation.
fn list(chart: &Value, annotation: &str) -> Vec<Value> {
    let text = &chart["annotations"][format!("artifacthub.io/{annotation}")];
    serde_yaml::from_str(text.as_str().unwrap()).unwrap()
}

/// As the API server and the operator would say it of each.
#[test]
fn the_examples_are_good_fleets() {
    let examples = list(&read("carillon"), "crdsExamples");
    assert!(!examples.is_empty());
    for example in examples {
        let faults: Faults = check::object(&example);
        assert!(faults.is_empty(), "{faults:?} in {example:#}");
    }
}

/// The repository and tag of every image in the values.
fn images(values: &Value, version: &str, found: &mut BTreeSet<String>) {
    let Some(fields) = values.as_object() else {
        return;
    };
    if let Some(repository) = fields.get("repository").and_then(Value::as_str) {
        let tag = fields.get("tag").and_then(Value::as_str);
        let tag = tag.filter(|tag| !tag.is_empty()).unwrap_or(version);
        found.insert(format!("{repository}:{tag}"));
    }
    fields
        .values()
        .for_each(|value| images(value, version, found));
}

#[test]
fn the_images_are_those_of_the_values() {
    for name in CHARTS {
        let chart_file = read(name);
        let version = chart_file["appVersion"].as_str().unwrap();
        let mut expected = BTreeSet::new();
        let values = Values::read(&chart(name).join("values.yaml"));
        images(&values.defaults, version, &mut expected);
        // The tag of fleets that name none.
        expected.insert(format!("carillon/gateway:{version}"));
        let named = list(&chart_file, "images");
        let named: BTreeSet<_> = named
            .iter()
            .map(|image| image["image"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(named, expected, "{name}");
    }
}

/// The addresses are those that the charts have anyway.
#[test]
fn the_links_are_of_the_values() {
    let values = Values::read(&chart("carillon").join("values.yaml"));
    for name in CHARTS {
        for link in list(&read(name), "links") {
            assert_eq!(link["url"], *values.at("runbookUrl"), "{name}: {link}");
        }
    }
}

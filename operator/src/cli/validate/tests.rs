//! Files and what is told of them.

use super::*;

const HEAD: &str = "apiVersion: carillon.dev/v1alpha1\nkind: RealtimeCluster\n";

#[test]
fn every_fault_of_every_document_is_told() {
    let input = format!(
        "{HEAD}metadata: {{ name: good }}\nspec: {{ namespaces: [{{ name: / }}] }}\n---\n---\n\
         kind: Service\nmetadata: {{ name: other }}\n---\n\
         {HEAD}metadata: {{ name: Bad }}\nspec:\n  engnie: {{}}\n  replicas: 2\n  drain: {{ hold: 1d }}\n  \
         namespaces: [{{ name: /, events: [{{ name: connect, join: ['{{0}}'] }}, {{ name: e, limit: 5 }}] }}]\n"
    );
    let Report { text, faults } = report("f.yaml", &input);
    for line in [
        "f.yaml: good: valid",
        "f.yaml: other: not a RealtimeCluster, left aside",
        "f.yaml: Bad: spec.namespaces[0].events[1].limit: 5: expected a rate: one number and one period (5/s, 100/m, 1000/h)",
        "f.yaml: Bad: spec.engnie: {}: unknown key, the nearest known one is `engine`",
        "f.yaml: Bad: spec.drain.hold: must be a duration: one number and one unit (250ms, 25s, 2m, 12h), or 0s",
        "f.yaml: Bad: spec: more than one replica, or autoscaling, needs a bus between pods",
        "f.yaml: Bad: metadata.name: metadata.name must be at most 46",
    ] {
        assert!(
            text.lines().any(|told| told.starts_with(line)),
            "{line}\n{text}"
        );
    }
    for path in [
        "spec.namespaces[0].events[0].name",
        "spec.namespaces[0].events[0].join[0]",
    ] {
        let told = text.lines().filter(|line| line.contains(path)).count();
        assert_eq!(told, 1, "{path}\n{text}");
    }
    assert_eq!(faults, 7, "{text}");
}

#[test]
fn what_is_no_object_is_a_fault() {
    for (input, expected) in [
        ("", "f: (document): holds no RealtimeCluster\n"),
        (
            "kind: Service\n",
            "f: (document): holds no RealtimeCluster\n",
        ),
        ("a: [", "f: document 1: (document): neither YAML nor JSON"),
        (
            "kind: RealtimeCluster\n",
            "f: document 1: apiVersion: required, but absent\n",
        ),
    ] {
        let Report { text, faults } = report("f", input);
        assert!(text.contains(expected), "{input}: {text}");
        assert!(faults > 0);
    }
}

#[test]
fn a_pod_template_is_read_strictly() {
    let input = format!(
        "{HEAD}metadata: {{ name: a }}\nspec:\n  namespaces: [{{ name: / }}]\n  \
         podTemplate: {{ spec: {{ containers: [{{ name: gateway, resorces: {{}} }}] }} }}\n"
    );
    let Report { text, faults } = report("f", &input);
    let expected = "f: a: spec.podTemplate.spec.containers[0].resorces: {}: unknown key, the nearest known one is `resources`";
    assert!(faults == 1 && text.starts_with(expected), "{text}");
}

#[test]
fn literal_secrets_are_never_shown() {
    let input = format!(
        "{HEAD}metadata: {{ name: a }}\nspec:\n  redis: {{ mode: streams, url: hunter2 }}\n  \
         apiKeys: [{{ name: k, secret: hunter2, namespaces: ['*'], can: [emit] }}]\n  \
         autoscaling: {{ maxReplicas: 2, metrics: [{{ type: CPU, averageUtilization: 5 }}], prometheus: {{ bearerToken: hunter2 }} }}\n  \
         namespaces: [{{ name: / }}]\n"
    );
    let Report { text, faults } = report("f", &input);
    assert!(faults >= 3 && !text.contains("hunter2"), "{text}");
}

#[test]
fn the_examples_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/clusters");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let input = std::fs::read_to_string(&path).expect("the example");
        let Report { text, faults } = report(&path.display().to_string(), &input);
        assert_eq!(faults, 0, "{text}");
        seen += 1;
    }
    assert!(seen >= 3);
}

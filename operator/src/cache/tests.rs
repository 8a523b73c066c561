//! Lists, late events and fleets.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;

struct Thing {
    key: Key,
    cluster: Option<&'static str>,
    version: Version,
}

impl Entry for Thing {
    fn key(&self) -> Key {
        self.key.clone()
    }

    fn cluster(&self) -> Option<&str> {
        self.cluster
    }

    fn version(&self) -> &Version {
        &self.version
    }
}

fn version(number: u64) -> Version {
    Version::of(&ObjectMeta {
        uid: Some("u".to_owned()),
        resource_version: Some(number.to_string()),
        ..ObjectMeta::default()
    })
}

fn thing(namespace: &str, name: &str, number: u64) -> Thing {
    Thing {
        key: (namespace.to_owned(), name.to_owned()),
        cluster: Some("game"),
        version: version(number),
    }
}

fn names(index: &Index<Thing>, namespace: &str) -> String {
    let things = index.of(namespace, "game");
    let names: Vec<_> = things.iter().map(|thing| thing.key.1.clone()).collect();
    names.join(" ")
}

#[test]
fn a_late_event_changes_nothing() {
    let index = Index::default();
    assert!(index.put(thing("a", "x", 5)));
    assert!(!index.put(thing("a", "x", 4)));
    assert!(
        index.put(thing("a", "x", 5)),
        "the same state again is no harm"
    );
    let key = ("a".to_owned(), "x".to_owned());
    assert!(!index.remove(&key, &version(4)));
    assert_eq!(names(&index, "a"), "x");
    assert!(index.remove(&key, &version(6)));
    assert_eq!(
        (names(&index, "a").as_str(), index.lock().fleets.len()),
        ("", 0)
    );
}

#[test]
fn a_list_ends_what_is_not_in_it_within_its_scope() {
    let index = Index::default();
    for (namespace, name) in [("a", "x"), ("a", "y"), ("b", "z")] {
        index.put(thing(namespace, name, 1));
    }
    index.begin(Some("a"));
    index.listed(Some("a"), thing("a", "y", 1));
    let lost = index.end(Some("a"));
    assert_eq!(lost, HashSet::from([("a".to_owned(), "game".to_owned())]));
    assert_eq!(
        (names(&index, "a").as_str(), names(&index, "b").as_str()),
        ("y", "z")
    );
    index.begin(None);
    assert_eq!(index.end(None).len(), 2);
    assert_eq!(
        (names(&index, "a").as_str(), names(&index, "b").as_str()),
        ("", "")
    );
    assert!(index.end(None).is_empty(), "no list, no end");
}

#[test]
fn an_object_that_changes_its_label_changes_its_fleet() {
    let index = Index::default();
    index.put(thing("a", "x", 1));
    index.put(Thing {
        cluster: None,
        ..thing("a", "x", 2)
    });
    assert_eq!(names(&index, "a"), "");
    assert!(index.get("a", "x").is_some());
}

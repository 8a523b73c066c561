//! Whose turn it is to follow the operator's version. With a new operator every object without a tag wants another image;
//! if that is a bad one, few fleets have to find out.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use carillon_crds::resource::RealtimeCluster;

use super::observe::Deployment;
use crate::build;
use crate::cache::Key;

/// Fleets that roll because the operator's version changed.
#[derive(Debug)]
pub(super) struct Turns {
    most: usize,
    taken: Mutex<Option<BTreeSet<Key>>>,
}

/// Which tag a fleet has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// That of this operator.
    Own,
    /// That of this operator, from now on.
    Begins,
    /// The one before, until it is its turn.
    Earlier(String),
}

impl Turns {
    /// At most so many at once.
    #[must_use]
    pub(super) fn new(most: u16) -> Self {
        Self {
            most: usize::from(most),
            taken: Mutex::default(),
        }
    }

    /// Decides for one fleet. `rolling` gives the fleets that an earlier process has begun with; it is asked once.
    pub(super) fn tag(
        &self,
        fleet: &Key,
        cluster: &RealtimeCluster,
        deployment: Option<&Deployment>,
        tag: &str,
        rolling: impl FnOnce() -> BTreeSet<Key>,
    ) -> Tag {
        let image = deployment.and_then(|deployment| deployment.image.as_deref());
        let Some(image) = image.filter(|_| build::follows_operator(cluster)) else {
            return Tag::Own;
        };
        let repository = &cluster.spec.image.repository;
        let present = image.strip_prefix(repository.as_str());
        let present = present.and_then(|rest| rest.strip_prefix(':'));
        // Another repository is a change of the object's own.
        let Some(present) = present.filter(|present| *present != tag) else {
            return Tag::Own;
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = taken.get_or_insert_with(rolling);
        if taken.contains(fleet) {
            return Tag::Own;
        }
        if taken.len() >= self.most {
            return Tag::Earlier(present.to_owned());
        }
        taken.insert(fleet.clone());
        Tag::Begins
    }

    /// A fleet has done it, or is gone.
    pub(super) fn done(&self, fleet: &Key) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = taken.as_mut() {
            taken.remove(fleet);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cluster(image: &serde_json::Value) -> RealtimeCluster {
        let spec = json!({ "namespaces": [], "image": image });
        RealtimeCluster::new("game", serde_json::from_value(spec).expect("a spec"))
    }

    fn of(name: &str) -> Key {
        ("sim".to_owned(), name.to_owned())
    }

    #[test]
    fn few_fleets_follow_at_once() {
        let turns = Turns::new(1);
        let plain = cluster(&json!({}));
        let old = Deployment::with_image("carillon/gateway:1");
        let tag = |name: &str| turns.tag(&of(name), &plain, Some(&old), "2", BTreeSet::new);
        assert_eq!(tag("a"), Tag::Begins);
        assert_eq!(tag("a"), Tag::Own);
        assert_eq!(tag("b"), Tag::Earlier("1".to_owned()));
        turns.done(&of("a"));
        assert_eq!(tag("b"), Tag::Begins);
    }

    #[test]
    fn a_new_process_counts_what_rolls_already() {
        let turns = Turns::new(1);
        let old = Deployment::with_image("carillon/gateway:1");
        let rolling = || BTreeSet::from([of("a")]);
        let plain = cluster(&json!({}));
        let tag = turns.tag(&of("b"), &plain, Some(&old), "2", rolling);
        assert_eq!(tag, Tag::Earlier("1".to_owned()));
    }

    #[test]
    fn who_names_an_image_waits_for_nobody() {
        let turns = Turns::new(1);
        let _taken = turns.tag(
            &of("a"),
            &cluster(&json!({})),
            Some(&Deployment::with_image("carillon/gateway:1")),
            "2",
            BTreeSet::new,
        );
        for (image, present) in [
            (json!({ "tag": "3" }), Some("carillon/gateway:1")),
            (json!({ "digest": "sha256:0" }), Some("carillon/gateway:1")),
            (
                json!({ "repository": "mirror/gateway" }),
                Some("carillon/gateway:1"),
            ),
            (json!({}), Some("carillon/gateway:2")),
            (json!({}), None),
        ] {
            let deployment = present.map(Deployment::with_image);
            let cluster = cluster(&image);
            let tag = turns.tag(&of("b"), &cluster, deployment.as_ref(), "2", BTreeSet::new);
            assert_eq!(tag, Tag::Own, "{image} {present:?}");
        }
    }
}

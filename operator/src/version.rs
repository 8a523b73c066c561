//! Resource versions: numbers that grow, as Kubernetes 1.35 promises and etcd has always done.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Which object, and which state of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    uid: Option<String>,
    number: Option<u64>,
}

impl Version {
    /// The version of an object as its metadata says it.
    #[must_use]
    pub fn of(metadata: &ObjectMeta) -> Self {
        let version = metadata.resource_version.as_deref();
        Self {
            uid: metadata.uid.clone(),
            number: version.and_then(|version| version.parse().ok()),
        }
    }

    /// Whether this is surely an earlier state of the same object than the other.
    #[must_use]
    pub fn is_before(&self, other: &Self) -> bool {
        self.uid == other.uid
            && match (self.number, other.number) {
                (Some(one), Some(other)) => one < other,
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_of_one_object_have_an_order() {
        let version = |uid: &str, version: &str| {
            Version::of(&ObjectMeta {
                uid: Some(uid.to_owned()),
                resource_version: Some(version.to_owned()),
                ..ObjectMeta::default()
            })
        };
        for (one, other, expected) in [
            (version("a", "9"), version("a", "10"), true),
            (version("a", "10"), version("a", "9"), false),
            (version("a", "9"), version("a", "9"), false),
            (version("a", "9"), version("b", "10"), false),
            (version("a", "x"), version("a", "10"), false),
        ] {
            assert_eq!(one.is_before(&other), expected, "{one:?} {other:?}");
        }
    }
}

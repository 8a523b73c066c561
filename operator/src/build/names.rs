//! Names that only the builders know; those that others know too are in `carillon_crds::names`.

use std::fmt::Write;

use carillon_crds::names::kubernetes::volume;
use carillon_crds::names::{GROUP, env};
use sha2::{Digest, Sha256};

/// On the ConfigMap of the rules: their hash, as pods report it.
pub const RULES_HASH: &str = "carillon.dev/rules-hash";
/// The value of `app.kubernetes.io/component` of all that belongs to a fleet.
pub(super) const COMPONENT: &str = "gateway";
/// The same of the operator's own pods.
pub const OPERATOR_COMPONENT: &str = "operator";

/// Matches the names of a cluster's pods and no other cluster's, in PromQL.
#[must_use]
pub fn pod_pattern(cluster: &str) -> String {
    format!("{cluster}-[a-z0-9]+-[a-z0-9]{{5}}")
}

/// The volume of a Secret. What cannot be the end of a volume's name is told by a digest instead.
pub(super) fn secret_volume(secret: &str) -> String {
    let plain =
        !secret.contains('.') && secret.len() <= LONGEST_VOLUME - volume::SECRET_PREFIX.len();
    if plain {
        return format!("{}{secret}", volume::SECRET_PREFIX);
    }
    let digest = Sha256::digest(secret.as_bytes());
    let mut name = volume::SECRET_PREFIX.to_owned();
    name.extend(
        secret
            .chars()
            .take(READABLE)
            .map(|c| if c == '.' { '-' } else { c }),
    );
    name.push('-');
    for byte in &digest[..6] {
        let _infallible = write!(name, "{byte:02x}");
    }
    name
}

/// Labels and annotations with our prefix are set by nobody else.
pub(super) fn is_own_key(key: &str) -> bool {
    key.split_once('/')
        .is_some_and(|(prefix, _)| prefix == GROUP)
}

/// Whether a volume's name is the operator's.
pub(super) fn is_own_volume(name: &str) -> bool {
    name == volume::RULES || name == volume::TMP || name.starts_with(volume::SECRET_PREFIX)
}

/// Whether a variable of the gateway says what the resource says.
pub(super) fn is_own_variable(name: &str) -> bool {
    OWN_VARIABLES.iter().any(|(own, _)| *own == name)
}

/// The field of the resource that decides a variable; empty where none does.
pub(super) fn decided_by(variable: &str) -> &'static str {
    let mut known = OWN_VARIABLES.iter();
    known
        .find(|(own, _)| *own == variable)
        .map_or("", |(_, field)| field)
}

/// The gateway's client port; it wins over `PORT`, which a user may set for something else.
pub(super) const CLIENT_PORT: &str = "SOCKET_PORT";
/// Its API port.
pub(super) const API_PORT: &str = "CARILLON_API_PORT";
/// Its admin port.
pub(super) const ADMIN_PORT: &str = "CARILLON_ADMIN_PORT";
/// Its peer port.
pub(super) const PEER_PORT: &str = "CARILLON_PEER_PORT";
/// Its name.
pub(super) const NODE_ID: &str = "CARILLON_NODE_ID";
/// Where its peers reach it.
pub(super) const PEER_ADDRESS: &str = "CARILLON_PEER_ADDRESS";

/// The variables of the gateway that the operator sets, or that would contradict one of them.
pub(super) const OWN_VARIABLES: [(&str, &str); 18] = [
    (env::RULES, "spec.namespaces"),
    (env::RULES_TEXT, "spec.namespaces"),
    ("CARILLON_DEV", "spec.namespaces"),
    (CLIENT_PORT, ""),
    (API_PORT, ""),
    (ADMIN_PORT, ""),
    (PEER_PORT, ""),
    (NODE_ID, ""),
    (PEER_ADDRESS, ""),
    (env::DRAIN_HOLD, "spec.drain"),
    (env::DRAIN_TIMEOUT, "spec.drain"),
    (env::DRAIN_RATE, "spec.drain"),
    (env::REDIS_URL, "spec.redis"),
    (env::REDIS_URL_FILE, "spec.redis"),
    ("REDIS_URL", "spec.redis"),
    (env::REDIS_CA_FILE, "spec.redis"),
    (env::REDIS_MODE, "spec.redis"),
    (env::REDIS_KEY_PREFIX, "spec.redis"),
];

/// The longest name of a volume: that of a DNS label.
const LONGEST_VOLUME: usize = 63;
/// So much of a long name stands in the volume's.
const READABLE: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_has_a_volume_of_its_own() {
        assert_eq!(secret_volume("redis"), "secret-redis");
        let fitting = "x".repeat(56);
        assert_eq!(secret_volume(&fitting), format!("secret-{fitting}"));
        for odd in ["x".repeat(57), "x".repeat(253), "a.b".to_owned()] {
            let name = secret_volume(&odd);
            assert!(
                name.len() <= LONGEST_VOLUME && is_own_volume(&name),
                "{name}"
            );
            assert!(!name.contains('.'), "{name}");
        }
        assert_ne!(secret_volume("a.b"), secret_volume("a-b"));
        assert_ne!(secret_volume("a.b.c"), secret_volume("a.b-c"));
    }

    /// The table of the gateway's settings, which is generated from them.
    const SETTINGS: &str = include_str!("../../../docs/configuration.md");

    #[test]
    fn the_gateway_knows_every_variable() {
        for (variable, _) in OWN_VARIABLES {
            assert!(SETTINGS.contains(&format!("`{variable}`")), "{variable}");
        }
    }

    #[test]
    fn a_pattern_is_of_one_cluster() {
        assert_eq!(pod_pattern("game"), "game-[a-z0-9]+-[a-z0-9]{5}");
    }
}

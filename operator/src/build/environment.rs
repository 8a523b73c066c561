//! The variables by which a gateway learns what the resource says.

use carillon_crds::names::kubernetes::{RULES_KEY, mount};
use carillon_crds::names::{env, port};
use carillon_crds::resource::{Mounted, Redis, RedisMode};
use carillon_crds::units::Duration;
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector};

use super::context::Context;
use super::names::{ADMIN_PORT, API_PORT, CLIENT_PORT, NODE_ID, PEER_ADDRESS, PEER_PORT};

pub(super) fn build(context: &Context<'_>) -> Vec<EnvVar> {
    let rules = format!("{}/{RULES_KEY}", mount::RULES);
    let drain = &context.spec().drain;
    let mut all = vec![
        text(env::RULES, rules),
        text(CLIENT_PORT, port::CLIENT.to_string()),
        text(API_PORT, port::API.to_string()),
        text(PEER_PORT, port::PEER.to_string()),
        text(ADMIN_PORT, port::ADMIN.to_string()),
        field(NODE_ID, "metadata.name"),
        text(env::DRAIN_HOLD, drain.hold.to_string()),
        text(env::DRAIN_TIMEOUT, drain_timeout(context).to_string()),
        text(
            env::DRAIN_RATE,
            format!("{}/s", drain.reconnects_per_second),
        ),
    ];
    if !context.is_alone() {
        all.push(field(PEER_ADDRESS, "status.podIP"));
        all.extend(redis(context));
    }
    all
}

/// How long a pod closes sessions at the pace. On the memory bus nobody takes them over, so that waiting helps less.
pub(super) fn drain_timeout(context: &Context<'_>) -> Duration {
    let timeout = context.spec().drain.timeout;
    if context.is_alone() {
        timeout.min(ALONE)
    } else {
        timeout
    }
}

/// The longest drain on the memory bus.
const ALONE: Duration = Duration::from_secs(10);

fn redis(context: &Context<'_>) -> Vec<EnvVar> {
    let spec = context.spec();
    let Redis {
        mode,
        url,
        tls: _,
        key_prefix,
    } = &spec.redis;
    let literal = url.as_ref().and_then(|url| url.value.clone());
    let file = |name: &str, secret: Option<Mounted>| Some(text(name, secret?.path));
    [
        file(env::REDIS_URL_FILE, spec.redis_url_secret()),
        literal.map(|url| text(env::REDIS_URL, url)),
        file(env::REDIS_CA_FILE, spec.redis_ca_secret()),
        mode_name(*mode).map(|mode| text(env::REDIS_MODE, mode)),
        Some(text(env::REDIS_KEY_PREFIX, key_prefix.clone())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const fn mode_name(mode: RedisMode) -> Option<&'static str> {
    match mode {
        RedisMode::Memory => None,
        RedisMode::Classic => Some("classic"),
        RedisMode::Sharded => Some("sharded"),
        RedisMode::Streams => Some("streams"),
    }
}

fn text(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.into()),
        ..EnvVar::default()
    }
}

/// A variable that is told by the pod itself.
fn field(name: &str, path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: path.to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

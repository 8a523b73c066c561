//! The ConfigMap of the rules.

use carillon_crds::names::kubernetes::{RULES_KEY, rules_config_map};
use k8s_openapi::api::core::v1::ConfigMap;

use super::context::{Context, texts};
use super::names::RULES_HASH;

pub(super) fn build(context: &Context<'_>) -> ConfigMap {
    let rules = context.facts.rules;
    let annotations = texts([(RULES_HASH, rules.hash.as_str())]);
    ConfigMap {
        metadata: context.meta(rules_config_map(&context.name), annotations),
        data: Some(texts([(RULES_KEY, rules.json.as_str())])),
        ..ConfigMap::default()
    }
}

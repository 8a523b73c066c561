//! `GET /v1/info`: this node.

use std::sync::Arc;

use axum::{Json, extract::State};
use carillon_crds::document::Permission;

use super::{
    Api,
    access::Caller,
    problem::Problem,
    query::ask,
    response::{BusInfo, CountsInfo, Info, RulesInfo},
};
use crate::bus::{
    query::{Answer, Query},
    remote::Remote,
};

pub(super) async fn info(
    State(api): State<Arc<Api>>,
    caller: Caller,
) -> Result<Json<Info>, Problem> {
    caller.may(Permission::Read, None)?;
    let mut counts = CountsInfo {
        shards: api.bus.shards(),
        ..CountsInfo::default()
    };
    for answer in ask(&api, &Query::Counts).await? {
        let Answer::Counts(shard) = answer else {
            continue;
        };
        counts.sessions += shard.sessions;
        counts.sockets += shard.sockets;
        counts.rooms += shard.rooms;
    }
    let rules = api.rules();
    let mut namespaces: Vec<Box<str>> = rules.declared().map(|(name, _)| name.into()).collect();
    namespaces.sort_unstable();
    Ok(Json(Info {
        version: env!("CARGO_PKG_VERSION"),
        node: api.node.clone(),
        bus: BusInfo {
            mode: api.bus.mode(),
            up: api.bus.remote().is_none_or(Remote::is_up),
            in_flight: api.bus.in_flight(),
            history_bytes: api.bus.history_bytes(),
        },
        rules: RulesInfo {
            hash: rules.hash.as_str().into(),
            namespaces,
        },
        counts,
    }))
}

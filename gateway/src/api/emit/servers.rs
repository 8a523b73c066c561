//! `POST /v1/server-side-emit`: an event for the other servers of the cluster.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use carillon_crds::document::Permission;

use super::event::{check_timeout, event_name};
use crate::api::{
    Api,
    access::Caller,
    binary, media,
    problem::Problem,
    request::{
        ServerSideEmit,
        parse::{parse, utf8},
    },
    response::SentToServers,
};

/// On the memory bus a process is alone: there is no other server that could hear or answer.
pub(in crate::api) async fn server_side_emit(
    State(_): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SentToServers>, Problem> {
    let body = media::json(&headers, body).await?;
    let emit: ServerSideEmit<'_> = parse(utf8(&body)?)?;
    caller.permit(Permission::Emit, &emit.namespace)?;
    event_name(emit.event)?;
    binary::inward(emit.args.iter().map(|arg| arg.get()))
        .map_err(|(index, error)| Problem::at(format!("/args/{index}"), error.to_string()))?;
    if let Some(ack) = &emit.ack {
        check_timeout(ack.timeout.get())?;
    }
    Ok(Json(SentToServers {
        accepted: true,
        servers: 0,
        acks: emit.ack.map(|_| Vec::new()),
    }))
}

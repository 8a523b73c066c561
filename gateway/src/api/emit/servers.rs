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
    response::{SentToServers, raw},
};
use crate::bus::wire::Data;

/// On the memory bus a process is alone: there is no other server that could hear or answer.
pub(in crate::api) async fn server_side_emit(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SentToServers>, Problem> {
    let body = media::json(&headers, body).await?;
    let emit: ServerSideEmit<'_> = parse(utf8(&body)?)?;
    let permit = caller.permit(Permission::Emit, &emit.namespace)?;
    let name = event_name(emit.event)?;
    let arguments = binary::inward(emit.args.iter().map(|arg| arg.get()))
        .map_err(|(index, error)| Problem::at(format!("/args/{index}"), error.to_string()))?;
    if let Some(ack) = &emit.ack {
        check_timeout(ack.timeout.get())?;
    }
    let comma = if arguments.text.is_empty() { "" } else { "," };
    let data = Data {
        json: format!("[{name}{comma}{}]", arguments.text).into(),
        attachments: arguments.attachments,
    };
    let timeout = emit.ack.as_ref().map(|ack| ack.timeout.get());
    let answer = api
        .bus
        .server_side_emit(permit.namespace, data, timeout)
        .await;
    let acks = answer.acks.iter();
    let acks =
        acks.map(|Data { json, attachments }| raw(binary::outward(json, attachments).into_owned()));
    Ok(Json(SentToServers {
        accepted: true,
        servers: answer.servers,
        acks: timeout.map(|_| acks.collect()),
    }))
}

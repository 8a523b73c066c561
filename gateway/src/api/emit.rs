//! `POST /v1/emit`: one event, an array of them, or a stream of lines.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use carillon_crds::document::Permission;
use serde_json::value::RawValue;

use super::{
    Api,
    access::Caller,
    media::{self, Media},
    problem::{Code, Problem},
    request::parse::{parse, utf8},
    response::Item,
};

mod event;
mod servers;
mod stream;
mod submitted;

pub(super) use servers::server_side_emit;
use submitted::Submitted;

pub(super) async fn emit(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    caller.may(Permission::Emit, None)?;
    if Media::of(&headers)? == Media::Lines {
        return Ok(stream::respond(api, caller, body));
    }
    let body = media::whole(body).await?;
    let text = utf8(&body)?;
    if text.trim_start().starts_with('[') {
        let items = batch(&api, &caller, text).await?;
        return Ok(Json(items).into_response());
    }
    let accepted = event::submit(&api, &caller, text)
        .await
        .map_err(|refused| refused.error)?;
    Ok(Json(accepted.finish().await).into_response())
}

/// All events are published before the first answer is waited for.
async fn batch(api: &Arc<Api>, caller: &Caller, text: &str) -> Result<Vec<Item>, Problem> {
    let events: Vec<&RawValue> = parse(text)?;
    if events.len() > MAX_BATCH {
        let detail = format!("more than {MAX_BATCH} events: send a stream of lines instead");
        return Err(Problem::new(Code::Invalid, detail));
    }
    let mut published: Vec<Result<Submitted, _>> = Vec::with_capacity(events.len());
    for event in &events {
        published.push(event::submit(api, caller, event.get()).await);
    }
    let mut items = Vec::with_capacity(published.len());
    for submitted in published {
        items.push(match submitted {
            Ok(submitted) => Item::Accepted(submitted.finish().await),
            Err(refused) => Item::Refused(*refused),
        });
    }
    Ok(items)
}

/// An array has at most so many events.
pub(super) const MAX_BATCH: usize = 1000;

//! `POST /v1/join`, `/v1/leave`, `/v1/disconnect`: what a selection of sockets is made to do.

use std::{sync::Arc, time::Duration};

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use carillon_crds::document::Permission;
use tokio::time;

use super::{
    Api,
    access::Caller,
    media,
    problem::Problem,
    request::{
        Disconnect, Join, Leave,
        parse::{parse, utf8},
    },
    response::Changed,
    select::{Selection, changed_rooms},
};
use crate::bus::query::Change;

pub(super) async fn join(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Changed>, Problem> {
    let body = media::json(&headers, body).await?;
    let request: Join = parse(utf8(&body)?)?;
    let selection = Selection {
        rooms: request.rooms.as_deref(),
        sockets: request.sockets.as_deref(),
        users: request.users.as_deref(),
        except: request.except.as_deref(),
    };
    let change = || Ok(Change::Join(changed_rooms("join", &request.join)?));
    apply(&api, &caller, &request.namespace, &selection, change).await
}

pub(super) async fn leave(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Changed>, Problem> {
    let body = media::json(&headers, body).await?;
    let request: Leave = parse(utf8(&body)?)?;
    let selection = Selection {
        rooms: request.rooms.as_deref(),
        sockets: request.sockets.as_deref(),
        users: request.users.as_deref(),
        except: request.except.as_deref(),
    };
    let change = || Ok(Change::Leave(changed_rooms("leave", &request.leave)?));
    apply(&api, &caller, &request.namespace, &selection, change).await
}

pub(super) async fn disconnect(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Changed>, Problem> {
    let body = media::json(&headers, body).await?;
    let request: Disconnect = parse(utf8(&body)?)?;
    let selection = Selection {
        rooms: request.rooms.as_deref(),
        sockets: request.sockets.as_deref(),
        users: request.users.as_deref(),
        except: request.except.as_deref(),
    };
    let change = || {
        Ok(Change::Disconnect {
            close: request.close,
        })
    };
    apply(&api, &caller, &request.namespace, &selection, change).await
}

async fn apply(
    api: &Api,
    caller: &Caller,
    namespace: &str,
    selection: &Selection<'_>,
    change: impl FnOnce() -> Result<Change, Problem>,
) -> Result<Json<Changed>, Problem> {
    let permit = caller.permit(Permission::Manage, namespace)?;
    let target = selection.target(permit.namespace)?;
    let tally = api.bus.change(&target, &change()?);
    let complete = time::timeout(ANSWER_WAIT, tally.total()).await.is_ok();
    let (sockets, _) = tally.so_far();
    Ok(Json(Changed { sockets, complete }))
}

/// Shards answer in microseconds; what takes longer is told as incomplete.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

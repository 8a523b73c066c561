//! `GET /v1/history`: the past of rooms, for keys.

use std::sync::Arc;

use axum::{Json, extract::State, http::Uri};
use carillon_crds::document::Permission;

use super::{
    Api,
    access::Caller,
    params::Params,
    problem::{Code, Problem},
    response::{Entry, History},
};
use crate::{
    bus::{
        broadcast::{Broadcast, EntryId, HistoryLimits},
        history::Past,
    },
    clock,
};

pub(super) async fn history(
    State(api): State<Arc<Api>>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<History>, Problem> {
    caller.may(Permission::Read, None)?;
    let params = Params::read(
        uri.query(),
        &["namespace", "room", "event", "after", "limit"],
    )?;
    let permit = caller.permit(Permission::Read, params.required("namespace")?)?;
    let Some(kept) = permit.rules.history.as_ref() else {
        let detail = format!("the rules give {} no `history`", permit.namespace);
        return Err(Problem::new(Code::NotFound, detail));
    };
    let limits = HistoryLimits {
        size: kept.size,
        ttl: kept.ttl,
    };
    let limit = params.limit("limit", DEFAULT_PAGE, MAX_PAGE)?;
    let after: Option<EntryId> = params.parsed("after", ENTRY_ID)?;
    let mut rooms = params.all("room");
    if rooms.is_empty() {
        rooms.push(WHOLE_NAMESPACE.into());
    }
    let past = Past {
        namespace: &permit.namespace,
        rooms: &rooms,
        since: after,
        last: usize::MAX,
    };
    let recalled = api.bus.recall(&past, limits, clock::now());
    let mut entries = recalled.await.entries;
    let names = params.all("event");
    entries.retain(|entry| names.is_empty() || names.iter().any(|name| is_named(entry, name)));
    let (shown, more) = page(&entries, after.is_some(), limit);
    let next = shown.last().filter(|_| more).and_then(|entry| entry.entry);
    Ok(Json(History {
        entries: shown.iter().filter_map(|entry| Entry::of(entry)).collect(),
        next: next.map(|id| id.to_string().into()),
    }))
}

/// The last entries, or the first ones after a place.
fn page(entries: &[Arc<Broadcast>], forwards: bool, limit: usize) -> (&[Arc<Broadcast>], bool) {
    if forwards {
        let shown = &entries[..limit.min(entries.len())];
        (shown, shown.len() < entries.len())
    } else {
        (&entries[entries.len().saturating_sub(limit)..], false)
    }
}

/// Whether an entry is an event of this name.
pub(super) fn is_named(entry: &Broadcast, name: &str) -> bool {
    let Some(keep) = &entry.keep else {
        return false;
    };
    let plain = keep
        .name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match plain {
        Some(plain) if !plain.contains('\\') => plain == name,
        _ => serde_json::from_str::<String>(&keep.name).is_ok_and(|found| found == name),
    }
}

/// The room under which the bus keeps what went to everybody.
const WHOLE_NAMESPACE: &str = "";
pub(super) const ENTRY_ID: &str = "the id of an entry, <milliseconds>-<sequence>";
const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

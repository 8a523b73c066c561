//! `GET /v1/events`: the last events of a room, for browsers that poll. It needs no key: the rules say which rooms
//! may be read.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use carillon_crds::units;
use tokio::time::{self, Instant};

use super::{
    Api,
    access::no_namespace,
    cors,
    params::Params,
    past::{ENTRY_ID, is_named},
    problem::{Code, Problem},
    response::{Event, Events},
};
use crate::{
    bus::{
        broadcast::{Broadcast, EntryId, HistoryLimits},
        history::Past,
    },
    clock,
};

pub(super) async fn events(State(api): State<Arc<Api>>, headers: HeaderMap, uri: Uri) -> Response {
    let answer = poll(&api, &headers, &uri).await;
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    cors::allow(&api.rules(), &headers, response.headers_mut());
    response
}

pub(super) async fn preflight(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    cors::preflight(&api.rules(), &headers, response.headers_mut());
    response
}

async fn poll(api: &Api, headers: &HeaderMap, uri: &Uri) -> Result<Response, Problem> {
    let asked = Asked::read(api, headers, uri)?;
    let Some(wait) = asked.wait else {
        return Ok(asked.response(&asked.found(api).await));
    };
    let mut watch = api.bus.watch(asked.namespace.clone(), asked.room.clone());
    let mut found = asked.found(api).await;
    if !asked.is_news(&found) {
        let _permit = api.waiters.try_acquire().map_err(|_| too_many())?;
        let deadline = Instant::from_std(clock::now() + wait);
        // What another node took before the room was heard here is found by looking once more.
        watch.heard().await;
        found = asked.found(api).await;
        while !asked.is_news(&found) && time::timeout_at(deadline, watch.changed()).await.is_ok() {
            found = asked.announced(api).await;
        }
    }
    Ok(asked.response(&found))
}

struct Asked {
    namespace: Arc<str>,
    room: Arc<str>,
    event: Option<String>,
    after: Option<EntryId>,
    last: usize,
    wait: Option<Duration>,
    limits: HistoryLimits,
    known: Option<String>,
}

impl Asked {
    fn read(api: &Api, headers: &HeaderMap, uri: &Uri) -> Result<Self, Problem> {
        let known = ["namespace", "room", "event", "after", "last", "wait"];
        let params = Params::read(uri.query(), &known)?;
        let namespace = params.required("namespace")?;
        let room = params.required("room")?;
        let rules = api.rules();
        let found = rules
            .namespace(namespace)
            .ok_or_else(|| no_namespace(namespace))?;
        let history = found.history.as_ref();
        let Some(history) = history.filter(|history| history.readable(room)) else {
            let detail = format!("`history.read` of {namespace} does not name this room");
            return Err(Problem::new(Code::Forbidden, detail));
        };
        let limits = HistoryLimits {
            size: history.size,
            ttl: history.ttl,
        };
        let wait = params.duration("wait", units::Duration::from_secs(60))?;
        let if_none_match = headers.get(header::IF_NONE_MATCH);
        Ok(Self {
            namespace: namespace.into(),
            room: room.into(),
            event: params.one("event")?.map(ToOwned::to_owned),
            after: params.parsed("after", ENTRY_ID)?,
            last: params.limit("last", 1, MAX_LAST)?,
            limits,
            wait: wait.map(units::Duration::get),
            known: if_none_match.and_then(|tags| Some(tags.to_str().ok()?.to_owned())),
        })
    }

    async fn found(&self, api: &Api) -> Vec<Arc<Broadcast>> {
        let past = Past {
            namespace: &self.namespace,
            rooms: std::slice::from_ref(&self.room),
            since: self.after,
            last: if self.event.is_some() {
                usize::MAX
            } else {
                self.last
            },
        };
        let recalled = api.bus.recall(&past, self.limits, clock::now());
        let mut entries = recalled.await.entries;
        if let Some(name) = &self.event {
            entries.retain(|entry| is_named(entry, name));
            entries.drain(..entries.len().saturating_sub(self.last));
        }
        entries
    }

    /// What there is once an entry was announced. Of a server without marks it may come here before the pod that stores it
    /// has done so.
    async fn announced(&self, api: &Api) -> Vec<Arc<Broadcast>> {
        let mut found = self.found(api).await;
        for pause in PAUSES {
            if self.is_news(&found) || api.bus.remote().is_none() {
                break;
            }
            time::sleep(pause).await;
            found = self.found(api).await;
        }
        found
    }

    /// Whether the caller does not know it yet: without a tag, that there is anything.
    fn is_news(&self, found: &[Arc<Broadcast>]) -> bool {
        match &self.known {
            Some(known) => !names_tag(known, &tag(found)),
            None => !found.is_empty(),
        }
    }

    fn response(&self, found: &[Arc<Broadcast>]) -> Response {
        let tag = tag(found);
        let mut response = match &self.known {
            Some(known) if names_tag(known, &tag) => StatusCode::NOT_MODIFIED.into_response(),
            _ => Json(Events {
                events: found.iter().filter_map(|entry| Event::of(entry)).collect(),
            })
            .into_response(),
        };
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// The tag of an answer is the id of its last event.
fn tag(found: &[Arc<Broadcast>]) -> String {
    let last = found.last().and_then(|entry| entry.entry);
    last.map_or_else(|| "\"0-0\"".to_owned(), |id| format!("\"{id}\""))
}

/// Whether an `If-None-Match` names the tag, weakly or not.
fn names_tag(known: &str, tag: &str) -> bool {
    let mut tags = known
        .split(',')
        .map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == tag || one == "*")
}

fn too_many() -> Problem {
    Problem::new(Code::Unavailable, "too many callers wait already").retry_after(5)
}

const MAX_LAST: usize = 1000;
/// Between two looks for an entry that has been announced.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(500),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        for (known, tag, expected) in [
            ("\"1-1\"", "\"1-1\"", true),
            ("W/\"1-1\"", "\"1-1\"", true),
            ("\"1-0\", \"1-1\"", "\"1-1\"", true),
            ("*", "\"1-1\"", true),
            ("\"1-2\"", "\"1-1\"", false),
            ("1-1", "\"1-1\"", false),
        ] {
            assert_eq!(names_tag(known, tag), expected, "{known}");
        }
    }
}

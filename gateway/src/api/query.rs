//! `GET /v1/rooms`, `/v1/sockets`: who is here, page by page.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Json, extract::State, http::Uri};
use carillon_crds::document::Permission;

use super::{
    Api,
    access::{Caller, Permit},
    params::Params,
    problem::{Code, Problem},
    response::{Room, Rooms, Socket, Sockets, names, raw},
};
use crate::{
    bus::{
        query::{Answer, Page, Query, SocketView},
        remote::Fetched,
        wire::RemoteSocket,
    },
    target::Target,
};

pub(super) async fn rooms(
    State(api): State<Arc<Api>>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Rooms>, Problem> {
    let asked = Asked::read(&caller, &uri)?;
    let limit = asked.limit;
    let elsewhere = fetch(&api, &asked).await;
    let query = Query::Rooms {
        namespace: asked.permit.namespace,
        rooms: asked.rooms.clone(),
        page: page(asked.after.clone(), limit),
    };
    let mut merged: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    for answer in ask(&api, &query).await? {
        let Answer::Rooms(rooms) = answer else {
            continue;
        };
        for room in rooms {
            *merged.entry(room.name).or_default() += room.sockets;
        }
    }
    for (_, socket) in &elsewhere.sockets {
        let is_asked = |room: &&Arc<str>| {
            ***room != *socket.id
                && (asked.rooms.is_empty() || asked.rooms.contains(room))
                && asked.after.as_deref().is_none_or(|after| &***room > after)
        };
        for room in socket.rooms.iter().filter(is_asked) {
            *merged.entry(Arc::clone(room)).or_default() += 1;
        }
    }
    let all = merged.into_iter().map(|(name, sockets)| Room {
        name: (*name).into(),
        sockets,
    });
    let (rooms, next) = cut(all.collect(), limit, |room| room.name.clone());
    let complete = complete(&elsewhere);
    Ok(Json(Rooms {
        rooms,
        next,
        complete,
    }))
}

pub(super) async fn sockets(
    State(api): State<Arc<Api>>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Sockets>, Problem> {
    let asked = Asked::read(&caller, &uri)?;
    let limit = asked.limit;
    let elsewhere = fetch(&api, &asked).await;
    let complete = complete(&elsewhere);
    let query = Query::Sockets {
        target: asked.target(),
        page: page(asked.after.clone(), limit),
    };
    let mut all = Vec::new();
    for answer in ask(&api, &query).await? {
        let Answer::Sockets(sockets) = answer else {
            continue;
        };
        all.extend(sockets.into_iter().map(|view| socket(&api, view)));
    }
    let later = |id: &str| asked.after.as_deref().is_none_or(|after| id > after);
    let others = elsewhere.sockets.into_iter();
    all.extend(others.filter(|(_, socket)| later(&socket.id)).map(foreign));
    all.sort_by(|a, b| a.id.cmp(&b.id));
    let (sockets, next) = cut(all, limit, |socket| socket.id.clone());
    Ok(Json(Sockets {
        sockets,
        next,
        complete,
    }))
}

/// What the other servers of the cluster have; nothing on a node that is alone.
async fn fetch(api: &Api, asked: &Asked) -> Fetched {
    api.bus.fetch(asked.target()).await
}

fn complete(fetched: &Fetched) -> Option<bool> {
    (fetched.missing > 0).then_some(false)
}

/// A socket as its own server describes it; its own room is left out, as of ours.
fn foreign((node, socket): (Arc<str>, RemoteSocket)) -> Socket {
    let rooms = socket.rooms.iter().filter(|room| ***room != *socket.id);
    Socket {
        rooms: rooms.map(|room| (**room).into()).collect(),
        data: raw(socket.data.into()),
        user: raw("null".to_owned()),
        handshake: raw(socket.handshake.into()),
        node: (*node).into(),
        id: socket.id,
    }
}

/// Asks all shards; one that does not answer makes the answer wrong, so there is none.
pub(super) async fn ask(api: &Api, query: &Query) -> Result<Vec<Answer>, Problem> {
    let answers = api.bus.ask(query).all(ANSWER_WAIT).await;
    answers.ok_or_else(|| {
        Problem::new(Code::Unavailable, "a shard did not answer in time").retry_after(1)
    })
}

struct Asked {
    permit: Permit,
    rooms: Vec<Arc<str>>,
    after: Option<Box<str>>,
    limit: usize,
}

impl Asked {
    fn read(caller: &Caller, uri: &Uri) -> Result<Self, Problem> {
        caller.may(Permission::Read, None)?;
        let params = Params::read(uri.query(), &["namespace", "room", "after", "limit"])?;
        Ok(Self {
            permit: caller.permit(Permission::Read, params.required("namespace")?)?,
            rooms: params.all("room"),
            after: params.one("after")?.map(Into::into),
            limit: params.limit("limit", DEFAULT_PAGE, MAX_PAGE)?,
        })
    }
}

impl Asked {
    fn target(&self) -> Target {
        Target {
            rooms: self.rooms.clone(),
            ..Target::all(Arc::clone(&self.permit.namespace))
        }
    }
}

/// One more than is shown tells whether there is a next page.
fn page(after: Option<Box<str>>, limit: usize) -> Page {
    Page {
        after,
        limit: limit + 1,
    }
}

fn cut<T>(
    mut all: Vec<T>,
    limit: usize,
    name: impl Fn(&T) -> Box<str>,
) -> (Vec<T>, Option<Box<str>>) {
    let more = all.len() > limit;
    all.truncate(limit);
    let next = all.last().filter(|_| more).map(name);
    (all, next)
}

fn socket(api: &Api, view: SocketView) -> Socket {
    Socket {
        id: view.id,
        rooms: names(&view.rooms),
        data: raw(view.data.into()),
        user: raw(view.user.into()),
        handshake: raw(view.handshake.into()),
        node: api.node.clone(),
    }
}

const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 1000;
const ANSWER_WAIT: Duration = Duration::from_secs(5);

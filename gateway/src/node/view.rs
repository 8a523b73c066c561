//! What others may know: sockets, rooms and counts of this shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Node;
use crate::admin::metrics::{GatheredNamespace, NamespaceMetrics};
use crate::bus::query::{Answer, Counts, Page, Query, RoomView, SocketView};
use crate::hub::{Handshake, Socket};
use crate::socket::json;
use crate::target::Target;

impl Node {
    pub(super) fn answer_query(&self, query: &Query) -> Answer {
        match query {
            Query::Sockets { target, page } => Answer::Sockets(self.sockets(target, page)),
            Query::Rooms {
                namespace,
                rooms,
                page,
            } => Answer::Rooms(self.rooms(namespace, rooms, page)),
            Query::Counts => Answer::Counts(self.counts()),
        }
    }

    /// Pending deliveries and rooms, for a scrape.
    pub fn gather(&self, pending: &[(Arc<NamespaceMetrics>, u64)]) -> Vec<GatheredNamespace> {
        let spaces = self.spaces.borrow();
        let mut gathered: BTreeMap<Arc<str>, GatheredNamespace> = BTreeMap::new();
        for space in spaces.values() {
            let live = space.live();
            let label: Arc<str> = (&*live.rules.rules.label).into();
            let entry = gathered
                .entry(label.clone())
                .or_insert_with(|| GatheredNamespace {
                    label,
                    pending: pending
                        .iter()
                        .filter(|(metrics, _)| Arc::ptr_eq(metrics, &live.metrics))
                        .map(|(_, count)| count)
                        .sum(),
                    rooms: 0,
                });
            entry.rooms += space.namespace.room_count() as u64;
        }
        gathered.into_values().collect()
    }

    fn sockets(&self, target: &Target, page: &Page) -> Vec<SocketView> {
        let mut sockets = self.hub.select(target);
        sockets.retain(|socket| {
            page.after
                .as_deref()
                .is_none_or(|after| socket.id.as_str() > after)
        });
        sockets.sort_unstable_by_key(|socket| socket.id);
        sockets
            .iter()
            .take(page.limit)
            .map(|socket| view(socket))
            .collect()
    }

    fn rooms(&self, namespace: &str, wanted: &[Arc<str>], page: &Page) -> Vec<RoomView> {
        let mut rooms = self
            .hub
            .namespace(namespace)
            .map(|namespace| namespace.rooms())
            .unwrap_or_default();
        rooms.retain(|(name, _)| {
            let is_wanted = wanted.is_empty() || wanted.contains(name);
            is_wanted && page.after.as_deref().is_none_or(|after| &**name > after)
        });
        rooms.sort_unstable();
        let views = rooms
            .into_iter()
            .take(page.limit)
            .map(|(name, sockets)| RoomView {
                name,
                sockets: sockets as u64,
            });
        views.collect()
    }

    fn counts(&self) -> Counts {
        let namespaces = self.hub.namespaces();
        Counts {
            sessions: self.metrics.sessions(),
            sockets: namespaces
                .iter()
                .map(|namespace| namespace.socket_count() as u64)
                .sum(),
            rooms: namespaces
                .iter()
                .map(|namespace| namespace.room_count() as u64)
                .sum(),
        }
    }
}

fn view(socket: &Socket) -> SocketView {
    SocketView {
        id: socket.id.as_str().into(),
        rooms: socket.rooms(),
        data: socket
            .restorable()
            .map_or_else(|| "{}".into(), |it| it.data.clone()),
        user: "null".into(),
        handshake: handshake(&socket.client.handshake).into(),
    }
}

/// As Node has it, less what is never kept.
fn handshake(handshake: &Handshake) -> String {
    let Handshake {
        url,
        address,
        issued,
        secure,
        xdomain,
        headers,
        query,
    } = handshake;
    let mut out = String::from("{\"headers\":");
    object(
        &mut out,
        headers.iter().map(|(name, value)| (&**name, &**value)),
    );
    out.push_str(",\"address\":");
    json::quote(&mut out, address);
    out.push_str(&format!(
        ",\"issued\":{issued},\"secure\":{secure},\"xdomain\":{xdomain},\"url\":"
    ));
    json::quote(&mut out, url);
    out.push_str(",\"query\":");
    object(
        &mut out,
        query.iter().map(|(name, value)| (&**name, &**value)),
    );
    out.push('}');
    out
}

fn object<'a>(out: &mut String, entries: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push('{');
    for (index, (name, value)) in entries.enumerate() {
        if index > 0 {
            out.push(',');
        }
        json::quote(out, name);
        out.push(':');
        json::quote(out, value);
    }
    out.push('}');
}

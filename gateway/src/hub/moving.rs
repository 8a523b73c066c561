//! A connection that goes on in another process takes along what it was not sent yet.

use std::rc::Rc;

use super::backlog::{Backlog, Held};
use super::client::Client;
use super::log::{Entry, MeterId, Range};
use super::{DropReason, Hub, Namespace};
use crate::clock;

/// An unsent message of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// Which of the connection's namespaces it counts for, by its place; `None` where it is no delivery.
    pub namespace: Option<usize>,
    /// Dropped where it cannot go out at once.
    pub volatile: bool,
    /// Websocket server frames.
    pub frames: Vec<u8>,
}

impl Hub {
    /// From now on it is noted whether anything more is to be sent to this connection that no stream has.
    pub fn calm(&self, client: &Client) {
        client.calm.set(true);
    }

    /// Whether nothing of that kind was to be sent to it since [`Self::calm`].
    #[must_use]
    pub fn is_calm(&self, client: &Client) -> bool {
        client.calm.get()
    }

    /// What waits for a connection, in order; `namespaces` are those that it is in.
    #[must_use]
    pub fn unsent(&self, client: &Client, namespaces: &[Rc<Namespace>]) -> Vec<Unsent> {
        let message = |meter: MeterId, volatile: bool, frames: &[u8]| Unsent {
            namespace: namespaces
                .iter()
                .position(|namespace| namespace.meter.get() == meter),
            volatile,
            frames: frames.to_vec(),
        };
        let mut unsent = Vec::new();
        if let Some(held) = &*client.held.borrow() {
            unsent.extend(held.messages().map(|(m, v, frames)| message(m, v, frames)));
        }
        for range in client.backlog.borrow().ranges() {
            let (bytes, mut start) = (range.bytes(), 0);
            for (record, len) in range.records() {
                let frames = &bytes[start..start + len];
                start += len;
                unsent.push(message(record.meter, record.volatile, frames));
            }
        }
        unsent
    }

    /// Puts what another process has not sent before all that waits; it is expected here again.
    pub fn put_before(&self, client: &Rc<Client>, unsent: &[Unsent], namespaces: &[Rc<Namespace>]) {
        let mut first = Backlog::default();
        for message in unsent {
            let namespace = message.namespace.and_then(|place| namespaces.get(place));
            first.push(&self.append_unsent(message, namespace));
        }
        let mut held = Held::default();
        held.absorb(&first, false);
        if let Some(later) = client.held.take() {
            held.append(&later);
        }
        held.absorb(&client.backlog.take(), false);
        if !held.is_empty() {
            *client.held.borrow_mut() = Some(Box::new(held));
        }
        self.measure(client);
        self.schedule(client);
    }

    fn append_unsent(&self, message: &Unsent, namespace: Option<&Rc<Namespace>>) -> Range {
        let meter = namespace.map_or(MeterId::UNCOUNTED, |namespace| namespace.meter.get());
        if let Some(namespace) = namespace {
            self.metrics(namespace).expected(1);
        }
        let entry = Entry {
            meter,
            volatile: message.volatile,
            accepted: clock::now(),
        };
        let encode = |out: &mut Vec<u8>| out.extend_from_slice(&message.frames);
        let mut log = self.log.borrow_mut();
        log.append(message.frames.len(), entry, encode)
    }

    /// The connection goes on elsewhere: what was not sent went along, and is counted there.
    pub fn discard_moved(&self, client: &Client) {
        self.discard_as(client, DropReason::Moved);
    }
}

//! An event that waits for something, and the later ones of its socket that wait behind it.
//!
//! What one socket sends takes effect in the order sent. Acks, disconnects and heartbeats do not wait.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, LocalBoxFuture};
use tokio::task;

use super::Node;
use super::heard::Hearing;
use super::session::Member;
use crate::clock;
use crate::policy::{Code, Refusal};
use crate::socket::packet::{self, Event, Packet};

/// The events that wait, in the order sent.
pub(super) type Parked = VecDeque<Waiting>;

/// Something that an ack waits for.
pub(super) type Wait = LocalBoxFuture<'static, ()>;

/// An event as it came.
pub(super) struct Waiting {
    text: Box<str>,
    attachments: Vec<Bytes>,
}

impl Member {
    /// Whether an event waits.
    pub(super) fn is_parked(&self) -> bool {
        self.parked.borrow().is_some()
    }

    /// Whether the ack of an event waits.
    pub(super) fn owes_answer(&self) -> bool {
        self.unanswered.get() > 0
    }
}

/// Waits until a room is heard.
pub(super) fn hearing(hearing: Hearing) -> Wait {
    hearing.map(drop).boxed_local()
}

impl Node {
    /// Acknowledges an event once its messages are stored; what comes meanwhile does not wait, as it has taken effect.
    pub(super) fn answer_stored(
        self: &Rc<Self>,
        member: &Rc<Member>,
        stored: Vec<Wait>,
        id: u64,
        args: &str,
        attachments: &[Bytes],
    ) {
        let (node, member) = (Rc::clone(self), Rc::clone(member));
        let (args, attachments) = (args.to_owned(), attachments.to_vec());
        member.unanswered.set(member.unanswered.get() + 1);
        task::spawn_local(async move {
            future::join_all(stored).await;
            member.unanswered.set(member.unanswered.get() - 1);
            if member.socket.is_connected() {
                node.answer(&member.socket, id, &args, &attachments);
            }
        });
    }

    /// Acknowledges an event once the rooms that it joined are heard and its session is written; what comes meanwhile waits
    /// behind it.
    pub(super) fn answer_later(
        self: &Rc<Self>,
        member: &Rc<Member>,
        missing: Vec<Wait>,
        id: u64,
        args: &str,
        attachments: &[Bytes],
    ) {
        member.parked.borrow_mut().get_or_insert_default();
        let (node, member) = (Rc::clone(self), Rc::clone(member));
        let (args, attachments) = (args.to_owned(), attachments.to_vec());
        task::spawn_local(async move {
            future::join_all(missing).await;
            if member.socket.is_connected() {
                node.answer(&member.socket, id, &args, &attachments);
                node.resume(&member);
            }
        });
    }

    /// Puts an event behind the one that waits, or refuses it: `limits.pending` may wait.
    pub(super) fn park(&self, member: &Member, event: &Event<'_>, attachments: &[Bytes]) {
        let limit = member.space.live().rules.rules.max_pending;
        let refused = {
            let mut parked = member.parked.borrow_mut();
            let parked = parked.get_or_insert_default();
            let full = parked.len() >= limit;
            if !full {
                parked.push_back(Waiting {
                    text: text(event).into(),
                    attachments: attachments.to_vec(),
                });
            }
            full
        };
        if refused {
            let live = member.space.live();
            let refusal = Refusal::new(
                Code::Busy,
                format!("{limit} events of this socket wait for an earlier one"),
            );
            live.received(&event.name);
            live.metrics.event_refused(refusal.code.code());
            self.refuse(member, event, &refusal, clock::now());
        }
    }

    /// Takes the events that waited, until one of them waits itself.
    pub(super) fn resume(self: &Rc<Self>, member: &Rc<Member>) {
        let mut parked = member.parked.take().unwrap_or_default();
        while member.socket.is_connected()
            && let Some(Waiting { text, attachments }) = parked.pop_front()
        {
            if let Ok(Packet::Event(event)) = packet::decode(&text) {
                self.event(member, &event, &attachments);
            }
            if member.is_parked() {
                *member.parked.borrow_mut() = Some(parked);
                return;
            }
        }
    }
}

/// The packet again, as it was decoded before.
fn text(event: &Event<'_>) -> String {
    let Event {
        nsp,
        id,
        raw_name,
        args,
        attachments,
        ..
    } = event;
    let kind = if *attachments == 0 {
        "2".to_owned()
    } else {
        format!("5{attachments}-")
    };
    let nsp = if *nsp == "/" {
        String::new()
    } else {
        format!("{nsp},")
    };
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    let comma = if args.text().is_empty() { "" } else { "," };
    format!("{kind}{nsp}{id}[{raw_name}{comma}{}]", args.text())
}

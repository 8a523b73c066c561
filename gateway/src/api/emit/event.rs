//! From the text of one event to its publication.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use carillon_crds::{compile::Namespace, document::Permission, names};
use serde_json::value::RawValue;

use super::submitted::{Gathering, Submitted};
use crate::{
    api::{
        Api,
        access::{Caller, Permit},
        binary::{self, Arguments},
        idempotency::Scope,
        ids::{Claimed, Reserved},
        problem::{Code, Problem},
        request::{Ack, Emit, parse::parse},
        response::{Accepted, Refused},
        select::Selection,
    },
    bus::{
        PublishError,
        broadcast::{Broadcast, HistoryLimits, Keep, Source, Stored},
    },
    clock,
    socket::encode,
    target::Target,
};

/// Publishes one event.
pub(super) async fn submit(
    api: &Arc<Api>,
    caller: &Caller,
    text: &str,
) -> Result<Submitted, Box<Refused>> {
    let refused = |id: Option<&String>, error| {
        Box::new(Refused {
            id: id.map(|id| id.as_str().into()),
            error,
        })
    };
    let emit: Emit<'_> = parse(text).map_err(|error| refused(None, error))?;
    let published = publish(api, caller, &emit, text).await;
    published.map_err(|error| refused(emit.id.as_ref(), error))
}

async fn publish(
    api: &Arc<Api>,
    caller: &Caller,
    emit: &Emit<'_>,
    text: &str,
) -> Result<Submitted, Problem> {
    let permit = caller.permit(Permission::Emit, &emit.namespace)?;
    let message = Message::read(emit, &permit, caller)?;
    let reservation = match claim(api, &permit, emit, text).await? {
        Id::Known(answer) => return Ok(Submitted::known(*answer)),
        Id::Fresh(reservation) => Some(reservation),
        Id::None => None,
    };
    if permit.rules.refuse_on_bus_loss && !api.bus.reaches_others() {
        return Err(Problem::new(Code::Unavailable, BUS_LOST).retry_after(LOSS_PAUSE));
    }
    let acks = emit.ack.map(|ack| Gathering::new(api, ack));
    let tally = api.bus.tally();
    let mut broadcast = message.broadcast(acks.as_ref(), &permit.rules);
    broadcast.counted = Some(Arc::clone(&tally));
    let stored = (broadcast.keep.is_some() && api.bus.remote().is_some()).then(|| {
        let (told, stored) = Stored::new();
        broadcast.stored = Some(told);
        stored
    });
    let published = api.bus.publish(None, broadcast).map_err(unavailable)?;
    (api.accepted)(&permit.rules.label);
    let answer = Accepted {
        id: emit.id.clone().map_or_else(made_up_id, Into::into),
        accepted: true,
        recipients: 0,
        degraded: published.degraded || reservation.as_ref().is_some_and(|id| id.is_degraded()),
        entry: published.entry.map(|entry| entry.to_string().into()),
        acks: None,
        missing: None,
        complete: None,
    };
    let is_recoverable = permit.rules.recovery.is_some() && acks.is_none();
    let must_store = is_recoverable && api.bus.shares_sessions();
    let stored = (stored, must_store);
    Ok(Submitted::new(answer, tally, stored, acks, reservation))
}

/// An event whose every field is right.
struct Message {
    target: Target,
    name: Box<str>,
    arguments: Arguments,
    volatile: bool,
}

impl Message {
    fn read(emit: &Emit<'_>, permit: &Permit, caller: &Caller) -> Result<Self, Problem> {
        let selection = Selection {
            rooms: emit.rooms.as_deref(),
            sockets: emit.sockets.as_deref(),
            users: emit.users.as_deref(),
            except: emit.except.as_deref(),
        };
        let target = selection.target(Arc::clone(&permit.namespace))?;
        let name = event_name(emit.event)?;
        if let Some(ack) = &emit.ack {
            check_timeout(ack.timeout.get())?;
            check_expect(ack)?;
        }
        let arguments = binary::inward(emit.args.iter().map(|arg| arg.get()))
            .map_err(|(index, error)| Problem::at(format!("/args/{index}"), error.to_string()))?;
        check_size(&arguments, caller)?;
        Ok(Self {
            target,
            name,
            arguments,
            volatile: emit.volatile,
        })
    }

    fn broadcast(self, acks: Option<&Gathering>, rules: &Namespace) -> Broadcast {
        let history = rules.history.as_ref().map(|history| HistoryLimits {
            size: history.size,
            ttl: history.ttl,
        });
        let is_kept = history.is_some() || rules.recovery.is_some();
        // With recovery the bus encodes what tells its place, and whoever replays.
        let frames = match acks {
            None if rules.recovery.is_some() => Bytes::new(),
            acks => self.frames(acks.map(|acks| acks.gather.id())),
        };
        let plain = match acks {
            _ if rules.recovery.is_some() => Bytes::new(),
            Some(_) if is_kept => self.frames(None),
            _ => frames.clone(),
        };
        let mut broadcast = Broadcast::new(self.target, frames, clock::now(), Source::Http);
        broadcast.volatile = self.volatile;
        broadcast.ack = acks.map(|acks| acks.gather.clone());
        broadcast.keep = is_kept.then(|| Keep {
            limits: history.unwrap_or(HistoryLimits::NONE),
            recovery: rules.recovery,
            name: self.name,
            args: self.arguments.text.into(),
            attachments: self.arguments.attachments,
            frames: plain,
        });
        broadcast
    }

    fn frames(&self, id: Option<u64>) -> Bytes {
        let Arguments { text, attachments } = &self.arguments;
        let mut frames = Vec::new();
        let namespace = &self.target.namespace;
        encode::event(&mut frames, namespace, id, &self.name, text, attachments);
        frames.into()
    }
}

/// The name as JSON text, byte for byte as it came.
pub(super) fn event_name(event: &RawValue) -> Result<Box<str>, Problem> {
    let name: String =
        serde_json::from_str(event.get()).map_err(|_| Problem::at("/event", "expected a text"))?;
    if name.is_empty() {
        return Err(Problem::at("/event", "is empty"));
    }
    if names::is_reserved_event(&name) || name.starts_with(names::OWN_EVENTS) {
        let detail = format!("`{name}` is reserved: neither side may emit it");
        return Err(Problem::at("/event", detail));
    }
    Ok(event.get().into())
}

/// A time to wait for acks.
pub(super) fn check_timeout(timeout: Duration) -> Result<(), Problem> {
    if timeout.is_zero() || timeout > MAX_WAIT {
        return Err(Problem::at("/ack/timeout", "expected a duration up to 5m"));
    }
    Ok(())
}

fn check_expect(ack: &Ack) -> Result<(), Problem> {
    if ack.expect == Some(0) {
        return Err(Problem::at("/ack/expect", "expected a number from 1"));
    }
    Ok(())
}

fn check_size(arguments: &Arguments, caller: &Caller) -> Result<(), Problem> {
    let most = caller.rules().document.engine.max_payload.bytes();
    let binary: usize = arguments.attachments.iter().map(Bytes::len).sum();
    if (arguments.text.len() + binary) as u64 > most {
        let detail = format!("the arguments have more than {most} bytes (`engine.maxPayload`)");
        return Err(Problem::new(Code::PayloadTooLarge, detail).with("/args", "too large"));
    }
    Ok(())
}

enum Id {
    None,
    Known(Box<Accepted>),
    Fresh(Box<Reserved>),
}

async fn claim(api: &Api, permit: &Permit, emit: &Emit<'_>, text: &str) -> Result<Id, Problem> {
    let Some(id) = &emit.id else {
        return Ok(Id::None);
    };
    if !(1..=MAX_ID).contains(&id.len()) {
        let detail = format!("must have 1 to {MAX_ID} bytes");
        return Err(Problem::at("/id", detail));
    }
    let scope = Scope {
        key: Arc::clone(&permit.key),
        namespace: Arc::clone(&permit.namespace),
        id: id.as_str().into(),
    };
    let claimed = api.ids.claim(scope, text.trim().as_bytes(), clock::now());
    match claimed.await {
        Claimed::Fresh(reservation) => Ok(Id::Fresh(reservation)),
        Claimed::Known(answer) => Ok(Id::Known(answer)),
        Claimed::Busy => Err(Problem::new(Code::Busy, ID_BUSY).retry_after(1)),
        Claimed::Other => Err(Problem::new(Code::Repeated, ID_OTHER).with("/id", "used before")),
    }
}

fn unavailable(error: PublishError) -> Problem {
    Problem::new(Code::Unavailable, error.to_string())
        .retry_after(1)
        .momentary()
}

fn made_up_id() -> Box<str> {
    format!("{:016x}", rand::random::<u64>()).into()
}

/// As long as anybody may wait for acks.
const MAX_WAIT: Duration = Duration::from_mins(5);
const MAX_ID: usize = 256;
/// After so many seconds to try again when the bus is lost.
const LOSS_PAUSE: u32 = 2;
const BUS_LOST: &str =
    "the way to the other nodes is down, and `onBusLoss` of this namespace is `refuse`";
const ID_BUSY: &str = "a call with this id is under way";
const ID_OTHER: &str = "this id was used with another body in the last ten minutes";

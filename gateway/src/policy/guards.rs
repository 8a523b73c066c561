//! The guards of an event, in their fixed order.

use std::time::Instant;

use carillon_crds::compile::{Event, Namespace};

use super::{Call, Code, Refusal, SocketState};

/// The event's rules, if no guard refuses it.
pub(super) fn pass<'r>(
    rules: &'r Namespace,
    state: &mut SocketState,
    now: Instant,
    call: &Call<'_>,
) -> Result<&'r Event, Refusal> {
    let limited = |what| move |wait| Refusal::rate_limited(what, wait);
    state
        .take(rules, now)
        .map_err(limited("the limit of the socket"))?;
    check_size(rules, call)?;
    let event = rules.events.get(call.event);
    let event =
        event.ok_or_else(|| Refusal::new(Code::UnknownEvent, "the event is not declared"))?;
    state
        .take_event(rules, event, now)
        .map_err(limited("the limit of this event"))?;
    check_args(event, call)?;
    Ok(event)
}

fn check_size(rules: &Namespace, call: &Call<'_>) -> Result<(), Refusal> {
    let attached: usize = call.attachments.iter().map(|data| data.len()).sum();
    if call.args.text().len() + attached <= rules.max_payload {
        return Ok(());
    }
    let message = format!("an event is at most {} bytes", rules.max_payload);
    Err(Refusal::new(Code::PayloadTooLarge, message))
}

fn check_args(event: &Event, call: &Call<'_>) -> Result<(), Refusal> {
    let Some(declared) = &event.args else {
        return Ok(());
    };
    let attachment = |index: usize| call.attachments.get(index).map(|data| data.len());
    declared
        .check(call.args.len(), |index| call.args.get(index), &attachment)
        .map_err(|message| Refusal::new(Code::Invalid, message))
}

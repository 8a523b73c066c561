//! The way in from outside: an Ingress or an HTTPRoute, as the proxy in front needs it.

use carillon_crds::resource::ExposureType;
use k8s_openapi::api::networking::v1::Ingress;

use super::context::Context;
use super::{Kind, Wanted};
use timing::Timing;

mod http_route;
mod ingress;
mod preset;
mod timing;

/// None where the resource does not ask for one.
pub(super) fn ingress(context: &Context<'_>) -> Option<Ingress> {
    let wanted = context.spec().exposure.kind == ExposureType::Ingress;
    wanted.then(|| ingress::build(context))
}

/// The route, if the resource asks for one.
pub(super) fn http_route(context: &Context<'_>) -> Wanted {
    match context.spec().exposure.kind {
        ExposureType::HTTPRoute => Wanted::Always(Kind::HttpRoute, http_route::build(context)),
        ExposureType::None | ExposureType::Service | ExposureType::Ingress => Wanted::No,
    }
}

/// What a browser asks for: Socket.IO, and the snapshots of those that poll.
fn paths<'a>(context: &Context<'a>) -> [&'a str; 2] {
    [&context.input.engine.path, EVENTS]
}

/// The one call of the HTTP API that browsers make.
const EVENTS: &str = "/v1/events";

fn timing(context: &Context<'_>) -> Timing {
    let engine = context.input.engine;
    let drain = &context.spec().drain;
    Timing::new(
        engine.ping_interval.get(),
        engine.ping_timeout.get(),
        engine.max_payload.bytes(),
        drain.hold.get(),
        drain.timeout.get(),
    )
}

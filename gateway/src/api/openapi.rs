//! `GET /v1/openapi.json`: the API described, its schemas generated from the types.

use std::sync::LazyLock;

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use carillon_crds::document::Permission;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    problem::Problem,
    request::{Disconnect, Emit, Join, Leave, ServerSideEmit},
    response::{Accepted, Changed, Events, History, Info, Item, Rooms, SentToServers, Sockets},
};

pub(super) async fn serve() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(text);
    let mut response = TEXT.as_str().into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The description, as it is served and committed.
fn text() -> String {
    let text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    format!("{text}\n")
}

fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let paths = paths(&mut generator);
    let problem = generator.subschema_for::<Problem>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Carillon",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Emit to browsers, change and ask about their sockets, read the past of rooms.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "responses": { "Problem": {
                "description": "Refused.",
                "content": { "application/problem+json": { "schema": problem } },
            } },
            "schemas": generator.take_definitions(true),
        },
    })
}

fn paths(g: &mut SchemaGenerator) -> Value {
    json!({
        "/v1/emit": { "post": emit(g) },
        "/v1/join": { "post": post::<Join, Changed>(g, "Make sockets join rooms", Permission::Manage) },
        "/v1/leave": { "post": post::<Leave, Changed>(g, "Make sockets leave rooms", Permission::Manage) },
        "/v1/disconnect": { "post": post::<Disconnect, Changed>(g, "Disconnect sockets", Permission::Manage) },
        "/v1/server-side-emit": {
            "post": post::<ServerSideEmit<'_>, SentToServers>(g, "Emit to the other servers", Permission::Emit),
        },
        "/v1/rooms": { "get": get::<Rooms>(g, "The rooms of a namespace", &[NAMESPACE, ROOMS, AFTER, LIMIT]) },
        "/v1/sockets": { "get": get::<Sockets>(g, "The sockets of a selection", &[NAMESPACE, ROOMS, AFTER, LIMIT]) },
        "/v1/history": {
            "get": get::<History>(g, "The past of rooms", &[NAMESPACE, ROOMS, EVENT, AFTER, LIMIT]),
        },
        "/v1/events": { "get": events(g) },
        "/v1/info": { "get": get::<Info>(g, "This node", &[]) },
        "/v1/openapi.json": { "get": description() },
    })
}

/// A call that takes a document and answers with one.
fn post<In: JsonSchema, Out: JsonSchema>(
    g: &mut SchemaGenerator,
    summary: &str,
    permission: Permission,
) -> Value {
    let body = g.subschema_for::<In>();
    let answer = g.subschema_for::<Out>();
    let mut call = call(
        summary,
        Some(permission),
        &json!({ "application/json": { "schema": answer } }),
    );
    call.insert(
        "requestBody".to_owned(),
        json!({
            "required": true,
            "content": { "application/json": { "schema": body } },
        }),
    );
    call.into()
}

fn get<Out: JsonSchema>(g: &mut SchemaGenerator, summary: &str, params: &[Param]) -> Value {
    let answer = g.subschema_for::<Out>();
    let mut call = call(
        summary,
        Some(Permission::Read),
        &json!({ "application/json": { "schema": answer } }),
    );
    call.insert(
        "parameters".to_owned(),
        params.iter().map(Param::value).collect(),
    );
    call.into()
}

fn emit(g: &mut SchemaGenerator) -> Value {
    let event = g.subschema_for::<Emit<'_>>();
    let accepted = g.subschema_for::<Accepted>();
    let item = g.subschema_for::<Item>();
    let many =
        |schema: &Value, most: usize| json!({ "type": "array", "maxItems": most, "items": schema });
    let lines = "One event a line, answered by one line an event, in order and while it is still being sent.";
    let (event, accepted, item) = (event.to_value(), accepted.to_value(), item.to_value());
    let answers = json!({ "oneOf": [accepted, many(&item, super::emit::MAX_BATCH)] });
    let mut call = call(
        "Emit one event, an array of them, or a stream",
        Some(Permission::Emit),
        &json!({
            "application/json": { "schema": answers },
            "application/x-ndjson": { "schema": item },
        }),
    );
    let events = json!({ "oneOf": [event, many(&event, super::emit::MAX_BATCH)] });
    call.insert(
        "requestBody".to_owned(),
        json!({
            "required": true,
            "description": lines,
            "content": {
                "application/json": { "schema": events },
                "application/x-ndjson": { "schema": event },
            },
        }),
    );
    call.into()
}

fn events(g: &mut SchemaGenerator) -> Value {
    let answer = g.subschema_for::<Events>();
    let content = json!({ "application/json": { "schema": answer } });
    let mut call = call(
        "The last events of a room that browsers may read",
        None,
        &content,
    );
    let params = [NAMESPACE, ROOM, EVENT, AFTER, LAST, WAIT, IF_NONE_MATCH];
    call.insert(
        "parameters".to_owned(),
        params.iter().map(Param::value).collect(),
    );
    if let Some(responses) = call.get_mut("responses") {
        responses["304"] = json!({ "description": "Nothing newer than the tag of If-None-Match." });
    }
    call.into()
}

fn description() -> Value {
    let content = json!({ "application/json": { "schema": { "type": "object" } } });
    call("This description", None, &content).into()
}

fn call(summary: &str, permission: Option<Permission>, content: &Value) -> Map<String, Value> {
    let security = match permission {
        Some(permission) => json!([{ "key": [permission] }]),
        None => json!([]),
    };
    let call = json!({
        "summary": summary,
        "security": security,
        "responses": {
            "200": { "description": "Done.", "content": content },
            "default": { "$ref": "#/components/responses/Problem" },
        },
    });
    match call {
        Value::Object(call) => call,
        _ => Map::new(),
    }
}

/// A parameter of a call.
struct Param {
    name: &'static str,
    place: &'static str,
    required: bool,
    repeated: bool,
    what: &'static str,
}

impl Param {
    const fn new(name: &'static str, what: &'static str) -> Self {
        Self {
            name,
            place: "query",
            required: false,
            repeated: false,
            what,
        }
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn repeated(mut self) -> Self {
        self.repeated = true;
        self
    }

    fn value(&self) -> Value {
        let one = json!({ "type": "string" });
        let schema = if self.repeated {
            json!({ "type": "array", "items": one })
        } else {
            one
        };
        json!({
            "name": self.name,
            "in": self.place,
            "required": self.required,
            "description": self.what,
            "schema": schema,
        })
    }
}

const NAMESPACE: Param = Param::new("namespace", "The namespace, such as /politics.").required();
const ROOM: Param = Param::new("room", "The room.").required();
const ROOMS: Param = Param::new("room", "A room; may be repeated. Absent: all.").repeated();
const EVENT: Param = Param::new("event", "Only events of this name.");
const AFTER: Param = Param::new("after", "Only what follows this id or name.");
const LIMIT: Param = Param::new("limit", "The size of a page, 1 to 1000; 100 by default.");
const LAST: Param = Param::new(
    "last",
    "How many of the last events, 1 to 1000; 1 by default.",
);
const WAIT: Param = Param::new("wait", "How long to wait for something new, up to 60s.");
const IF_NONE_MATCH: Param = Param {
    place: "header",
    ..Param::new("If-None-Match", "The ETag of an earlier answer.")
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_hold_the_table_of_calls() {
        carillon_tests::generated::check_file("docs/openapi.json", &text());
    }
}

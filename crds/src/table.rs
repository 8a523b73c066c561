//! The fields that a JSON Schema describes, one after the other, for tables in the docs.

use serde_json::Value;

use crate::parse::schema::resolve;

/// The first rows of a table.
pub(crate) const HEAD: &str = "| field | kind | default | meaning |\n|---|---|---|---|\n";

/// A field, and where it is: `list[].field`.
pub(crate) struct Field<'a> {
    pub(crate) path: &'a str,
    root: &'a Value,
    schema: &'a Value,
    default: Option<&'a Value>,
    required: bool,
}

/// Each field below a schema in turn; `see` says whether what is below the field follows.
pub(crate) fn each(root: &Value, schema: &Value, see: &mut dyn FnMut(&Field<'_>) -> bool) {
    below(root, schema, None, "", see);
}

fn below(
    root: &Value,
    schema: &Value,
    default: Option<&Value>,
    path: &str,
    see: &mut dyn FnMut(&Field<'_>) -> bool,
) {
    let of = resolve(root, schema);
    let required = of.get("required").and_then(Value::as_array);
    let known = of.get("properties");
    for (name, schema) in known.and_then(Value::as_object).into_iter().flatten() {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        let path = path.as_str();
        let default = schema.get("default").or_else(|| default?.get(name));
        let field = Field {
            path,
            root,
            schema,
            default,
            required: required.is_some_and(|names| names.iter().any(|one| one == name)),
        };
        if see(&field) {
            below(root, schema, default, path, see);
            if let Some(item) = resolve(root, schema).get("items") {
                below(root, item, None, &format!("{path}[]"), see);
            }
        }
    }
}

impl Field<'_> {
    /// A row of [`HEAD`], for the table of what is below `place`.
    pub(crate) fn row(&self, place: &str, meaning: &str) -> String {
        let path = self.path.strip_prefix(place).unwrap_or(self.path);
        let (kind, default) = (self.kind(), self.default());
        format!("| `{path}` | {kind} | {default} | {meaning} |\n")
    }

    /// What is written there, and within which bounds.
    pub(crate) fn kind(&self) -> String {
        let kind = kind(self.root, self.schema);
        let bound = |key: &str| self.schema.get(key);
        match (bound("minimum"), bound("maximum")) {
            _ if kind != "integer" => kind,
            (Some(least), Some(most)) => format!("{kind}, {least} to {most}"),
            (Some(least), None) if *least != 0 => format!("{kind}, from {least}"),
            _ => kind,
        }
    }

    /// None of an object: its fields have theirs. Only what is left out can be one.
    fn default(&self) -> String {
        let is_object = resolve(self.root, self.schema).get("properties").is_some();
        match self.default {
            _ if self.required => "**required**".to_owned(),
            Some(default) if !is_object => format!("`{default}`"),
            _ => String::new(),
        }
    }

    /// What is said of the field, and of each value that it may have.
    pub(crate) fn meaning(&self) -> String {
        let of = resolve(self.root, self.schema);
        let item = of.get("items").map(|item| resolve(self.root, item));
        let said = self.schema.get("description").or(of.get("description"));
        let said = said.and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut lines = vec![said];
        lines.extend(values(item.unwrap_or(of)));
        lines.join("<br>").replace('\n', "<br>").replace('|', "\\|")
    }
}

/// A type of the document that is no JSON type, such as `Duration`, is called by its own name.
fn kind(root: &Value, schema: &Value) -> String {
    let of = resolve(root, schema);
    let name = schema.get("$ref").and_then(Value::as_str);
    let name = name.and_then(|name| name.rsplit('/').next());
    match of.get("type").and_then(Value::as_str) {
        Some("array") => match of.get("items") {
            Some(item) if item.get("type").is_some() || item.get("$ref").is_some() => {
                format!("list of {}s", kind(root, item))
            }
            _ => "list".to_owned(),
        },
        Some("object") => "object".to_owned(),
        _ if of.get("oneOf").is_some() => "string".to_owned(),
        kind => match (name, kind) {
            (Some(name), _) => name.to_lowercase(),
            (None, Some(kind)) => kind.to_owned(),
            (None, None) => "number or text".to_owned(),
        },
    }
}

/// What each value means of which there are only so many.
fn values(schema: &Value) -> impl Iterator<Item = String> {
    let known = schema.get("oneOf").and_then(Value::as_array);
    known.into_iter().flatten().filter_map(|value| {
        let meaning = value.get("description")?.as_str()?;
        Some(format!("`{}`: {meaning}", value.get("const")?.as_str()?))
    })
}

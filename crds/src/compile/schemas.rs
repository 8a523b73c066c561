//! Named JSON Schemas, and the schemas of arguments that refer to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

use super::Checks;
use crate::fault;
use crate::parse::nearest;

/// The named schemas of a document. A schema that stands in several places is compiled once.
pub(super) struct Schemas<'a> {
    named: &'a BTreeMap<String, Value>,
    /// Those without fault: who refers to another one is not told of its faults again.
    good: BTreeSet<&'a str>,
    compiled: HashMap<String, Arc<Validator>>,
}

impl<'a> Schemas<'a> {
    /// Checks every named schema.
    pub(super) fn new(named: &'a BTreeMap<String, Value>, checks: &mut Checks) -> Self {
        let good = named.keys().map(String::as_str).collect();
        let mut schemas = Self {
            named,
            good,
            compiled: HashMap::new(),
        };
        for (name, schema) in named {
            let path = fault::key("schemas", name);
            if schemas.reaches(schema, name, true) {
                checks.sentence(path, "the schema refers to itself without looking at a part of the value: checking it would never end");
                schemas.good.remove(name.as_str());
            }
        }
        for (name, schema) in named {
            let before = checks.faults.len();
            schemas.validator(schema, &fault::key("schemas", name), checks);
            if checks.faults.len() > before {
                schemas.good.remove(name.as_str());
            }
        }
        schemas
    }

    /// A schema, compiled; nothing if it is faulty or refers to one that is.
    pub(super) fn validator(
        &mut self,
        schema: &Value,
        path: &str,
        checks: &mut Checks,
    ) -> Option<Arc<Validator>> {
        let key = schema.to_string();
        if let Some(known) = self.compiled.get(&key) {
            return Some(known.clone());
        }
        let before = checks.faults.len();
        self.check_references(schema, path, checks);
        let used = self.used(schema);
        if checks.faults.len() > before || !used.iter().all(|name| self.good.contains(name)) {
            return None;
        }
        match build(path, &self.with_named(schema, &used)) {
            Ok(validator) => {
                let validator = Arc::new(validator);
                self.compiled.insert(key, validator.clone());
                Some(validator)
            }
            Err((path, value, message)) => {
                checks.fault(path, value, message);
                None
            }
        }
    }

    fn check_references(&self, schema: &Value, path: &str, checks: &mut Checks) {
        visit(schema, true, &mut |keyword, value, _| {
            let target = value.as_str().unwrap_or_default();
            let place = fault::key(path, keyword);
            match (keyword, named(target)) {
                ("$ref", Some(name)) if self.named.contains_key(name) => {}
                ("$ref", Some(_)) => {
                    checks.fault(place, value, self.allowed("there is no such schema"))
                }
                ("$ref", None) => checks.fault(
                    place,
                    value,
                    self.allowed("a schema refers to the document's own schemas only"),
                ),
                ("$schema", _) if target.trim_end_matches('#') == DRAFT => {}
                ("$schema", _) => checks.fault(place, value, format!("allowed: \"{DRAFT}\"")),
                _ if REFERENCES.contains(&keyword) => {
                    checks.fault(place, value, self.allowed("only `$ref` refers elsewhere"));
                }
                _ => {
                    let close = nearest(keyword, known()).unwrap_or_default();
                    let message = format!(
                        "not a keyword of JSON Schema (2020-12), the nearest one is `{close}`; notes of your own start with x-"
                    );
                    checks.fault(place, value, message);
                }
            }
        });
    }

    fn allowed(&self, what: &str) -> String {
        let names: Vec<_> = self
            .named
            .keys()
            .map(|name| format!("#/schemas/{name}"))
            .collect();
        match names.is_empty() {
            true => format!("{what}: the document has no `schemas`"),
            false => format!("{what}, allowed: {}", names.join(", ")),
        }
    }

    /// The named schemas that a schema refers to, directly or not.
    fn used(&self, schema: &Value) -> BTreeSet<&'a str> {
        let mut used = BTreeSet::new();
        let mut open = vec![schema];
        while let Some(schema) = open.pop() {
            visit(schema, true, &mut |_, target, _| {
                let entry = target
                    .as_str()
                    .and_then(named)
                    .and_then(|name| self.named.get_key_value(name));
                if let Some((name, schema)) = entry
                    && used.insert(name.as_str())
                {
                    open.push(schema);
                }
            });
        }
        used
    }

    /// Whether following references that look at the same value leads to `name`.
    fn reaches(&self, schema: &Value, name: &str, first: bool) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![schema];
        let mut found = false;
        while let Some(schema) = open.pop() {
            visit(schema, first, &mut |_, target, same_value| {
                let Some(target) = target.as_str().and_then(named).filter(|_| same_value) else {
                    return;
                };
                found |= target == name;
                if let Some((target, schema)) = self.named.get_key_value(target)
                    && seen.insert(target.as_str())
                {
                    open.push(schema);
                }
            });
        }
        found
    }

    fn with_named(&self, schema: &Value, used: &BTreeSet<&str>) -> Value {
        let Value::Object(keywords) = schema else {
            return schema.clone();
        };
        let mut whole = keywords.clone();
        let named: Map<_, _> = used
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.named.get(*name)?.clone())))
            .collect();
        whole.insert("schemas".to_owned(), Value::Object(named));
        Value::Object(whole)
    }
}

/// Compiles a schema: no network, no files, regular expressions in linear time.
///
/// # Errors
/// Where in the schema, what stands there, and what is wrong with it.
fn build(path: &str, schema: &Value) -> Result<Validator, (String, Value, String)> {
    if !schema.is_object() && !schema.is_boolean() {
        let message = "expected a JSON Schema: an object, true or false";
        return Err((path.to_owned(), schema.clone(), message.to_owned()));
    }
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(REGEX_BYTES))
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .offline();
    options.build(schema).map_err(|error| {
        let pointer = error.instance_path().as_str();
        let keyword = pointer.rsplit('/').next().unwrap_or_default();
        let allowed = ALLOWED.iter().find(|(name, _)| *name == keyword);
        let message = match allowed {
            Some((_, allowed)) => (*allowed).to_owned(),
            None => format!("not allowed in a JSON Schema (2020-12): {}", error.masked()),
        };
        let value = schema.pointer(pointer).cloned().unwrap_or(Value::Null);
        (place(path, schema, pointer), value, message)
    })
}

/// A JSON pointer into `value` as the continuation of a path.
fn place(path: &str, value: &Value, pointer: &str) -> String {
    let steps = pointer.split('/').skip(1);
    let mut found = (path.to_owned(), Some(value));
    for step in steps {
        let step = step.replace("~1", "/").replace("~0", "~");
        found = match (found.1, step.parse()) {
            (Some(Value::Array(items)), Ok(index)) => {
                (fault::item(&found.0, index), items.get(index))
            }
            (other, _) => (
                fault::key(&found.0, &step),
                other.and_then(|value| value.get(&step)),
            ),
        };
    }
    found.0
}

/// The name that a reference gives.
fn named(reference: &str) -> Option<&str> {
    reference
        .strip_prefix("#/schemas/")
        .filter(|name| !name.is_empty() && !name.contains('/'))
}

/// Every keyword that has a meaning.
fn known() -> impl Iterator<Item = &'static str> {
    let applicators = APPLICATORS.iter().map(|(name, ..)| *name);
    REFERENCES.into_iter().chain(applicators).chain(PLAIN)
}

/// Visits every keyword that refers elsewhere or is unknown: its name, its value, and whether the schema
/// there would look at the same value as the outermost one does.
fn visit<'v>(schema: &'v Value, same_value: bool, found: &mut dyn FnMut(&'v str, &'v Value, bool)) {
    let Value::Object(keywords) = schema else {
        return;
    };
    for (keyword, value) in keywords {
        let other = !known().any(|name| name == keyword) && !keyword.starts_with("x-");
        if other || REFERENCES.contains(&keyword.as_str()) {
            found(keyword, value, same_value);
        } else if let Some((_, shape, in_place)) =
            APPLICATORS.iter().find(|(name, ..)| name == keyword)
        {
            let same_value = same_value && *in_place;
            match (shape, value) {
                (Shape::Schemas, Value::Object(entries)) => {
                    entries
                        .values()
                        .for_each(|schema| visit(schema, same_value, found));
                }
                (Shape::Schema, Value::Array(items)) => {
                    items
                        .iter()
                        .for_each(|schema| visit(schema, same_value, found));
                }
                (Shape::Schema, schema) => visit(schema, same_value, found),
                (Shape::Schemas, _) => {}
            }
        }
    }
}

/// How a keyword holds schemas.
#[derive(Clone, Copy)]
enum Shape {
    /// One, or a list.
    Schema,
    /// By name.
    Schemas,
}

const REFERENCES: [&str; 7] = [
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "$id",
    "$anchor",
    "$dynamicAnchor",
    "$schema",
];

/// The keywords that hold schemas, and whether those look at the same value.
const APPLICATORS: [(&str, Shape, bool); 22] = [
    ("allOf", Shape::Schema, true),
    ("anyOf", Shape::Schema, true),
    ("oneOf", Shape::Schema, true),
    ("not", Shape::Schema, true),
    ("if", Shape::Schema, true),
    ("then", Shape::Schema, true),
    ("else", Shape::Schema, true),
    ("dependentSchemas", Shape::Schemas, true),
    ("dependencies", Shape::Schemas, true),
    ("properties", Shape::Schemas, false),
    ("patternProperties", Shape::Schemas, false),
    ("$defs", Shape::Schemas, false),
    ("definitions", Shape::Schemas, false),
    ("additionalProperties", Shape::Schema, false),
    ("propertyNames", Shape::Schema, false),
    ("unevaluatedProperties", Shape::Schema, false),
    ("items", Shape::Schema, false),
    ("prefixItems", Shape::Schema, false),
    ("additionalItems", Shape::Schema, false),
    ("unevaluatedItems", Shape::Schema, false),
    ("contains", Shape::Schema, false),
    ("contentSchema", Shape::Schema, false),
];

/// The keywords that hold no schemas.
const PLAIN: [&str; 31] = [
    "type",
    "enum",
    "const",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxContains",
    "minContains",
    "maxProperties",
    "minProperties",
    "required",
    "dependentRequired",
    "format",
    "contentEncoding",
    "contentMediaType",
    "title",
    "description",
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
    "examples",
    "$comment",
];

/// What some keywords allow, in fewer words than the schema of schemas needs.
const ALLOWED: [(&str, &str); 3] = [
    (
        "type",
        "allowed: array, boolean, integer, null, number, object, string, or a list of these",
    ),
    (
        "pattern",
        "expected a regular expression that needs no backtracking (no look-around, no back-references)",
    ),
    ("format", "not a format of JSON Schema (2020-12)"),
];

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
const REGEX_BYTES: usize = 1 << 20;

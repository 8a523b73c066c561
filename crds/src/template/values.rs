//! Argument lists whose texts are templates.

use serde_json::Value;

use super::{Context, Placeholder, RenderError, Source, Template};
use crate::raw;

/// A list of JSON values whose texts, at any depth, are templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    parts: Vec<Part>,
}

/// What is told of a list while it is parsed.
pub type Found<'a> = dyn FnMut(&[String], Result<&Placeholder, String>) + 'a;

/// A piece of the list's JSON text, which is written without the outer brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Json(String),
    /// A text that is one placeholder: the value keeps its type.
    Whole(Placeholder),
    Text(Template),
}

impl Values {
    /// Parses a list. `found` is told of each placeholder and of each text that is no template,
    /// with the steps that lead to it.
    pub fn parse(values: &[Value], found: &mut Found<'_>) -> Self {
        let mut parse = Parse {
            parts: Vec::new(),
            path: Vec::new(),
            found,
        };
        parse.list(values);
        Self { parts: parse.parts }
    }

    /// The argument, if the list is just one of the event's own arguments.
    #[must_use]
    pub fn only_argument(&self) -> Option<usize> {
        match self.parts.as_slice() {
            [
                Part::Whole(Placeholder {
                    source: Source::Argument(index),
                    path,
                }),
            ] => path.is_empty().then_some(*index),
            _ => None,
        }
    }

    /// Appends the list without its brackets; the attachments it stands for go to `used`.
    ///
    /// # Errors
    /// If a value is missing, or is no scalar inside a longer text.
    pub fn render(
        &self,
        context: &dyn Context,
        out: &mut String,
        used: &mut Vec<usize>,
    ) -> Result<(), RenderError> {
        for part in &self.parts {
            match part {
                Part::Json(text) => out.push_str(text),
                Part::Whole(placeholder) => whole(placeholder, context, out, used)?,
                Part::Text(template) => {
                    let mut text = String::new();
                    template.render(context, &mut text)?;
                    raw::quote(&text, out);
                }
            }
        }
        Ok(())
    }
}

fn whole(
    placeholder: &Placeholder,
    context: &dyn Context,
    out: &mut String,
    used: &mut Vec<usize>,
) -> Result<(), RenderError> {
    let json = placeholder.json(context);
    let json = json.ok_or_else(|| RenderError::Missing(placeholder.shown()))?;
    if context.attachments() == 0 {
        out.push_str(&json);
        return Ok(());
    }
    let before = used.len();
    raw::renumber(&json, out, used);
    if used.len() > before && !matches!(placeholder.source, Source::Argument(_)) {
        return Err(RenderError::Attachment(placeholder.shown()));
    }
    Ok(())
}

struct Parse<'a, 'b> {
    parts: Vec<Part>,
    path: Vec<String>,
    found: &'a mut Found<'b>,
}

impl Parse<'_, '_> {
    fn list(&mut self, values: &[Value]) {
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.json(",");
            }
            self.child(index.to_string(), value);
        }
    }

    fn child(&mut self, key: String, value: &Value) {
        self.path.push(key);
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                self.json("[");
                self.list(items);
                self.json("]");
            }
            Value::Object(entries) => {
                if entries.contains_key("_placeholder") {
                    (self.found)(
                        &self.path,
                        Err("`_placeholder` is a key of Socket.IO itself".to_owned()),
                    );
                }
                self.json("{");
                for (index, (key, value)) in entries.iter().enumerate() {
                    self.json(if index > 0 { "," } else { "" });
                    self.json(&Value::from(key.as_str()).to_string());
                    self.json(":");
                    self.child(key.clone(), value);
                }
                self.json("}");
            }
            scalar => self.json(&scalar.to_string()),
        }
        self.path.pop();
    }

    fn text(&mut self, text: &str) {
        match Template::parse(text) {
            Err(error) => (self.found)(&self.path, Err(error.to_string())),
            Ok(template) => self.template(template),
        }
    }

    fn template(&mut self, template: Template) {
        for placeholder in template.placeholders() {
            (self.found)(&self.path, Ok(placeholder));
        }
        match (template.only(), template.fixed()) {
            (Some(placeholder), _) => self.parts.push(Part::Whole(placeholder.clone())),
            (None, Some(fixed)) => self.json(&Value::from(fixed).to_string()),
            (None, None) => self.parts.push(Part::Text(template)),
        }
    }

    fn json(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Json(before)) => before.push_str(text),
            _ => self.parts.push(Part::Json(text.to_owned())),
        }
    }
}

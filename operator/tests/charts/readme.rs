//! A chart's page: what it is, and a table of its values.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::values::Values;

pub(crate) fn of(folder: &Path, values: &Values) -> String {
    let about = fs::read_to_string(folder.join("README.md.intro")).unwrap();
    let mut out = format!(
        "{}\n## Values\n\n| key | default | what |\n|---|---|---|\n",
        about
    );
    for (path, about) in values.described() {
        let default = shown(values.at(path));
        let _infallible = writeln!(
            out,
            "| `{path}` | {default} | {} |",
            about.replace('|', "\\|")
        );
    }
    out
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => format!("`{text}`"),
        value => format!("`{value}`"),
    }
}

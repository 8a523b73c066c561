//! The settings as a table for `docs/configuration.md`; a test compares it with what is committed.

use super::variables::{self, Variable};

/// All settings as Markdown.
pub fn markdown() -> String {
    let mut text = String::from("| variable | flag | default | what |\n|---|---|---|---|\n");
    for variable in variables::ALL {
        text.push_str(&row(variable));
    }
    text
}

fn row(variable: &Variable) -> String {
    let value = variable.value.replace('|', "\\|");
    let (flag, default, help) = (variable.flag, variable.default, variable.help);
    format!(
        "| {} | `--{flag} {value}` | {default} | {help} |\n",
        names(variable)
    )
}

fn names(variable: &Variable) -> String {
    let quoted: Vec<String> = variable
        .env
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    quoted.join(", ")
}

//! The settings as a table for `docs/configuration.md`; a test compares it with what is committed.

use super::variables::{self, Variable};

/// All settings as Markdown: first those in force, then those that this version refuses.
pub fn markdown() -> String {
    let mut text = String::from("| variable | flag | default | what |\n|---|---|---|---|\n");
    for variable in variables::SUPPORTED {
        text.push_str(&row(variable));
    }
    text.push_str("\nRefused by this version, never ignored:\n\n");
    let refused: Vec<String> = variables::LATER
        .iter()
        .map(|variable| format!("{} (`--{}`)", names(variable), variable.flag))
        .collect();
    text.push_str(&refused.join(", "));
    text.push_str(".\n");
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

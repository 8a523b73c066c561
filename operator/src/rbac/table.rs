//! The rules as a table of the docs.

use std::fmt::Write;

use super::{FLEETS, LEASES, Rule};

/// The table, in Markdown.
#[must_use]
pub fn table() -> String {
    let mut out = "| where | resources | verbs | why |\n|---|---|---|---|\n".to_owned();
    for (place, rules) in [("fleets", FLEETS), ("the operator's own namespace", LEASES)] {
        for rule in rules {
            let _infallible = writeln!(
                out,
                "| {place} | {} | {} | {} |",
                resources(rule),
                rule.verbs.join(", "),
                rule.why
            );
        }
    }
    out
}

fn resources(rule: &Rule) -> String {
    let names = rule.resources.iter().map(|resource| {
        let (plural, sub) = match resource.split_once('/') {
            Some((plural, sub)) => (plural, format!("/{sub}")),
            None => (*resource, String::new()),
        };
        match rule.group {
            "" => format!("`{plural}{sub}`"),
            group => format!("`{plural}.{group}{sub}`"),
        }
    });
    let names = names.collect::<Vec<_>>().join(", ");
    if rule.only_lease {
        format!("{names}, only the one of `--lease-name`")
    } else {
        names
    }
}

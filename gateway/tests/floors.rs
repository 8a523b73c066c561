//! Holds the floors of ARCHITECTURE.md: no module imports what its row does not allow.
//!
//! Tests are exempt: a test may bring a whole gateway to look at one module.

#![allow(
    clippy::unwrap_used,
    reason = "in a test a panic is the report of a failure"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A row of the table.
#[derive(Debug)]
struct Row {
    floor: u32,
    may: BTreeSet<String>,
    never: BTreeSet<String>,
}

/// A file of the source, without its tests.
struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

#[test]
fn every_import_goes_down() {
    let (rows, sources) = (table(), sources());
    let mut faults = Vec::new();
    for source in &sources {
        let Some(row) = rows.get(&source.module) else {
            faults.push(format!(
                "{}: {} has no row",
                source.path.display(),
                source.module
            ));
            continue;
        };
        for (line, fault) in faults_of(&source.text, &source.module, row) {
            faults.push(format!("{}:{line}: {fault}", source.path.display()));
        }
    }
    assert!(
        faults.is_empty(),
        "against ARCHITECTURE.md:\n{}",
        faults.join("\n")
    );
}

#[test]
fn the_table_allows_only_what_lies_below() {
    let rows = table();
    for (module, row) in &rows {
        for below in &row.may {
            let other = rows
                .get(below)
                .unwrap_or_else(|| panic!("{module} may import {below}, which has no row"));
            assert!(
                other.floor < row.floor,
                "{module} may import {below}, which does not lie below"
            );
        }
    }
}

#[test]
fn every_row_has_a_module() {
    let modules: BTreeSet<String> = sources().into_iter().map(|source| source.module).collect();
    for module in table().keys() {
        assert!(
            modules.contains(module),
            "{module} is in the table and not in the source"
        );
    }
}

#[test]
fn faults_are_found() {
    let row = Row {
        floor: 3,
        may: set(&["id"]),
        never: set(&["bus", "tokio", "std::env"]),
    };
    let check = |text: &str, expected: usize| {
        assert_eq!(faults_of(text, "hub", &row).len(), expected, "{text}");
    };
    check("use crate::id::SocketId;", 0);
    check("use crate::hub::room::Room;", 0);
    check("use crate::node::Node;", 1);
    check("fn f(_: crate::node::Node) -> crate::api::Api {", 2);
    check("use crate::{id, node};", 1);
    check(
        "use crate::{\n    id::{SocketId, node},\n    node::Node,\n};",
        1,
    );
    check("let x = \"crate::node\";", 0);
    check("use tokio::sync::Notify;", 1);
    check("let x = std::env::args();", 1);
    check("// use crate::node::Node;", 0);
    check("use crate::id; // not crate::node", 0);
    check("use my_tokio::x;", 0);
}

/// What a text imports against its row, with the lines.
fn faults_of(text: &str, module: &str, row: &Row) -> Vec<(usize, String)> {
    let code: Vec<String> = text.lines().map(code_of).collect();
    let code = code.join("\n");
    let line = |at: usize| code[..at].matches('\n').count() + 1;
    let mut faults = Vec::new();
    for (at, name) in imports(&code) {
        if name != module && !row.may.contains(&name) {
            faults.push((line(at), format!("imports {name}")));
        }
    }
    for path in &row.never {
        let banned = mentions(&code, path).into_iter();
        faults.extend(banned.map(|at| (line(at), format!("uses {path}, which its row bans"))));
    }
    faults
}

/// A line without its comment and without the insides of strings.
fn code_of(line: &str) -> String {
    let outside: Vec<&str> = line.split('"').step_by(2).collect();
    let code = outside.join("");
    code.split("//").next().unwrap_or_default().to_owned()
}

/// The modules named after `crate::`, in braces too, and where.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            None => names.push((at, name(rest))),
            Some(list) => names.extend(items(list).iter().map(|item| (at, name(item.trim())))),
        }
    }
    names
}

/// The items of a list in braces, up to its end, not those of braces inside.
fn items(list: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut depth = 1;
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => items.push(String::new()),
            _ => items.last_mut().unwrap().push(c),
        }
        if depth == 0 {
            break;
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

fn name(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

/// Where `path::` stands in the code as a path of its own.
fn mentions(code: &str, path: &str) -> Vec<usize> {
    let path = format!("{path}::");
    let found = code.match_indices(&path).map(|(at, _)| at);
    let own = |at: &usize| {
        let before = code[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    };
    found.filter(own).collect()
}

/// The table, by module: the rows whose first cell is a number.
fn table() -> BTreeMap<String, Row> {
    let text = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (Some(Ok(floor)), [_, modules, may, never]) =
            (cells.first().map(|cell| cell.parse()), &cells[..])
        else {
            continue;
        };
        for module in words(modules) {
            let row = Row {
                floor,
                may: words(may),
                never: words(never),
            };
            assert!(
                rows.insert(module.clone(), row).is_none(),
                "{module} has two rows"
            );
        }
    }
    assert!(
        rows.len() > 10,
        "the table of ARCHITECTURE.md was not found"
    );
    rows
}

/// The words in backquotes.
fn words(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Every file under `gateway/src` that belongs to a module; `lib.rs` only lists them.
fn sources() -> Vec<Source> {
    let root = repository().join("gateway/src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(source) = source(&root, &path) {
                sources.push(source);
            }
        }
    }
    sources
}

fn source(root: &Path, path: &Path) -> Option<Source> {
    let relative = path.strip_prefix(root).unwrap();
    let parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
    let module = parts[0].trim_end_matches(".rs").to_owned();
    let is_test = parts
        .iter()
        .any(|part| matches!(part.trim_end_matches(".rs"), "tests" | "generated"));
    if is_test || module == "lib" || path.extension()? != "rs" {
        return None;
    }
    let text = fs::read_to_string(path).unwrap();
    let text = text
        .split("#[cfg(test)]")
        .next()
        .unwrap()
        .replace("carillon_gateway::", "crate::");
    Some(Source {
        path: relative.to_owned(),
        module,
        text,
    })
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

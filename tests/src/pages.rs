//! The pages of the documentation, and the commands on them.

pub mod names;
mod proofs;

use std::fs;
use std::path::PathBuf;

use crate::gateway::workspace;

pub use proofs::{PROOFS, Proof};

/// Where pages lie, from the root of the workspace.
const FOLDERS: [&str; 6] = [
    "",
    "docs",
    "bench",
    "charts/carillon",
    "charts/carillon-cluster",
    "tests/cluster",
];

/// A block of commands by its page and how it begins, as no other of that page does.
pub type Name = (&'static str, &'static str);

/// All pages.
pub fn files() -> Vec<PathBuf> {
    let root = workspace();
    let entries = FOLDERS.iter().flat_map(|folder| {
        let folder = root.join(folder);
        fs::read_dir(folder).expect("a folder of pages can be listed")
    });
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a folder of pages can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    files
}

/// The text of a page.
pub fn read(page: &str) -> String {
    let text = fs::read_to_string(workspace().join(page));
    text.unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// What stands between fences of this language, in order.
pub fn fenced(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// Every block of commands: its page, and its text.
pub fn commands() -> Vec<(String, String)> {
    let root = workspace();
    let blocks = files().into_iter().flat_map(|file| {
        let page = file.strip_prefix(&root).expect("a page of the workspace");
        let page = page.to_string_lossy().into_owned();
        let blocks = fenced(&read(&page), "sh").into_iter();
        blocks.map(move |block| (page.clone(), block))
    });
    blocks.collect()
}

/// A block of commands, as it is on its page.
pub fn command((page, begin): Name) -> String {
    let blocks = fenced(&read(page), "sh").into_iter();
    let found: Vec<_> = blocks.filter(|block| block.starts_with(begin)).collect();
    let [block] = found.as_slice() else {
        panic!("{page} has {} blocks that begin with {begin}", found.len());
    };
    block.clone()
}

/// The blocks that are proven so.
pub fn proven_by(proof: Proof) -> Vec<Name> {
    let so = PROOFS.iter().filter(|(_, by)| *by == proof);
    so.map(|(name, _)| *name).collect()
}

//! Links in the documentation lead somewhere, and its commands do what it says.

mod commands;
mod rules;

use std::fs;
use std::path::Path;

use carillon_tests::gateway::workspace;
use carillon_tests::pages;

/// The text outside of code blocks.
fn prose(text: &str) -> String {
    let blocks = text.split("\n```").step_by(2);
    blocks.collect::<Vec<_>>().join("\n")
}

/// Targets of inline links that are no URLs.
fn links(text: &str) -> Vec<&str> {
    let ends = text.split("](").skip(1);
    let targets = ends.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets.filter(|target| !target.contains("://")).collect()
}

/// Headings as fragments of a URL, as repository hosts make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

fn broken(page: &Path, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match file {
        "" => page.to_owned(),
        file => page.parent().unwrap().join(file),
    };
    if !target.exists() {
        return Some(format!("{}: {link}: there is no such file", page.display()));
    }
    let has = anchor.is_empty()
        || anchors(&fs::read_to_string(target).unwrap())
            .iter()
            .any(|one| one == anchor);
    (!has).then(|| format!("{}: {link}: there is no such heading", page.display()))
}

#[test]
fn links_lead_somewhere() {
    let pages = pages::files();
    assert!(pages.len() > 15, "{pages:?}");
    let mut faults = Vec::new();
    for page in &pages {
        let text = prose(&fs::read_to_string(page).unwrap());
        faults.extend(
            links(&text)
                .into_iter()
                .filter_map(|link| broken(page, link)),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What the index does not name nobody finds.
#[test]
fn every_page_is_in_the_index() {
    let folder = workspace().join("docs");
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_page = name.ends_with(".md") && name != "README.md";
        assert!(
            !is_page || index.contains(&format!("]({name})")),
            "{name} is not in docs/README.md"
        );
    }
}

//! Every command of the documentation has a test that types it, and those that need no more than this machine are
//! typed here: each block verbatim, in a network in which the ports of the pages are free.

mod here;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use carillon_tests::desk::Desk;
use carillon_tests::gateway::workspace;
use carillon_tests::network;
use carillon_tests::pages::{self, PROOFS, Proof};

/// Each block stands once in the table, and each line of the table for one block.
#[test]
fn every_block_is_proven() {
    let mut told = BTreeSet::new();
    for (name, _) in PROOFS {
        let block = (name.0.to_owned(), pages::command(*name));
        assert!(!told.contains(&block), "it is told twice: {block:?}");
        told.insert(block);
    }
    for block in pages::commands() {
        let table = "tests/src/pages/proofs.rs";
        assert!(
            told.contains(&block),
            "no test types this block ({table}): {block:#?}"
        );
    }
}

/// Who is said to type a block takes it from its page.
#[test]
fn other_tests_take_them_from_the_page() {
    for ((page, first), proof) in PROOFS {
        let Proof::By(file) = proof else { continue };
        let text = fs::read_to_string(workspace().join(file)).unwrap();
        assert!(
            text.contains(&format!("\"{page}\"")),
            "{file} does not read {page}: {first}"
        );
    }
}

/// What is only run by who makes the programs can be asked for, at least.
#[test]
fn targets_of_make_exist() {
    let blocks = pages::commands();
    let lines = blocks.iter().flat_map(|(_, text)| text.lines());
    let targets: BTreeSet<_> = lines
        .filter_map(|line| line.strip_prefix("make ")?.split_whitespace().next())
        .collect();
    assert!(targets.contains("run"), "{targets:?}");
    for target in targets {
        let mut make = Command::new("make");
        let made = make
            .args(["--dry-run", target])
            .current_dir(workspace())
            .output();
        let made = made.unwrap();
        let errors = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "make {target}: {errors}");
    }
}

#[test]
fn blocks_of_this_machine() {
    let run: BTreeSet<_> = here::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(run, pages::proven_by(Proof::Here).into_iter().collect());
    for (name, check) in here::ALL {
        network::apart(move || check(&Desk::new().unwrap(), &pages::command(*name)));
    }
}

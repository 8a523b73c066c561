//! Files and parts of the docs that are made from the source: a test makes them again and compares.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::gateway::workspace;

/// Compares a file, by its path in the repository, with what it should be; with `UPDATE_DOCS=1` it is written.
pub fn check_file(file: impl AsRef<Path>, expected: &str) {
    let path = workspace().join(file);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, expected).expect("the file can be written");
    }
    let found = fs::read_to_string(&path).expect("the file is part of the repository");
    assert!(
        found == expected,
        "{} is not what the source says: run `make docs` and commit it",
        path.display()
    );
}

/// Compares what stands between `<!-- name -->` and `<!-- /name -->` in a file of the repository; with `UPDATE_DOCS=1` it is
/// written there. Parts of one file are checked by tests that may run at once: one at a time.
pub fn check_part(file: &str, name: &str, text: &str) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let whole = fs::read_to_string(workspace().join(file));
    let mut whole = whole.expect("the file is part of the repository");
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = whole.find(&open).expect("the opening mark") + open.len();
    let end = whole.find(&close).expect("the closing mark");
    whole.replace_range(start..end, &format!("\n{text}\n"));
    check_file(file, &whole);
}

//! Files and parts of the docs that are made from the source: a test makes them again and compares.

use std::path::{Path, PathBuf};

/// Compares a file of the repository with what it should be; with `UPDATE_DOCS=1` it is written.
pub(crate) fn check_file(file: &str, expected: &str) {
    let path = path(file);
    if is_update() {
        std::fs::write(&path, expected).expect("the file can be written");
    }
    let found = std::fs::read_to_string(&path).expect("the file is part of the repository");
    assert!(
        found == expected,
        "{file} is not what the source says: run `make docs` and commit it"
    );
}

/// Compares what stands between `<!-- name -->` and `<!-- /name -->` in a file of the repository; with
/// `UPDATE_DOCS=1` it is written there. Parts of one file are checked by tests that may run at once, so it is locked.
pub(crate) fn check_part(file: &str, name: &str, text: &str) {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut whole =
        std::fs::read_to_string(path(file)).expect("the file is part of the repository");
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = whole.find(&open).expect("the opening mark") + open.len();
    let end = whole.find(&close).expect("the closing mark");
    whole.replace_range(start..end, &format!("\n{text}\n"));
    check_file(file, &whole);
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
fn is_update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

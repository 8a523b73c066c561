//! Parts of the docs that are made from the source: a test makes them again and compares.

use std::fs;
use std::path::Path;

/// Compares `text` with what stands between `<!-- name -->` and `<!-- /name -->` in a file of the
/// repository; with `UPDATE_DOCS=1` it is written there.
pub(crate) fn check(file: &str, name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let committed = fs::read_to_string(&path).expect("the file is part of the repository");
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = committed.find(&open).expect("the opening mark") + open.len();
    let end = committed.find(&close).expect("the closing mark");
    let expected = format!("\n{text}\n");
    if committed[start..end] == expected {
        return;
    }
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    assert!(
        update,
        "{file} is not what the source says: run `make docs` and commit it"
    );
    let updated = format!("{}{expected}{}", &committed[..start], &committed[end..]);
    fs::write(&path, updated).expect("the file is writable");
}

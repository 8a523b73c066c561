//! Any text as a rules document: it is refused with faults, or its forms are the same rules.
#![no_main]

use carillon_crds::compile::load;
use carillon_crds::normal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match load(text) {
        Err(faults) => assert!(!faults.is_empty() && !faults.to_string().is_empty()),
        Ok(book) => {
            let again = load(&normal::json(&book.document)).expect("the normal form is a document");
            assert_eq!(again.hash, book.hash);
        }
    }
});

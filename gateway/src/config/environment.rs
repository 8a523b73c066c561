//! The process environment behind a trait, so that a test brings its own.

use std::ffi::OsString;
use std::io;
use std::path::Path;

/// What [`parse`](super::parse) may ask of the outside.
pub trait Environment {
    /// All variables.
    fn variables(&self) -> Vec<(OsString, OsString)>;
    /// The text of a file (for the `…_FILE` variables).
    fn read(&self, path: &Path) -> io::Result<String>;
    /// How many threads the machine runs at once.
    fn parallelism(&self) -> usize;
}

/// The real environment of this process.
#[derive(Debug, Clone, Copy)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    fn variables(&self) -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn parallelism(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

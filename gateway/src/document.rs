//! The subcommands that look at a rules document without serving it.

use std::process::ExitCode;

use carillon_crds::compile::{self, Rulebook};
use carillon_crds::normal;

use crate::config::RulesSource;
use crate::reload::RulesFile;

/// A bad document, or none that can be read.
const BAD: u8 = 1;

/// Prints every fault of a document, one a line; exit code 1 if there is one.
#[must_use]
pub fn check(source: &RulesSource) -> ExitCode {
    match load(source) {
        Ok(rules) => {
            println!("no faults; hash {}", rules.hash);
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// Prints the effective document with all defaults, as YAML.
#[must_use]
pub fn print(source: &RulesSource) -> ExitCode {
    match load(source) {
        Ok(rules) => {
            print!("{}", normal::effective_yaml(&rules.document));
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

fn load(source: &RulesSource) -> Result<Rulebook, ExitCode> {
    let text = match source {
        RulesSource::Development => return Ok(compile::development()),
        RulesSource::Text(text) => text.clone(),
        RulesSource::File(path) => match RulesFile::open(path) {
            Ok(file) => file.text().to_owned(),
            Err(error) => {
                eprintln!("{error}");
                return Err(ExitCode::from(BAD));
            }
        },
    };
    compile::load(&text).map_err(|faults| {
        for fault in faults.iter() {
            println!("{fault}");
        }
        ExitCode::from(BAD)
    })
}

//! The subcommands that look at a rules document without serving it.

use std::process::ExitCode;

use carillon_crds::compile::{self, Rulebook};
use carillon_crds::fault::{self, Faults};
use carillon_crds::normal;

use crate::config::{Check, RedisMode, RulesSource, SubscriptionMode};
use crate::reload::{RulesFile, check_recovery};

/// A bad document, or none that can be read.
const BAD: u8 = 1;

/// Prints every fault of a document, one a line; exit code 1 if there is one. Where the format of a bus is named, what that
/// cannot do is a fault, or a note where it can do a part of it.
#[must_use]
pub fn check(check: &Check) -> ExitCode {
    let rules = match load(&check.source) {
        Ok(rules) => rules,
        Err(code) => return code,
    };
    let keeps = check.mode.is_none_or(|mode| mode == RedisMode::Streams);
    if let Err(faults) = check_recovery(&rules, keeps) {
        return refuse(&faults);
    }
    if check.mode == Some(RedisMode::Sharded) && check.subscription_mode != SubscriptionMode::Static
    {
        let namespaces = rules.document.namespaces.iter().enumerate();
        for (index, _) in namespaces.filter(|(_, namespace)| namespace.history.is_some()) {
            println!(
                "note: {}: {PARTLY_HEARD}",
                fault::key(&fault::item("namespaces", index), "history")
            );
        }
    }
    println!("no faults; hash {}", rules.hash);
    ExitCode::SUCCESS
}

const PARTLY_HEARD: &str = "in mode sharded an event of a Node server to a room is kept only where the node that stores has a \
     member of that room: where those matter, use streams, classic or CARILLON_REDIS_SUBSCRIPTION_MODE=static";

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
    compile::load(&text).map_err(|faults| refuse(&faults))
}

fn refuse(faults: &Faults) -> ExitCode {
    for fault in faults.iter() {
        println!("{fault}");
    }
    ExitCode::from(BAD)
}

//! The command line, made of the table of variables.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command};

use super::build;
use super::settings::Settings;
use super::variables::{self, Variable};
use super::{Config, Environment, Faults, Probe, RedisMode, RulesSource, SubscriptionMode, probe};

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Serve.
    Run(Box<Config>),
    /// Print every fault of a document.
    Check(Check),
    /// Print the effective document with all defaults.
    Rules(RulesSource),
    /// Try a server as a client.
    Probe(Box<Probe>),
    /// Print this text (help, version) and end well.
    Print(String),
}

/// What is to be checked.
#[derive(Debug)]
pub struct Check {
    /// The document.
    pub source: RulesSource,
    /// The format of the bus that it is for, if one is named.
    pub mode: Option<RedisMode>,
    /// Which rooms have a channel of their own there.
    pub subscription_mode: SubscriptionMode,
}

/// Reads the arguments (the program's name first) and the environment.
pub fn parse<A>(
    arguments: impl IntoIterator<Item = A>,
    environment: &dyn Environment,
) -> Result<Invocation, Faults>
where
    A: Into<OsString>,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let mut usage = None;
    let matches = command().try_get_matches_from(&arguments).or_else(|error| {
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            return Err(error.render().to_string());
        }
        usage = Some(first_line(&error.render().to_string()));
        // What could be read is still checked: all faults at once.
        Ok(command().ignore_errors(true).get_matches_from(&arguments))
    });
    let matches = match matches {
        Ok(matches) => matches,
        Err(text) => return Ok(Invocation::Print(text)),
    };
    let mut settings = Settings::new(environment, &|flag| flag_value(&matches, flag));
    if let Some(problem) = usage {
        settings.fault("", None, problem);
    }
    invocation(&matches, settings)
}

fn invocation(matches: &ArgMatches, settings: Settings<'_>) -> Result<Invocation, Faults> {
    let Some((name, sub)) = matches.subcommand() else {
        return build::config(settings).map(|config| Invocation::Run(Box::new(config)));
    };
    if name == "probe" {
        return probe::probe(settings, sub).map(|probe| Invocation::Probe(Box::new(probe)));
    }
    let check = build::check(settings, sub.get_one::<OsString>("FILE"))?;
    Ok(match name {
        "check" => Invocation::Check(check),
        _ => Invocation::Rules(check.source),
    })
}

/// What stands behind `check` wins over what stands before it.
fn flag_value(matches: &ArgMatches, flag: &str) -> Option<OsString> {
    let check = matches.subcommand_matches("check");
    let of_check = check.and_then(|check| check.try_get_one(flag).ok().flatten());
    of_check.or_else(|| matches.get_one(flag)).cloned()
}

/// clap adds usage and tips below, which would drown the other faults.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// The whole command line, as clap knows it.
pub(super) fn command() -> Command {
    let file = Arg::new("FILE")
        .value_parser(clap::value_parser!(OsString))
        .help("The document [default: what CARILLON_RULES or CARILLON_RULES_TEXT names]");
    Command::new("carillon-gateway")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A Socket.IO server for browsers, by declared rules, without user code")
        .after_help("Every flag is also a variable; a flag wins. Exit code 2: bad configuration.")
        .args(variables::all().map(flag))
        .subcommand(
            Command::new("check")
                .about("Print every fault of a rules document, for a --redis-mode if one is named; exit 1 if there is one")
                .args(variables::all().filter(|it| OF_CHECK.contains(&it.flag)).map(flag))
                .arg(file.clone()),
        )
        .subcommand(
            Command::new("rules")
                .about("Print the effective rules document with all defaults")
                .arg(file),
        )
        .subcommand(probe::command())
}

/// The flags that `check` reads too.
const OF_CHECK: [&str; 2] = [
    variables::REDIS_MODE.flag,
    variables::REDIS_SUBSCRIPTION_MODE.flag,
];

fn flag(variable: &'static Variable) -> Arg {
    let mut help = format!("{} [env: {}]", variable.help, variable.env.join(", "));
    if !variable.default.is_empty() {
        help.push_str(&format!(" [default: {}]", variable.default));
    }
    Arg::new(variable.flag)
        .long(variable.flag)
        .value_name(variable.value)
        .value_parser(clap::value_parser!(OsString))
        .allow_hyphen_values(true)
        .help(help)
}

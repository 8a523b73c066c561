//! Flags and variables brought together, with the faults found on the way.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::variables::{self, Variable};
use super::{Environment, Fault, Faults};

/// A value and the name under which it was given.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
    secret: bool,
}

/// All that was given, and what is wrong with it so far.
pub(super) struct Settings<'a> {
    pub(super) environment: &'a dyn Environment,
    given: BTreeMap<&'static str, Setting>,
    faults: Vec<Fault>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(
        environment: &'a dyn Environment,
        flag: &dyn Fn(&str) -> Option<OsString>,
    ) -> Self {
        let mut settings = Self {
            environment,
            given: BTreeMap::new(),
            faults: Vec::new(),
        };
        let variables = settings.read_variables();
        for variable in variables::all() {
            let given = match flag(variable.flag) {
                Some(value) => settings.text(&format!("--{}", variable.flag), value),
                None => variable.env.iter().find_map(|name| {
                    variables
                        .get(*name)
                        .map(|value| ((*name).to_owned(), value.clone()))
                }),
            };
            if let Some((name, value)) = given {
                let setting = Setting {
                    name,
                    value,
                    secret: variable.secret,
                };
                settings.given.insert(variable.flag, setting);
            }
        }
        settings
    }

    /// The value of a setting, if one was given.
    pub(super) fn get(&self, variable: &Variable) -> Option<Setting> {
        self.given.get(variable.flag).cloned()
    }

    /// The parsed value; `None` if none was given, or if it is at fault.
    pub(super) fn parse<T>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let setting = self.get(variable)?;
        parse(&setting.value)
            .map_err(|problem| self.refuse(&setting, problem))
            .ok()
    }

    /// Notes a fault of a given setting.
    pub(super) fn refuse(&mut self, setting: &Setting, problem: impl Into<String>) {
        let value = (!setting.secret).then(|| setting.value.clone());
        self.fault(&setting.name, value, problem);
    }

    pub(super) fn fault(
        &mut self,
        setting: &str,
        value: Option<String>,
        problem: impl Into<String>,
    ) {
        let setting = setting.to_owned();
        self.faults.push(Fault {
            setting,
            value,
            problem: problem.into(),
        });
    }

    /// The result, unless a fault was noted.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Faults> {
        if self.faults.is_empty() {
            Ok(value)
        } else {
            Err(Faults(self.faults))
        }
    }

    /// Our variables; an empty one counts as not set, as `${NAME:-}` of a compose file leaves it.
    fn read_variables(&mut self) -> BTreeMap<String, String> {
        let mut known = BTreeMap::new();
        for (name, value) in self.environment.variables() {
            let Ok(name) = name.into_string() else {
                continue;
            };
            let ours = variables::all().any(|variable| variable.env.contains(&name.as_str()));
            if !(ours || name.starts_with("CARILLON_")) || value.is_empty() {
                continue;
            }
            let Some((name, value)) = self.text(&name, value) else {
                continue;
            };
            match (is_service_link(&name, &value), ours) {
                (true, _) => {}
                (false, true) => _ = known.insert(name, value),
                (false, false) => self.fault(&name, None, unknown(&name)),
            }
        }
        known
    }

    fn text(&mut self, name: &str, value: OsString) -> Option<(String, String)> {
        match value.into_string() {
            Ok(text) => Some((name.to_owned(), text)),
            Err(_) => {
                self.fault(name, None, "is not UTF-8");
                None
            }
        }
    }
}

/// Whether Kubernetes made this variable of a Service's name. A Service `carillon-api` makes
/// `CARILLON_API_PORT=tcp://…`, so names of ours are among them.
fn is_service_link(name: &str, value: &str) -> bool {
    const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
    if name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") {
        return true;
    }
    if !name.contains("PORT") {
        return false;
    }
    let of_a_port = name.rsplit_once("_PORT_").is_some_and(|(_, rest)| {
        let mut parts = rest.split('_');
        let number = parts.next().is_some_and(|part| part.parse::<u16>().is_ok());
        number && parts.next().is_some_and(|part| PROTOCOLS.contains(&part))
    });
    of_a_port
        || PROTOCOLS
            .iter()
            .any(|protocol| value.starts_with(&format!("{}://", protocol.to_ascii_lowercase())))
}

fn unknown(name: &str) -> String {
    let bare = |name: &str| name.trim_start_matches("CARILLON_").to_owned();
    let known = variables::all().flat_map(|variable| variable.env);
    let nearest = known
        .map(|known| (distance(&bare(name), &bare(known)), known))
        .min();
    match nearest {
        Some((distance, known)) if distance <= bare(name).len() / 3 => {
            format!("no such variable; did you mean {known}?")
        }
        _ => "no such variable; --help lists them all".to_owned(),
    }
}

/// The Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

//! The parameters of a query string.

use std::{str::FromStr, sync::Arc};

use carillon_crds::units::Duration;

use super::{
    problem::{Code, Problem},
    request::parse::nearest,
};

/// Parameters, each of a name that the call knows.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string; a name that is not `known` is a fault.
    pub(super) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        for (name, _) in &pairs {
            if !known.contains(&name.as_str()) {
                let near = nearest(name, known).unwrap_or_default();
                let detail =
                    format!("unknown parameter `{name}`: the nearest known one is `{near}`");
                return Err(Problem::new(Code::Invalid, detail));
            }
        }
        Ok(Self(pairs))
    }

    /// A parameter that stands once or not at all.
    pub(super) fn one(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let mut values = self.values(name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(fault(name, "given more than once")),
            None => Ok(first),
        }
    }

    /// A parameter that stands once.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, Problem> {
        self.one(name)?.ok_or_else(|| fault(name, "missing"))
    }

    /// A parameter that may repeat.
    pub(super) fn all(&self, name: &'static str) -> Vec<Arc<str>> {
        self.values(name).map(Arc::from).collect()
    }

    /// A parameter of some type; `what` says what it must be.
    pub(super) fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        what: &str,
    ) -> Result<Option<T>, Problem> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| fault(name, &format!("expected {what}")))
        };
        self.one(name)?.map(parse).transpose()
    }

    /// A number from 1 to `most`.
    pub(super) fn limit(
        &self,
        name: &'static str,
        default: usize,
        most: usize,
    ) -> Result<usize, Problem> {
        let what = format!("a number from 1 to {most}");
        match self.parsed(name, &what)? {
            Some(number) if (1..=most).contains(&number) => Ok(number),
            Some(_) => Err(fault(name, &format!("expected {what}"))),
            None => Ok(default),
        }
    }

    /// A duration of at most `most`.
    pub(super) fn duration(
        &self,
        name: &'static str,
        most: Duration,
    ) -> Result<Option<Duration>, Problem> {
        let what = format!("a duration of at most {most}, such as 25s");
        match self.parsed(name, &what)? {
            Some(duration) if duration > most => Err(fault(name, &format!("expected {what}"))),
            duration => Ok(duration),
        }
    }

    fn values(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let of_name = self.0.iter().filter(move |(found, _)| found == name);
        of_name.map(|(_, value)| value.as_str())
    }
}

fn fault(name: &str, detail: &str) -> Problem {
    Problem::new(Code::Invalid, format!("parameter `{name}`: {detail}"))
}

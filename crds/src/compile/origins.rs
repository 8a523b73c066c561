//! Which origins may connect.

use crate::document::Cors;

use super::Checks;
use crate::fault;

/// Which origins may connect. Hosts are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    exact: Vec<Box<str>>,
    /// What stands before and after the `*`.
    wild: Vec<(Box<str>, Box<str>)>,
}

impl Origins {
    /// Whether an `Origin` header names an allowed origin.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        if self.any {
            return true;
        }
        let origin = origin.to_ascii_lowercase();
        let part = |(before, after): &(Box<str>, Box<str>)| {
            let rest = origin.strip_prefix(&**before)?;
            let middle = rest.strip_suffix(&**after)?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
            (!middle.is_empty() && middle.bytes().all(plain)).then_some(())
        };
        self.exact.iter().any(|known| **known == *origin)
            || self.wild.iter().any(|wild| part(wild).is_some())
    }

    /// Whether no origin is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.any && self.exact.is_empty() && self.wild.is_empty()
    }

    /// Whether every origin is allowed, so that answers may say `*`.
    #[must_use]
    pub fn any(&self) -> bool {
        self.any
    }

    /// Allows one more origin, such as `https://example.com`.
    pub fn add(&mut self, origin: &str) {
        self.exact.push(origin.to_ascii_lowercase().into());
    }

    /// Origins on this machine, on any port.
    #[must_use]
    pub(super) fn localhost() -> Self {
        let wild = vec![("http://localhost:".into(), "".into())];
        Self {
            any: false,
            exact: vec!["http://localhost".into()],
            wild,
        }
    }

    pub(super) fn compile(cors: &Cors, checks: &mut Checks) -> Self {
        let mut origins = Self::default();
        for (index, text) in cors.origins.iter().enumerate() {
            let path = fault::item("cors.origins", index);
            let lower = text.to_ascii_lowercase();
            match (text.as_str(), lower.split_once('*')) {
                ("*", _) => origins.any = true,
                (_, None) if is_origin(&lower) => origins.exact.push(lower.into()),
                (_, Some((before, after)))
                    if before.ends_with("://")
                        && after.starts_with('.')
                        && is_origin(&format!("{before}a{after}")) =>
                {
                    origins.wild.push((before.into(), after.into()));
                }
                _ => checks.fault(path, text, FORM),
            }
        }
        let any = cors.origins.iter().position(|text| text == "*");
        if let (Some(index), true) = (any, cors.credentials) {
            checks.fault(
                fault::item("cors.origins", index),
                "*",
                "with `credentials: true` this can never work, browsers refuse it: list the origins",
            );
        }
        origins
    }
}

/// Scheme, host and perhaps a port, without path or closing slash.
fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let host_fits = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b));
    scheme_fits && host_fits && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

const FORM: &str = "expected an origin such as https://example.com or http://localhost:3000 (no path, no closing slash), https://*.example.com, or *";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Faults;

    fn compiled(origins: &[&str]) -> (Origins, usize) {
        let cors = Cors {
            origins: origins.iter().map(ToString::to_string).collect(),
            ..Cors::default()
        };
        let mut checks = Checks {
            faults: Faults::new(),
            known: 0,
        };
        let origins = Origins::compile(&cors, &mut checks);
        (origins, checks.faults.len())
    }

    #[test]
    fn matching() {
        let (origins, faults) = compiled(&[
            "https://Example.com",
            "https://*.game.org:8443",
            "http://[::1]:3000",
        ]);
        assert_eq!(faults, 0);
        for (origin, expected) in [
            ("https://example.com", true),
            ("HTTPS://EXAMPLE.COM", true),
            ("http://example.com", false),
            ("https://example.com:444", false),
            ("https://a.game.org:8443", true),
            ("https://a.b.game.org:8443", true),
            ("https://game.org:8443", false),
            ("https://.game.org:8443", false),
            ("https://evil.com/.game.org:8443", false),
            ("https://evil.com?.game.org:8443", false),
            ("http://[::1]:3000", true),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origins.allows(origin), expected, "{origin}");
        }
        assert!(Origins::localhost().allows("http://localhost:5173"));
        assert!(!Origins::localhost().allows("http://localhost:.evil.com:80"));
        assert!(!Origins::localhost().allows("http://localhost.evil.com:80"));
    }

    #[test]
    fn forms() {
        for text in [
            "example.com",
            "https://a/",
            "https://a/b",
            "https://*",
            "https://*a.com",
            "*.a.com",
            "https://*.*.com",
            "https://a:99999",
            "",
        ] {
            assert_eq!(compiled(&[text]).1, 1, "{text}");
        }
    }
}

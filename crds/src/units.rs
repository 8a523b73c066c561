//! Durations, sizes and rates, as a rules document writes them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration as StdDuration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration: one number and one unit (`250ms`, `25s`, `2m`, `12h`, `30d`), or `0s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

/// A number of bytes: a plain number, or `64KiB`, `1MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// How often something may happen: `5/s`, `100/m`, `1000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    count: u32,
    per: Period,
}

/// The unit of a [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Period {
    Second,
    Minute,
    Hour,
}

/// A text that is not of the unit's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct NotAUnit(&'static str);

impl Duration {
    /// A duration of so many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// A duration of so many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000)
    }

    /// Whole milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The same as the standard library's type.
    #[must_use]
    pub const fn get(self) -> StdDuration {
        StdDuration::from_millis(self.0)
    }
}

impl Size {
    /// A size of so many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl Rate {
    /// So many a second.
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        Self {
            count,
            per: Period::Second,
        }
    }

    /// How many in one period; also the burst of a bucket that names no other.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The same rate as a number a second.
    #[must_use]
    pub fn a_second(self) -> f64 {
        f64::from(self.count) / f64::from(self.per.seconds())
    }
}

impl Period {
    const fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Second => 's',
            Self::Minute => 'm',
            Self::Hour => 'h',
        }
    }
}

impl FromStr for Duration {
    type Err = NotAUnit;

    fn from_str(text: &str) -> Result<Self, NotAUnit> {
        if text == "0s" {
            return Ok(Self(0));
        }
        let (number, unit) = split(text);
        let factor = lookup(DURATION_UNITS, unit).ok_or(NotAUnit(DURATION))?;
        count(number)
            .map(|n| Self(n * factor))
            .ok_or(NotAUnit(DURATION))
    }
}

impl FromStr for Size {
    type Err = NotAUnit;

    fn from_str(text: &str) -> Result<Self, NotAUnit> {
        let (number, unit) = split(text);
        let factor = lookup(SIZE_UNITS, unit).ok_or(NotAUnit(SIZE))?;
        count(number)
            .map(|n| Self(n * factor))
            .ok_or(NotAUnit(SIZE))
    }
}

impl FromStr for Rate {
    type Err = NotAUnit;

    fn from_str(text: &str) -> Result<Self, NotAUnit> {
        let (number, unit) = text.split_once('/').ok_or(NotAUnit(RATE))?;
        let per = match unit {
            "s" => Period::Second,
            "m" => Period::Minute,
            "h" => Period::Hour,
            _ => return Err(NotAUnit(RATE)),
        };
        let count = count(number)
            .and_then(|n| u32::try_from(n).ok())
            .ok_or(NotAUnit(RATE))?;
        Ok(Self { count, per })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let (unit, factor) = largest(DURATION_UNITS, self.0).unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match largest(SIZE_UNITS, self.0) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.letter())
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match largest(SIZE_UNITS, self.0) {
            Some(_) => serializer.collect_str(self),
            None => serializer.serialize_u64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form<'a> {
            Bytes(u64),
            Text(#[serde(borrow)] Cow<'a, str>),
        }
        match Form::deserialize(deserializer)? {
            Form::Bytes(bytes) => Ok(Self(bytes)),
            Form::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "minimum": 0,
            "maximum": 1_099_511_627_776_u64,
            "pattern": "^[1-9][0-9]{0,8}(KB|MB|GB|KiB|MiB|GiB)$",
            "description": SIZE,
            "examples": ["1MB"],
        })
    }
}

/// Units that are written as text and nothing else.
macro_rules! as_text {
    ($type:ident, $what:expr, $pattern:expr, $example:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "description": $what,
                    "examples": [$example],
                })
            }
        }
    };
}

as_text!(Duration, DURATION, DURATION_FORM, "25s");
as_text!(Rate, RATE, RATE_FORM, "5/s");

/// The digits in front and what follows them.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// One to nine digits without a leading zero: no product with a unit can overflow.
fn count(digits: &str) -> Option<u64> {
    let plain = (1..=9).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn lookup(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| *factor)
}

/// The largest unit that the value is a whole number of, so that equal values are written alike.
fn largest(units: &[(&'static str, u64)], value: u64) -> Option<(&'static str, u64)> {
    let fits =
        |factor: u64| value > 0 && value.is_multiple_of(factor) && value / factor < 1_000_000_000;
    units.iter().copied().find(|(_, factor)| fits(*factor))
}

/// The form of a duration.
pub const DURATION_FORM: &str = "^(0s|[1-9][0-9]{0,8}(ms|s|m|h|d))$";
/// The form of a rate.
pub const RATE_FORM: &str = "^[1-9][0-9]{0,8}/(s|m|h)$";
/// What a duration is, in words.
pub const DURATION: &str = "a duration: one number and one unit (250ms, 25s, 2m, 12h, 30d), or 0s";
const SIZE: &str = "a size: a number of bytes, or one number and one unit (64KiB, 1MB)";
/// What a rate is, in words.
pub const RATE: &str = "a rate: one number and one period (5/s, 100/m, 1000/h)";

const DURATION_UNITS: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
const SIZE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T>(input: &str, expected: Option<&str>)
    where
        T: FromStr + fmt::Display,
    {
        let shown = input.parse::<T>().ok().map(|value| value.to_string());
        assert_eq!(shown.as_deref(), expected, "{input}");
    }

    #[test]
    fn durations() {
        for (input, expected) in [
            ("0s", Some("0s")),
            ("250ms", Some("250ms")),
            ("45000ms", Some("45s")),
            ("24h", Some("1d")),
            ("999999999d", Some("999999999d")),
            ("0ms", None),
            ("01s", None),
            ("1.5s", None),
            ("1m30s", None),
            ("5", None),
            ("s", None),
            ("-1s", None),
            ("1000000000s", None),
            ("１s", None),
        ] {
            check::<Duration>(input, expected);
        }
    }

    #[test]
    fn sizes() {
        for (input, expected) in [
            ("64KiB", Some("64KiB")),
            ("1MB", Some("1MB")),
            ("1000KB", Some("1MB")),
            ("1024KiB", Some("1MiB")),
            ("1kB", None),
            ("12", None),
            ("1.5MB", None),
            ("", None),
        ] {
            check::<Size>(input, expected);
        }
        assert_eq!(serde_json::to_string(&Size(0)).expect("plain"), "0");
        assert_eq!(serde_json::to_string(&Size(1_500)).expect("plain"), "1500");
        assert_eq!(
            serde_json::from_str::<Size>("1500").expect("bytes"),
            Size(1_500)
        );
    }

    #[test]
    fn rates() {
        for (input, expected) in [
            ("5/s", Some("5/s")),
            ("100/m", Some("100/m")),
            ("1000/h", Some("1000/h")),
            ("0/s", None),
            ("5/d", None),
            ("5", None),
            ("/s", None),
            ("5/s ", None),
        ] {
            check::<Rate>(input, expected);
        }
        assert!(
            (Rate {
                count: 90,
                per: Period::Minute
            }
            .a_second()
                - 1.5)
                .abs()
                < 1e-9
        );
    }
}

//! The names of streams, entries and session keys.

use crate::bus::broadcast::EntryId;

/// The streams of a cluster: one, or several by a hash of the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    name: String,
    count: u32,
}

impl Names {
    /// The streams `<name>`, or `<name>-<i>` if there are several.
    pub fn new(name: impl Into<String>, count: u32) -> Self {
        Self {
            name: name.into(),
            count: count.max(1),
        }
    }

    /// The stream that the entries of a namespace are written to.
    ///
    /// The adapter takes the remainder of a signed hash, so the number may be negative, with two dashes in the name.
    pub fn of(&self, namespace: &str) -> String {
        if self.count == 1 {
            return self.name.clone();
        }
        format!("{}-{}", self.name, self.number(namespace))
    }

    /// Its place among [`Names::all`].
    pub fn index(&self, namespace: &str) -> usize {
        let index = self.number(namespace) + i64::from(self.count) - 1;
        usize::try_from(index).unwrap_or_default()
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        2 * self.count as usize - 1
    }

    fn number(&self, namespace: &str) -> i64 {
        i64::from(hash(namespace)) % i64::from(self.count)
    }

    /// Every stream that some namespace may be written to.
    pub fn all(&self) -> Vec<String> {
        if self.count == 1 {
            return vec![self.name.clone()];
        }
        let last = i64::from(self.count) - 1;
        (-last..=last)
            .map(|index| format!("{}-{index}", self.name))
            .collect()
    }
}

/// `hashCode` of a Java string.
fn hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

/// An entry id, or an offset that a client names: `<milliseconds>-<sequence>`, digits only.
pub fn entry_id(text: &str) -> Option<EntryId> {
    let plain = text
        .bytes()
        .all(|byte| byte == b'-' || byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The key of a session record; the prefix is `sio:session:` by default.
pub fn session_key(prefix: &str, pid: &str) -> String {
    format!("{prefix}{pid}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_may_be_negative() {
        assert_eq!(hash("/notifications"), -1_014_064_871);
        let names = Names::new("ht", 4);
        assert_eq!(names.of("/notifications"), "ht--3");
        assert_eq!(
            names.all(),
            ["ht--3", "ht--2", "ht--1", "ht-0", "ht-1", "ht-2", "ht-3"]
        );
        assert_eq!(names.total(), names.all().len());
        for namespace in ["/", "/chat", "/notifications", "/a", "/b", "/é", "/😀"] {
            assert_eq!(names.all()[names.index(namespace)], names.of(namespace));
        }
    }

    #[test]
    fn one_stream_has_the_plain_name() {
        for count in [0, 1] {
            let names = Names::new("socket.io", count);
            assert_eq!(
                (names.of("/x").as_str(), names.all().len()),
                ("socket.io", 1)
            );
            assert_eq!((names.index("/x"), names.total()), (0, 1));
        }
    }

    #[test]
    fn entry_ids() {
        let id = entry_id("1795372498658-2").expect("an id");
        assert_eq!((id.millis, id.sequence), (1_795_372_498_658, 2));
        assert_eq!(id.to_string(), "1795372498658-2");
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "+1-2",
            "1-+2",
            "a-1",
            "1-99999999999999999999",
        ] {
            assert_eq!(entry_id(text), None, "{text}");
        }
        assert_eq!(session_key("sio:session:", "p"), "sio:session:p");
    }
}

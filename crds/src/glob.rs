//! Names in which `*` stands for any run of characters.

/// A name with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// What stands between the asterisks; one more piece than there are asterisks.
    pieces: Vec<Box<str>>,
}

impl Glob {
    /// A pattern; without `*` it is a plain name.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self {
            pieces: pattern.split('*').map(Into::into).collect(),
        }
    }

    /// Whether the whole of `name` matches, in linear time per piece.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return name == &**first;
        };
        let Some(name) = name.strip_prefix(&**first) else {
            return false;
        };
        let Some(name) = name.strip_suffix(&**last) else {
            return false;
        };
        let found = middle.iter().try_fold(name, |left, piece| {
            left.find(&**piece).map(|at| &left[at + piece.len()..])
        });
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("company-*", "company-", true),
            ("company-*", "company-1", true),
            ("company-*", "Company-1", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxc", false),
            ("*b*", "abc", true),
        ] {
            assert_eq!(
                Glob::new(pattern).matches(name),
                expected,
                "{pattern} {name}"
            );
        }
    }
}

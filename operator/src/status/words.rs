//! Texts of conditions and events.

/// At most `limit` bytes of a text; what is cut off is told by an ellipsis.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limit.saturating_sub(ELLIPSIS.len()));
    format!("{}{ELLIPSIS}", &text[..end])
}

/// `1 pod`, `2 pods`.
pub(super) fn pods(count: usize) -> String {
    match count {
        1 => "1 pod".to_owned(),
        _ => format!("{count} pods"),
    }
}

/// The first few of many texts.
pub(super) fn some(texts: impl IntoIterator<Item = String>, separator: &str) -> String {
    let mut texts = texts.into_iter();
    let shown: Vec<_> = texts.by_ref().take(SHOWN).collect();
    let shown = shown.join(separator);
    match texts.count() {
        0 => shown,
        more => format!("{shown}{separator}and {more} more"),
    }
}

/// As much of a hash as tells it from another.
pub(super) fn short_hash(hash: &str) -> String {
    hash.chars().take(12).collect()
}

const ELLIPSIS: &str = "…";
/// So many pods are named.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        for (text, limit, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "lo…"),
            ("ääää", 8, "ääää"),
            ("ääää", 7, "ää…"),
            ("ääää", 6, "ä…"),
            ("äää", 4, "…"),
        ] {
            let cut = shortened(text, limit);
            assert_eq!(cut, expected, "{text} {limit}");
            assert!(cut.len() <= limit);
        }
    }

    #[test]
    fn a_few_are_named() {
        let names = |count: usize| (0..count).map(|one| one.to_string());
        assert_eq!(some(names(0), ", "), "");
        assert_eq!(some(names(5), ", "), "0, 1, 2, 3, 4");
        assert_eq!(some(names(7), "; "), "0; 1; 2; 3; 4; and 2 more");
    }
}

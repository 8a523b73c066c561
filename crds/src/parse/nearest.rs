//! Which known word somebody meant.

/// The word of `known` that needs the fewest edits; none of an empty list.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word
        .chars()
        .take(LONGEST)
        .flat_map(char::to_lowercase)
        .collect();
    known.min_by_key(|other| {
        let other: Vec<char> = other.chars().flat_map(char::to_lowercase).collect();
        edits(&word, &other)
    })
}

/// Levenshtein's distance, one row at a time.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// No known word is longer, so nothing is lost by looking at no more of an unknown one.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_edits_win() {
        let known = ["events", "errorEvent", "autoJoin", "auth"];
        for (word, expected) in [
            ("event", "events"),
            ("autojoin", "autoJoin"),
            ("Auth", "auth"),
            ("oath", "auth"),
        ] {
            assert_eq!(nearest(word, known.into_iter()), Some(expected), "{word}");
        }
        assert_eq!(nearest("x", [].into_iter()), None);
    }
}

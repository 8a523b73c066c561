//! Vectors of the HPA (`tests/vectors/hpa.json`), run against [`mod@super::hpa`]: input → expected, from the HPA's own
//! tests. A section or key that is not known here is a failure.

mod sections;

use serde::Deserialize;
use serde_json::Value;

/// One vector.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    id: String,
    section: String,
    name: String,
    input: Value,
    expect: Value,
}

/// How the vectors went.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many came out as expected.
    pub passed: usize,
    /// What came out otherwise, a line each.
    pub failures: Vec<String>,
}

/// Runs all vectors of a file.
pub fn run(text: &str) -> Result<Report, serde_json::Error> {
    let vectors: Vec<Vector> = serde_json::from_str(text)?;
    let mut report = Report::default();
    for vector in vectors {
        let Vector {
            id,
            section,
            name,
            input,
            expect,
        } = vector;
        match sections::compute(&section, input, &expect) {
            Ok(actual) if actual == expect => report.passed += 1,
            Ok(actual) => report
                .failures
                .push(format!("{id} ({name}): expected {expect}, got {actual}")),
            Err(error) => report.failures.push(format!("{id} ({name}): {error}")),
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &str = include_str!("../../tests/vectors/hpa.json");

    #[test]
    fn all_vectors() {
        let report = run(VECTORS).unwrap();
        assert_eq!(report.failures, Vec::<String>::new());
        assert_eq!(report.passed, 80);
    }

    #[test]
    fn what_is_not_known_fails() {
        let cases = [
            (
                r#"{"recs_value_age": [], "desired": 5, "window": 300}"#,
                "S",
                "[5, 1]",
                "",
            ),
            (
                r#"{"recs_value_age": [], "desired": 5, "window": 300}"#,
                "S",
                "[4, 1]",
                "expected",
            ),
            (
                r#"{"recs_value_age": [], "desired": 5, "window": 300}"#,
                "Z",
                "[5, 1]",
                "section",
            ),
            (
                r#"{"recs_value_age": [], "desired": 5, "windows": 300}"#,
                "S",
                "[5, 1]",
                "unknown field",
            ),
            (
                r#"{"desired": 5, "window": 300}"#,
                "S",
                "[5, 1]",
                "missing field",
            ),
        ];
        for (input, section, expect, failure) in cases {
            let text = format!(
                r#"[{{"id": "x", "section": "{section}", "name": "n", "input": {input}, "expect": {expect}}}]"#
            );
            let report = run(&text).unwrap();
            let line = report.failures.concat();
            assert_eq!(report.failures.is_empty(), failure.is_empty(), "{line}");
            assert!(line.contains(failure), "{line}");
        }
    }
}

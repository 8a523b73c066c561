//! `explain`: an object with every field, each with what the schema says of it.

use carillon_crds::resource::schema;
use serde_json::Value;

mod write;

/// The object as YAML with comments.
///
/// # Panics
/// If the example is no YAML, which the tests rule out.
#[must_use]
pub fn yaml() -> String {
    let example: Value = serde_yaml::from_str(EXAMPLE).expect("the example is YAML");
    write::object(schema::root(), &example)
}

/// Values for every field that can stand beside the others.
pub const EXAMPLE: &str = include_str!("explain/example.yaml");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::validate::{Report, report};

    #[test]
    fn what_is_explained_is_valid_and_is_the_example() {
        let text = yaml();
        let Report { text: told, faults } = report("explain", &text);
        assert_eq!(faults, 0, "{told}");
        let explained: Value = serde_yaml::from_str(&text).expect("YAML");
        let example: Value = serde_yaml::from_str(EXAMPLE).expect("YAML");
        assert_eq!(explained, example);
    }

    #[test]
    fn every_field_of_the_spec_is_named() {
        let text = yaml();
        let mut missing = Vec::new();
        let mut rest = vec![&schema::root()["properties"]["spec"]];
        while let Some(schema) = rest.pop() {
            for (name, child) in schema["properties"].as_object().into_iter().flatten() {
                let field = format!("{name}:");
                let named = text
                    .lines()
                    .any(|line| line.trim_start_matches(['#', ' ', '-']).starts_with(&field));
                if !named {
                    missing.push(name.as_str());
                }
                rest.push(child);
            }
            rest.extend(schema.get("items"));
        }
        assert_eq!(missing, Vec::<&str>::new());
    }
}

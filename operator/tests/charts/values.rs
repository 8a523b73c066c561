//! A chart's `values.yaml`: its values, and the comments `# -- …` before them.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The values of a chart.
pub(crate) struct Values {
    /// All defaults.
    pub(crate) defaults: Value,
    /// In the order of the file: the path of each key, and what is said of it.
    pub(crate) keys: Vec<(String, String)>,
}

impl Values {
    pub(crate) fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap();
        Self {
            defaults: serde_yaml::from_str(&text).unwrap(),
            keys: keys(&text),
        }
    }

    pub(crate) fn at(&self, path: &str) -> &Value {
        path.split('.').fold(&self.defaults, |at, key| &at[key])
    }

    /// What is described: each stands for all below it.
    pub(crate) fn described(&self) -> impl Iterator<Item = &(String, String)> {
        self.keys.iter().filter(|(_, about)| !about.is_empty())
    }

    /// The keys that neither are described nor hold what is, nor belong to what is.
    pub(crate) fn untold(&self) -> Vec<&str> {
        let is_told = |key: &str| {
            self.described().any(|(told, _)| {
                told == key
                    || told.starts_with(&format!("{key}."))
                    || key.starts_with(&format!("{told}."))
            })
        };
        let keys = self.keys.iter().map(|(key, _)| &**key);
        keys.filter(|key| !is_told(key)).collect()
    }
}

/// Keys in block style; what stands in braces belongs to its key.
fn keys(text: &str) -> Vec<(String, String)> {
    let (mut found, mut parents, mut about) =
        (Vec::new(), Vec::<(usize, String)>::new(), Vec::new());
    for line in text.lines() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if let Some(comment) = content.strip_prefix('#') {
            about.push(comment.trim_start_matches(" --").trim().to_owned());
            continue;
        }
        let key = content.split_once(':').map(|(key, _)| key);
        let Some(key) = key.filter(|key| key.chars().all(char::is_alphanumeric)) else {
            about.clear();
            continue;
        };
        parents.retain(|(outer, _)| *outer < indent);
        parents.push((indent, key.to_owned()));
        let path: Vec<&str> = parents.iter().map(|(_, key)| &**key).collect();
        found.push((path.join("."), about.join(" ")));
        about.clear();
    }
    found
}

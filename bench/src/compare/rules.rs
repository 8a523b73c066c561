//! The rules document of the gateway under test.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why there is no document to start the gateway with.
#[derive(Debug, Error)]
pub(super) enum RulesError {
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    #[error("{0}: `engine` is not one line without `pingInterval`, so that none can be added")]
    Engine(PathBuf),
}

/// The path of the bench's rules, or of a copy with another ping interval: unlike the peers, the gateway
/// has no other place to set it.
pub(super) fn document(
    root: &Path,
    folder: &Path,
    ping_interval: Option<u32>,
) -> Result<PathBuf, RulesError> {
    let source = root.join("examples/bench.yaml");
    let Some(millis) = ping_interval.filter(|_| source.exists()) else {
        return Ok(source);
    };
    let text =
        fs::read_to_string(&source).map_err(|error| RulesError::File(source.clone(), error))?;
    let copy = folder.join(format!("rules-ping-{millis}ms.yaml"));
    let text = with_ping_interval(&text, millis).ok_or(RulesError::Engine(source))?;
    fs::write(&copy, text).map_err(|error| RulesError::File(copy.clone(), error))?;
    Ok(copy)
}

fn with_ping_interval(text: &str, millis: u32) -> Option<String> {
    let Some(line) = text.lines().find(|line| line.starts_with("engine:")) else {
        return Some(format!("engine: {{ pingInterval: {millis}ms }}\n{text}"));
    };
    let settings = line
        .strip_prefix("engine:")?
        .trim_start()
        .strip_prefix('{')?;
    if settings.contains("pingInterval") || !settings.contains('}') {
        return None;
    }
    let changed = format!("engine: {{ pingInterval: {millis}ms,{settings}");
    Some(text.replacen(line, &changed, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_added() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(with_ping_interval(text, 500).as_deref(), expected, "{text}");
        };
        check(
            "limits: {}\n",
            Some("engine: { pingInterval: 500ms }\nlimits: {}\n"),
        );
        check(
            "a: 1\nengine: { maxPayload: 1MB }  # why\nb: 2\n",
            Some("a: 1\nengine: { pingInterval: 500ms, maxPayload: 1MB }  # why\nb: 2\n"),
        );
        check("engine: { pingInterval: 25s }\n", None);
        check("engine:\n  maxPayload: 1MB\n", None);
    }
}

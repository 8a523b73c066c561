//! Logs: one line an event of note, JSON or, on a terminal, text. Never tokens, cookies or payloads.
//!
//! A thread of its own writes them, so that a reader that stalls (a full pipe) stalls no shard: lines
//! beyond a bounded queue are lost and counted.

mod sampler;
mod writer;

use std::io::{self, IsTerminal};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use sampler::Sampler;
use writer::Queue;
pub use writer::{Guard, dropped_lines};

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Format {
    /// Text if standard error is a terminal, else JSON.
    pub fn detect() -> Self {
        if io::stderr().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}

/// Why logs cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The directives are of no known form.
    #[error("the log levels cannot be read: {0}")]
    Directives(#[from] tracing_subscriber::filter::ParseError),
    /// The writer's thread did not start.
    #[error("no thread for the log: {0}")]
    Thread(#[from] io::Error),
    /// Another part of the process writes logs already.
    #[error("logs are set up already: {0}")]
    Twice(#[from] TryInitError),
}

/// Writes logs to standard error from now on; what is queued is written when the guard is dropped.
pub fn start(directives: &str, format: Format) -> Result<Guard, LogError> {
    let targets: Targets = directives.parse()?;
    let (queue, guard) = writer::start(Box::new(io::stderr()))?;
    tracing_subscriber::registry()
        .with(layer(queue, format).with_filter(targets))
        .try_init()?;
    Ok(guard)
}

fn layer<S>(queue: Queue, format: Format) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(queue);
    match format {
        Format::Text => layer.with_ansi(true).compact().boxed(),
        Format::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, directives: &str) -> String {
        let kept = Kept::default();
        let (queue, guard) = writer::start(Box::new(kept.clone())).unwrap();
        let targets: Targets = directives.parse().unwrap();
        let subscriber =
            tracing_subscriber::registry().with(layer(queue, format).with_filter(targets));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(socket = "-_x", namespace = "/crime", "connected");
            tracing::debug!("not of note");
        });
        drop(guard);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn one_json_object_an_event() {
        let text = logged(Format::Json, "info");
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "connected");
        assert_eq!(line["socket"], "-_x");
        assert_eq!(line["namespace"], "/crime");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn text_for_people_and_levels_by_module() {
        let text = logged(Format::Text, "off,carillon_gateway::admin=debug");
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains("connected") && text.contains("not of note"));
        assert_eq!(logged(Format::Text, "off"), "");
    }
}

//! Logs: one line an event of note on standard error, JSON or text. Never a secret, never a rule's content.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use thiserror::Error;
use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line, for machines.
    Json,
    /// For people.
    Text,
}

impl Format {
    /// Text if standard error is a terminal, else JSON.
    #[must_use]
    pub fn detect() -> Self {
        if io::stderr().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}

/// Why logs cannot be written.
#[derive(Debug, Error)]
pub enum LogError {
    /// The directives are of no known form.
    #[error("the log levels cannot be read: {0}")]
    Directives(#[from] ParseError),
    /// Another part of the process writes logs already.
    #[error("logs are set up already: {0}")]
    Twice(#[from] TryInitError),
}

/// Writes logs from now on: those of `directives`, such as `info` or `info,carillon_operator::lease=debug`.
pub fn start(directives: &str, format: Format) -> Result<(), LogError> {
    subscriber(directives, format, io::stderr)?.try_init()?;
    Ok(())
}

/// Whether the directives can be read.
pub fn check(directives: &str) -> Result<(), ParseError> {
    filter(directives).map(drop)
}

fn filter(directives: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(directives)
}

fn subscriber<W>(
    directives: &str,
    format: Format,
    writer: W,
) -> Result<impl Subscriber + Send + Sync, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Text => lines
            .with_ansi(io::stderr().is_terminal())
            .compact()
            .boxed(),
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed(),
    };
    Ok(tracing_subscriber::registry().with(lines.with_filter(filter(directives)?)))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(directives: &str, format: Format) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber(directives, format, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("reconcile", cluster = "game");
            let _inside = span.enter();
            tracing::info!(reason = "Forbidden", "not applied");
            tracing::debug!("not of note");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_event_is_one_json_object_with_its_fields() {
        let text = logged("info", Format::Json);
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "not applied");
        assert_eq!(line["reason"], "Forbidden");
        assert_eq!(line["span"]["cluster"], "game");
    }

    #[test]
    fn directives_choose_what_is_written() {
        let lines = |directives: &str| logged(directives, Format::Text).lines().count();
        assert_eq!(lines("warn"), 0);
        assert_eq!(lines("debug"), 2);
        assert_eq!(lines("warn,carillon_operator=debug"), 2);
        assert!(check("carillon_operator=loud").is_err());
    }
}

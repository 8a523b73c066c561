//! The end that is asked for: by a signal, or by a test.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Says when the process is to end. Its copies all say it.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Asked for by whoever holds the sender, or drops it.
    #[must_use]
    pub fn by_hand() -> (watch::Sender<bool>, Self) {
        let (ask, asked) = watch::channel(false);
        (ask, Self(asked))
    }

    /// Asked for by SIGTERM or SIGINT.
    pub fn on_signals() -> io::Result<Self> {
        let mut term = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (ask, stop) = Self::by_hand();
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with the process, as the signals do"
        )]
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = term.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "asked to end");
            ask.send_replace(true);
        });
        Ok(stop)
    }

    /// Done as soon as the process is to end.
    pub async fn asked(mut self) {
        // An error means that nobody can ask any more, which ends the process too.
        let _asked = self.0.wait_for(|asked| *asked).await;
    }

    /// Whether it is to end.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }
}

//! A thread that looks at the cluster again and again, for programs that cannot watch it themselves.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use kube::Client;

use super::client_of;

/// How often.
const EVERY: Duration = Duration::from_millis(500);

/// Such a thread; it ends when this value is dropped.
pub(super) struct Lookout {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lookout {
    /// Calls `look` now and then, as the administrator.
    pub(super) fn start(
        kubeconfig: PathBuf,
        mut look: impl AsyncFnMut(&Client) + Send + 'static,
    ) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime can be made");
            let client = runtime.block_on(client_of(&kubeconfig, |_| ()));
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                runtime.block_on(look(&client));
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

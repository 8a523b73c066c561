//! The thread that writes lines, behind a bounded queue.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait; at some 300 bytes each this bounds the queue near 1 MiB.
const QUEUE: usize = 4096;
/// How long the end of the process waits for a reader that stalls.
const LAST_WAIT: Duration = Duration::from_secs(1);

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Lines lost so far because the queue was full.
pub fn dropped_lines() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

enum Message {
    Line(Vec<u8>),
    /// All before it is written once the sender is dropped.
    Flush(SyncSender<()>),
}

/// Takes lines, never waits.
#[derive(Clone)]
pub(super) struct Queue(SyncSender<Message>);

/// Writes what is queued when dropped.
#[must_use = "dropped at once, the last lines of the process are lost"]
pub struct Guard(Queue);

pub(super) fn start(to: Box<dyn Write + Send>) -> io::Result<(Queue, Guard)> {
    let (sender, receiver) = sync_channel(QUEUE);
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_all(&receiver, to))?;
    let queue = Queue(sender);
    Ok((queue.clone(), Guard(queue)))
}

fn write_all(messages: &Receiver<Message>, mut to: Box<dyn Write + Send>) {
    while let Ok(message) = messages.recv() {
        match message {
            // Nobody is left to be told that standard error is gone.
            Message::Line(line) => _ = to.write_all(&line),
            Message::Flush(done) => {
                let _ = to.flush();
                drop(done);
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (done, wait) = sync_channel(0);
        if self.0.0.try_send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(LAST_WAIT);
        }
    }
}

/// The formatter writes each event by one call.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.0.try_send(Message::Line(line.to_vec())) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Queue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that takes nothing until it is told to.
    struct Stalled(Receiver<()>, SyncSender<usize>);

    impl Write for Stalled {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(line.len());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_reader_costs_lines_not_time() {
        let (go, wait) = sync_channel(0);
        let (written, taken) = sync_channel(2 * QUEUE);
        let (mut queue, guard) = start(Box::new(Stalled(wait, written))).unwrap();
        let before = dropped_lines();
        let sent = QUEUE + 100;
        (0..sent).for_each(|_| queue.write_all(b"line\n").unwrap());
        let dropped = usize::try_from(dropped_lines() - before).unwrap();
        assert!((99..=100).contains(&dropped), "{dropped}");
        drop(go);
        let lines = (0..sent - dropped).map(|_| taken.recv().unwrap());
        assert!(lines.into_iter().all(|length| length == 5));
        drop(guard);
    }
}

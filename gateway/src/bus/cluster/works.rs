//! Whether the way to Redis works, and who is told when that changes.

use std::time::Instant;

use tokio::time;

use super::Cluster;

/// What of the way to Redis works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Works {
    pub(super) publishing: bool,
    pub(super) listening: bool,
    pub(super) reading: bool,
    /// What was published while it was not read has come.
    pub(super) caught_up: bool,
    /// Redis has not answered what was published for a moment.
    pub(super) stalled: bool,
}

impl Works {
    fn is_whole(self) -> bool {
        self.publishing && self.listening && self.reading
    }
}

impl Cluster {
    pub(super) fn now_works(&self, reason: &str, change: impl FnOnce(&mut Works)) {
        let before = self.works.get();
        let mut works = before;
        change(&mut works);
        self.works.set(works);
        // What can be published is, also while the others are not heard.
        self.remote.set_up(works.publishing, works.is_whole());
        self.remote.set_stalled(works.stalled);
        self.count_gap(before.listening, works.listening);
        if works.is_whole() != before.is_whole() {
            self.observer.up(works.is_whole(), reason);
        }
        if works != before {
            self.works_again.notify_waiters();
        }
    }

    /// Waits until the whole way works and nothing is made up for any more, or it is that late.
    pub(super) async fn until_it_works(&self, end: Instant) {
        let works = async {
            while !(self.works.get().is_whole() && self.works.get().caught_up) {
                self.works_again.notified().await;
            }
        };
        // Whoever goes on then is told that Redis is away.
        let _ = time::timeout_at(end.into(), works).await;
    }

    /// What others publish while this process does not listen never comes, and how much that was nobody can tell.
    fn count_gap(&self, listened: bool, listens: bool) {
        let now = (self.now)();
        match (listened, listens) {
            (true, false) => self.deaf_since.set(Some(now)),
            (false, true) => {
                if let Some(since) = self.deaf_since.take() {
                    self.observer.gap(now.saturating_duration_since(since));
                }
            }
            _ => {}
        }
    }
}

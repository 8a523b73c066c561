//! Where Redis is, which may change while we run: a file that is mounted says it anew.
//!
//! It is read for every connection, so a password that rotates needs no restart, and on every look at an idle one. A
//! connection that works is given up only where the URL names another place: credentials of the same place take effect
//! with the next connection, as the server may learn of them later than we do.

use std::{
    fmt, mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use super::url::RedisUrl;

/// Reads what says where Redis is; its error is a sentence that shows no password.
pub(super) type Read = dyn Fn() -> Result<RedisUrl, String> + Send + Sync;

/// What says where Redis is; clones are the same one.
#[derive(Clone)]
pub struct Source(Arc<Inner>);

struct Inner {
    read: Option<Box<Read>>,
    /// The last that could be read.
    good: watch::Sender<RedisUrl>,
    /// Why the last reading failed, if it did.
    problem: Mutex<Option<String>>,
    failures: AtomicU64,
}

impl Source {
    /// Always the same URL.
    pub fn fixed(url: RedisUrl) -> Self {
        Self::new(url, None)
    }

    /// A URL that `read` says anew; `first` is what it said before. What cannot be read is logged once and counted, and the
    /// last good one holds.
    pub fn new(first: RedisUrl, read: Option<Box<Read>>) -> Self {
        Self(Arc::new(Inner {
            read,
            good: watch::channel(first).0,
            problem: Mutex::default(),
            failures: AtomicU64::new(0),
        }))
    }

    /// The URL as it is now.
    pub(super) fn url(&self) -> RedisUrl {
        self.look();
        self.0.good.borrow().clone()
    }

    /// Whether it is a Redis Cluster, which does not change.
    pub(super) fn is_cluster(&self) -> bool {
        self.0.good.borrow().is_cluster()
    }

    /// Returns once the URL names another place than this one.
    pub(super) async fn leaves(&self, url: &RedisUrl) {
        let mut good = self.0.good.subscribe();
        // We hold its sender.
        let _ = good.wait_for(|good| !good.is_same_place(url)).await;
    }

    /// How often it could not be read since this was asked.
    pub(super) fn failures(&self) -> u64 {
        self.0.failures.swap(0, Ordering::Relaxed)
    }

    /// Reads it anew.
    pub(super) fn look(&self) {
        let Some(read) = &self.0.read else { return };
        let found = read().and_then(|url| match url.is_cluster() == self.is_cluster() {
            true => Ok(url),
            false => Err(
                "one server or Sentinel, and a Redis Cluster, are not exchanged for one another while running"
                    .to_owned(),
            ),
        });
        let problem = found.map(|url| self.take(url)).err();
        if problem.is_some() {
            self.0.failures.fetch_add(1, Ordering::Relaxed);
        }
        let mut told = self
            .0
            .problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = mem::replace(&mut *told, problem.clone());
        match problem {
            Some(problem) if before.as_ref() != Some(&problem) => {
                tracing::error!(
                    problem,
                    "the URL of Redis cannot be read: the last one holds"
                );
            }
            None if before.is_some() => tracing::info!("the URL of Redis can be read again"),
            _ => {}
        }
    }

    fn take(&self, url: RedisUrl) {
        let is_other = self.0.good.send_if_modified(|good| {
            let is_other = *good != url;
            *good = url;
            is_other
        });
        if is_other {
            let url = self.0.good.borrow();
            tracing::info!(url = ?*url, "the URL of Redis has changed");
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.good.borrow().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// A source of what is put into the mutex.
    fn source() -> (Source, Arc<Mutex<Result<&'static str, &'static str>>>) {
        let says = Arc::new(Mutex::new(Ok("redis://a")));
        let said = Arc::clone(&says);
        let read = move || {
            let said = said.lock().unwrap();
            said.map_err(str::to_owned)
                .and_then(|url| url.parse().map_err(|_| "no URL".to_owned()))
        };
        let source = Source::new("redis://a".parse().unwrap(), Some(Box::new(read)));
        (source, says)
    }

    #[test]
    fn the_last_good_one_holds() {
        let (source, says) = source();
        for (said, url, failures) in [
            (Ok("redis://a"), "redis://a", 0),
            (Err("it is gone"), "redis://a", 1),
            (Ok("redis://u:p@a"), "redis://u:p@a", 0),
            (Ok("http://a"), "redis://u:p@a", 1),
            (Ok("redis+cluster://a"), "redis://u:p@a", 1),
            (Ok("redis+sentinel://a/m"), "redis+sentinel://a/m", 0),
            (Ok("redis://b/1"), "redis://b/1", 0),
        ] {
            *says.lock().unwrap() = said;
            assert_eq!(source.url(), url.parse().unwrap(), "{said:?}");
            assert_eq!(source.failures(), failures, "{said:?}");
        }
    }

    #[test]
    fn only_another_place_is_left_for() {
        let (source, says) = source();
        let first = source.url();
        for (said, leaves) in [
            (Ok("redis://a"), false),
            (Ok("redis://u:p@a"), false),
            (Err("it is gone"), false),
            (Ok("redis://u:p@a:6379/0"), false),
            (Ok("redis://u:p@a/1"), true),
        ] {
            *says.lock().unwrap() = said;
            source.look();
            let left = source.leaves(&first).now_or_never();
            assert_eq!(left.is_some(), leaves, "{said:?}");
        }
    }
}

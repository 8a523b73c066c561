//! Whether a watch may be made: what the API server refuses for long is told, and so is the end of it.
//!
//! One that has just started refuses everything until it knows the roles.

use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use kube::api::ApiResource;
use kube::runtime::watcher::{Error, Event};
use tokio::time::{Sleep, sleep, timeout};

use super::{Caches, Scope, pauses};
use crate::triggers::Triggers;

/// The right to watch a resource in a scope.
pub(super) struct Right {
    resource: String,
    scope: Scope,
    /// Without it nothing is decided. An optional kind is done without.
    is_needed: bool,
    caches: Caches,
    triggers: Triggers,
    refused: Option<Refused>,
}

/// What was refused last, and what ends when it has lasted.
struct Refused {
    verb: Verb,
    lasting: Pin<Box<Sleep>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    List,
    Watch,
}

impl Right {
    pub(super) fn new(
        resource: &ApiResource,
        is_needed: bool,
        scope: &Scope,
        caches: &Caches,
        triggers: &Triggers,
    ) -> Self {
        let ApiResource { plural, group, .. } = resource;
        let dot = if group.is_empty() { "" } else { "." };
        Self {
            resource: format!("{plural}{dot}{group}"),
            scope: scope.clone(),
            is_needed,
            caches: caches.clone(),
            triggers: triggers.clone(),
            refused: None,
        }
    }

    fn refused(&self) -> Option<Verb> {
        self.refused.as_ref().map(|refused| refused.verb)
    }

    /// The next event that is no error.
    pub(super) async fn next<K>(
        &mut self,
        events: &mut BoxStream<'static, Result<Event<K>, Error>>,
    ) -> Option<Event<K>> {
        loop {
            let event = match self.refused() {
                None => events.next().await,
                Some(_) => match timeout(QUIET, events.next()).await {
                    Ok(event) => event,
                    Err(_) => {
                        self.granted();
                        continue;
                    }
                },
            };
            match event? {
                Ok(event) => {
                    self.heard(&event);
                    return Some(event);
                }
                Err(error) => self.failed(&error),
            }
        }
    }

    fn failed(&mut self, error: &Error) {
        let (verb, status) = match error {
            Error::InitialListFailed(kube::Error::Api(status)) => (Verb::List, status),
            Error::WatchStartFailed(kube::Error::Api(status)) => (Verb::Watch, status),
            error => return tracing::debug!(%error, "a watch is made anew"),
        };
        if status.code != 403 {
            return tracing::debug!(%error, "a watch is made anew");
        }
        let mut refused = self.refused.take().unwrap_or_else(|| Refused {
            verb,
            lasting: Box::pin(sleep(LASTING)),
        });
        refused.verb = verb;
        let is_lasting = (&mut refused.lasting).now_or_never().is_some();
        self.refused = Some(refused);
        if !is_lasting {
            return tracing::debug!(%error, "a watch is refused for the moment");
        }
        let word = match verb {
            Verb::List => "list",
            Verb::Watch => "watch",
        };
        let Self { resource, .. } = self;
        let sentence = format!("the operator may not {word} {resource}: {}", status.message);
        tracing::error!(refusal = sentence, "the operator's role lacks a right");
        let forbidden = &self.caches.forbidden;
        if self.is_needed && forbidden.put(&self.resource, &self.scope, sentence) {
            self.triggers.add_all(self.caches.fleets.keys());
        }
    }

    /// A list proves the right to list, and a change the right to watch.
    fn heard<K>(&mut self, event: &Event<K>) {
        let proves = match event {
            Event::InitDone => self.refused() == Some(Verb::List),
            Event::Apply(_) | Event::Delete(_) => self.refused().is_some(),
            Event::Init | Event::InitApply(_) => false,
        };
        if proves {
            self.granted();
        }
    }

    fn granted(&mut self) {
        tracing::info!(resource = self.resource, "it may be watched after all");
        self.refused = None;
        self.caches.forbidden.remove(&self.resource, &self.scope);
        self.triggers.add_all(self.caches.fleets.keys());
    }
}

/// A watch that was refused and says nothing for so long is not refused any more: it would have been tried again.
const QUIET: Duration = pauses::LONGEST.saturating_mul(10);
/// So long it has to be refused to be told.
const LASTING: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use kube::core::Status;
    use tokio::time::sleep;

    use super::*;

    fn right(caches: &Caches) -> Right {
        let resource = crate::build::Kind::Deployment.api_resource();
        let scope = Some("sim".to_owned());
        Right::new(&resource, true, &scope, caches, &Triggers::default())
    }

    fn refusal() -> kube::Error {
        kube::Error::Api(Status::failure("no", "Forbidden").with_code(403).boxed())
    }

    /// What comes after how many seconds more; afterwards it is silent.
    fn events(
        script: Vec<(u64, Result<Event<()>, Error>)>,
    ) -> BoxStream<'static, Result<Event<()>, Error>> {
        let script = stream::iter(script).then(|(seconds, event)| async move {
            sleep(Duration::from_secs(seconds)).await;
            event
        });
        script.chain(stream::pending()).boxed()
    }

    /// When something was forbidden of a namespace, second by second.
    async fn told(script: Vec<(u64, Result<Event<()>, Error>)>, seconds: u64) -> Vec<u64> {
        let caches = Caches::default();
        let mut right = right(&caches);
        let mut events = events(script);
        let listen = async move { while right.next(&mut events).await.is_some() {} };
        let mut told = Vec::new();
        let look = async {
            sleep(Duration::from_millis(500)).await;
            for second in 0..seconds {
                assert_eq!(caches.forbidden.of(Some("other")), [""; 0]);
                if !caches.forbidden.of(Some("sim")).is_empty() {
                    told.push(second);
                }
                sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            () = listen => {}
            () = look => {}
        }
        told
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_is_refused_is_told_until_one_is_complete() {
        let refused = || Err(Error::InitialListFailed(refusal()));
        let script = vec![
            (1, Ok(Event::Init)),
            (0, refused()),
            (2, Ok(Event::Init)),
            (0, refused()),
            (4, Ok(Event::Init)),
            (0, refused()),
            (2, Ok(Event::Init)),
            (0, Ok(Event::InitApply(()))),
            (1, Ok(Event::InitDone)),
        ];
        assert_eq!(told(script, 20).await, [7, 8, 9]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_is_refused_is_told_until_it_is_made() {
        let refused = || Err(Error::WatchStartFailed(refusal()));
        let lists = vec![
            (1, refused()),
            (1, Ok(Event::Init)),
            (0, Ok(Event::InitDone)),
            (1, refused()),
            (4, refused()),
        ];
        let until = 7 + QUIET.as_secs();
        assert_eq!(told(lists, 200).await, (7..until).collect::<Vec<_>>());
        let changes = vec![(1, refused()), (6, refused()), (3, Ok(Event::Apply(())))];
        assert_eq!(told(changes, 200).await, [7, 8, 9]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_soon_is_not_told() {
        let refused = || Err(Error::WatchStartFailed(refusal()));
        let start = || vec![(1, refused()), (2, refused()), (2, refused())];
        assert_eq!(told(start(), 200).await, [0; 0]);
        let mut twice = start();
        twice.push((1, Ok(Event::Apply(()))));
        twice.extend(start());
        assert_eq!(told(twice, 200).await, [0; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_names_the_verb_and_the_resource() {
        let caches = Caches::default();
        let mut right = right(&caches);
        right.failed(&Error::WatchStartFailed(refusal()));
        sleep(LASTING).await;
        right.failed(&Error::InitialListFailed(refusal()));
        let told = caches.forbidden.of(None);
        assert_eq!(told, ["the operator may not list deployments.apps: no"]);
    }
}

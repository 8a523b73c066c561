//! What may not be watched though it has to be. A cache without its watch is empty or grows old: nothing is decided by it.

use std::collections::BTreeMap;

use tokio::sync::watch;

use super::Scope;

/// By resource and scope, what the API server refuses.
#[derive(Clone, Debug, Default)]
pub struct Forbidden(watch::Sender<BTreeMap<(String, Scope), String>>);

impl Forbidden {
    /// A sentence each, of one namespace, or of all.
    #[must_use]
    pub fn of(&self, namespace: Option<&str>) -> Vec<String> {
        let known = self.0.borrow();
        let of = |scope: &Scope| {
            let scope = scope.as_deref();
            namespace.is_none() || scope.is_none() || scope == namespace
        };
        let here = known.iter().filter(|((_, scope), _)| of(scope));
        here.map(|(_, sentence)| sentence.clone()).collect()
    }

    /// Waits until there is any.
    pub async fn any(&self) {
        let mut known = self.0.subscribe();
        let _the_sender_is_ours = known.wait_for(|known| !known.is_empty()).await;
    }

    /// Takes a refusal; says whether it is news.
    pub(super) fn put(&self, resource: &str, scope: &Scope, sentence: String) -> bool {
        let key = (resource.to_owned(), scope.clone());
        self.0.send_if_modified(|known| {
            let is_news = known.get(&key) != Some(&sentence);
            known.insert(key, sentence);
            is_news
        })
    }

    /// It is allowed after all.
    pub(super) fn remove(&self, resource: &str, scope: &Scope) {
        let key = (resource.to_owned(), scope.clone());
        self.0
            .send_if_modified(|known| known.remove(&key).is_some());
    }
}

//! From a watch into its cache.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use kube::runtime::watcher::{Error, Event};

use super::Scope;
use super::right::Right;
use crate::cache::{Entry, Index, Key};
use crate::triggers::Triggers;

/// Where a watch goes.
pub(super) struct Feed<T> {
    pub(super) scope: Scope,
    pub(super) index: Arc<Index<T>>,
    pub(super) triggers: Triggers,
    pub(super) right: Right,
}

impl<T: Entry> Feed<T> {
    /// Fills the index, for ever. `listed` is called when the first list is complete.
    pub(super) async fn run<K>(
        self,
        mut events: BoxStream<'static, Result<Event<K>, Error>>,
        convert: impl Fn(K) -> T,
        listed: impl FnOnce(),
    ) {
        let Self {
            scope,
            index,
            triggers,
            mut right,
        } = self;
        let mut listed = Some(listed);
        while let Some(event) = right.next(&mut events).await {
            match event {
                Event::Init => index.begin(scope.as_deref()),
                Event::InitApply(object) => {
                    let object = convert(object);
                    let fleets = fleets(&index, &object);
                    if index.listed(scope.as_deref(), object) {
                        triggers.add_all(fleets);
                    }
                }
                Event::InitDone => {
                    triggers.add_all(index.end(scope.as_deref()));
                    if let Some(listed) = listed.take() {
                        listed();
                    }
                }
                Event::Apply(object) => {
                    let object = convert(object);
                    let fleets = fleets(&index, &object);
                    if index.put(object) {
                        triggers.add_all(fleets);
                    }
                }
                Event::Delete(object) => {
                    let object = convert(object);
                    let fleets = fleets(&index, &object);
                    if index.remove(&object.key(), object.version()) {
                        triggers.add_all(fleets);
                    }
                }
            }
        }
    }
}

/// Whose it is, and whose it was: with another label an object leaves the watch under its new name.
fn fleets<T: Entry>(index: &Index<T>, object: &T) -> HashSet<Key> {
    let (namespace, name) = object.key();
    let before = index.get(&namespace, &name);
    let before = before.as_ref().and_then(|before| before.cluster());
    let fleets = before.into_iter().chain(object.cluster());
    fleets
        .map(|cluster| (namespace.clone(), cluster.to_owned()))
        .collect()
}

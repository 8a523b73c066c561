//! What the watches have shown: small copies of the objects that the operator needs, of every fleet.
//!
//! An answer to the operator's own write goes in here too, before the watch shows it: a reconcile that follows at once
//! sees what it did, and does not do it again.

pub mod fleet;
pub mod live;
pub mod pod;
pub mod replica_set;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::version::Version;

/// What can be kept in an [`Index`].
pub trait Entry {
    /// Its namespace and its name.
    fn key(&self) -> Key;
    /// The fleet of its label.
    fn cluster(&self) -> Option<&str>;
    /// Which state it is.
    fn version(&self) -> &Version;
}

/// Namespace and name.
pub type Key = (String, String);

/// Objects of one kind, by name and by fleet.
#[derive(Debug)]
pub struct Index<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    objects: BTreeMap<Key, Arc<T>>,
    fleets: HashMap<Key, HashSet<String>>,
    /// Objects seen since a list began, by the scope of the list.
    listing: HashMap<Option<String>, HashSet<Key>>,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            objects: BTreeMap::new(),
            fleets: HashMap::new(),
            listing: HashMap::new(),
        }))
    }
}

impl<T: Entry> Index<T> {
    /// One object.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        let key = (namespace.to_owned(), name.to_owned());
        self.lock().objects.get(&key).cloned()
    }

    /// All objects of a fleet, by name.
    #[must_use]
    pub fn of(&self, namespace: &str, cluster: &str) -> Vec<Arc<T>> {
        let state = self.lock();
        let fleet = state
            .fleets
            .get(&(namespace.to_owned(), cluster.to_owned()));
        let mut names: Vec<_> = fleet.into_iter().flatten().cloned().collect();
        names.sort();
        let objects = names.into_iter();
        objects
            .filter_map(|name| state.objects.get(&(namespace.to_owned(), name)).cloned())
            .collect()
    }

    /// All objects of all fleets.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<T>> {
        self.lock().objects.values().cloned().collect()
    }

    /// The keys of all objects.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        self.lock().objects.keys().cloned().collect()
    }

    /// Takes a state of an object, unless a later one is known; says whether it was taken.
    pub fn put(&self, object: T) -> bool {
        self.lock().put(object)
    }

    /// Forgets an object, unless a later state than `version` is known; says whether it was there.
    pub fn remove(&self, key: &Key, version: &Version) -> bool {
        self.lock().remove(key, Some(version))
    }

    /// A list of a namespace, or of all, begins.
    pub fn begin(&self, scope: Option<&str>) {
        self.lock()
            .listing
            .insert(scope.map(str::to_owned), HashSet::new());
    }

    /// An object of the list.
    pub fn listed(&self, scope: Option<&str>, object: T) -> bool {
        let mut state = self.lock();
        if let Some(seen) = state.listing.get_mut(&scope.map(str::to_owned)) {
            seen.insert(object.key());
        }
        state.put(object)
    }

    /// The list is complete: what is not in it is gone. Gives the fleets that lost something.
    pub fn end(&self, scope: Option<&str>) -> HashSet<Key> {
        let mut state = self.lock();
        let Some(seen) = state.listing.remove(&scope.map(str::to_owned)) else {
            return HashSet::new();
        };
        let gone: Vec<_> = state
            .objects
            .iter()
            .filter(|(key, _)| scope.is_none_or(|scope| scope == key.0) && !seen.contains(*key))
            .map(|(key, object)| (key.clone(), object.cluster().map(str::to_owned)))
            .collect();
        let mut fleets = HashSet::new();
        for (key, cluster) in gone {
            state.remove(&key, None);
            fleets.extend(cluster.map(|cluster| (key.0, cluster)));
        }
        fleets
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Entry> State<T> {
    fn put(&mut self, object: T) -> bool {
        let key = object.key();
        if let Some(known) = self.objects.get(&key)
            && object.version().is_before(known.version())
        {
            return false;
        }
        self.remove(&key, None);
        if let Some(cluster) = object.cluster() {
            let fleet = (key.0.clone(), cluster.to_owned());
            self.fleets.entry(fleet).or_default().insert(key.1.clone());
        }
        self.objects.insert(key, Arc::new(object));
        true
    }

    fn remove(&mut self, key: &Key, until: Option<&Version>) -> bool {
        let Some(known) = self.objects.get(key) else {
            return false;
        };
        if until.is_some_and(|until| until.is_before(known.version())) {
            return false;
        }
        let Some(known) = self.objects.remove(key) else {
            return false;
        };
        if let Some(cluster) = known.cluster() {
            let fleet = (key.0.clone(), cluster.to_owned());
            if let Some(names) = self.fleets.get_mut(&fleet) {
                names.remove(&key.1);
                if names.is_empty() {
                    self.fleets.remove(&fleet);
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;

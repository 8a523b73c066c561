//! Which channels this process listens to: those of the namespaces and, in some modes, of the rooms that are used here.

use std::{collections::HashMap, rc::Rc, sync::Arc, time::Duration};

use tokio::{sync::oneshot, task, time};

use super::Cluster;

/// The namespaces and rooms in use.
#[derive(Default)]
pub(super) struct Subscriptions {
    namespaces: HashMap<Arc<str>, Namespace>,
    rooms: HashMap<(Arc<str>, Arc<str>), Room>,
}

#[derive(Default)]
struct Namespace {
    /// The rules name it: it is never given up.
    declared: bool,
    /// How many shards have a socket in it.
    shards: usize,
}

#[derive(Default)]
struct Room {
    shards: usize,
    /// Redis has confirmed the subscription.
    heard: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

/// A namespace by pattern is given up so long after its last socket.
const LINGER: Duration = Duration::from_secs(30);
/// A join is acknowledged at the latest after this, heard or not.
const PATIENCE: Duration = Duration::from_secs(1);

impl Subscriptions {
    /// The namespaces that the rules name.
    pub(super) fn declared(&self) -> Vec<Arc<str>> {
        let declared = self.namespaces.iter();
        declared
            .filter(|(_, namespace)| namespace.declared)
            .map(|(name, _)| Arc::clone(name))
            .collect()
    }

    /// All that are subscribed.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<str>> {
        self.namespaces.keys()
    }

    /// Whether a namespace is subscribed.
    pub(super) fn has(&self, namespace: &str) -> bool {
        self.namespaces.contains_key(namespace)
    }
}

impl Cluster {
    /// Subscribes to a namespace that the rules name.
    pub(super) fn declare(&self, name: &Arc<str>) {
        self.listen_to(name);
        if let Some(namespace) = self.subscriptions.borrow_mut().namespaces.get_mut(name) {
            namespace.declared = true;
        }
    }

    /// A shard has its first socket in a namespace, or none any more.
    pub(super) fn use_namespace(self: &Rc<Self>, name: &Arc<str>, used: bool) {
        if used {
            self.listen_to(name);
        }
        let mut subscriptions = self.subscriptions.borrow_mut();
        let Some(namespace) = subscriptions.namespaces.get_mut(name) else {
            return;
        };
        if used {
            namespace.shards += 1;
            return;
        }
        namespace.shards = namespace.shards.saturating_sub(1);
        if namespace.shards == 0 && !namespace.declared {
            let (cluster, name) = (Rc::clone(self), Arc::clone(name));
            task::spawn_local(async move {
                time::sleep(LINGER).await;
                cluster.give_up(&name);
            });
        }
    }

    fn listen_to(&self, name: &Arc<str>) {
        let mut subscriptions = self.subscriptions.borrow_mut();
        if !subscriptions.namespaces.contains_key(name) {
            subscriptions
                .namespaces
                .insert(Arc::clone(name), Namespace::default());
            for subscription in self.format.subscriptions(name) {
                drop(self.link.subscribe(subscription));
            }
        }
    }

    fn give_up(&self, name: &Arc<str>) {
        let mut subscriptions = self.subscriptions.borrow_mut();
        let unused = |namespace: &Namespace| namespace.shards == 0 && !namespace.declared;
        if subscriptions.namespaces.get(name).is_some_and(unused) {
            subscriptions.namespaces.remove(name);
            for subscription in self.format.subscriptions(name) {
                self.link.unsubscribe(subscription);
            }
        }
    }

    /// A shard has its first member of a room, or none any more.
    pub(super) fn use_room(
        self: &Rc<Self>,
        namespace: &Arc<str>,
        name: &Arc<str>,
        used: bool,
        heard: Option<oneshot::Sender<()>>,
    ) {
        let Some(subscription) = self.format.room_subscription(namespace, name) else {
            return tell(heard);
        };
        let key = (Arc::clone(namespace), Arc::clone(name));
        let mut subscriptions = self.subscriptions.borrow_mut();
        let room = subscriptions.rooms.entry(key.clone()).or_default();
        if !used {
            room.shards = room.shards.saturating_sub(1);
            if room.shards == 0 {
                subscriptions.rooms.remove(&key);
                self.link.unsubscribe(subscription);
            }
            return;
        }
        room.shards += 1;
        if room.heard {
            return tell(heard);
        }
        room.waiting.extend(heard);
        if room.shards == 1 {
            let (cluster, confirmed) = (Rc::clone(self), self.link.subscribe(subscription));
            task::spawn_local(async move { cluster.confirm(&key, confirmed).await });
        }
    }

    async fn confirm<T>(&self, key: &(Arc<str>, Arc<str>), confirmed: oneshot::Receiver<T>) {
        let confirmed = matches!(time::timeout(PATIENCE, confirmed).await, Ok(Ok(_)));
        if !confirmed {
            self.observer.error("room_unheard");
        }
        if let Some(room) = self.subscriptions.borrow_mut().rooms.get_mut(key) {
            room.heard = true;
            room.waiting
                .drain(..)
                .for_each(|waiting| tell(Some(waiting)));
        }
    }
}

fn tell(heard: Option<oneshot::Sender<()>>) {
    if let Some(heard) = heard {
        // The joining socket may be gone.
        let _ = heard.send(());
    }
}

//! Pods that speak Socket.IO: each with a bus of its own, on which a test publishes as if it came from the cluster.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use carillon_crds::compile;
use carillon_gateway::bus::broadcast::{Broadcast, Source};
use carillon_gateway::bus::{Bounds, Bus};
use carillon_gateway::clock;
use carillon_gateway::hub::{Client, Close};
use carillon_gateway::id::KeyRing;
use carillon_gateway::node::{Node, Outline, Session, Stays};
use carillon_gateway::socket::encode;
use carillon_gateway::target::Target;
use carillon_gateway::transport::{Application, Held, Settings, Upper};
use tokio::task;

use crate::fixture::{KEY, Pod};

/// A pod, and how its fences behave.
pub(crate) struct SocketPod {
    pub(crate) pod: Pod,
    pub(crate) bus: Bus,
    /// Called at each fence.
    pub(crate) at_fence: AtFence,
}

type AtFence = Rc<RefCell<Option<Box<dyn FnMut() -> bool>>>>;

pub(crate) const RULES: &str = r#"
namespaces:
- name: /
  autoJoin: [lobby]
  limits: { events: { rate: 1/h, burst: 3 } }
  events:
  - { name: echo, ack: { args: true } }
  - { name: join, join: ["room-{0}"] }
"#;

impl SocketPod {
    pub(crate) async fn start(incarnation: u32, rules: &str) -> Self {
        let rules = compile::load(rules).unwrap_or_else(|faults| panic!("{faults:?}"));
        let rules = Arc::new(rules);
        let (bus, inboxes) = Bus::memory(2, 1000, Bounds::default());
        let mut inboxes = inboxes.into_iter();
        let at_fence = AtFence::default();
        let keys = KeyRing::new(incarnation, 1, &KEY);
        let upper = |index: u8, hub: &Rc<_>, metrics| -> Rc<dyn Upper> {
            let shard = usize::from(index);
            let node = Node::new(Rc::clone(hub), bus.clone(), shard, metrics, rules.clone());
            task::spawn_local(node.clone().listen(inboxes.next().unwrap()));
            Rc::new(SocketIo(node, at_fence.clone()))
        };
        let pod = Pod::start_under(keys, Settings::default(), true, upper).await;
        Self { pod, bus, at_fence }
    }

    /// What comes by the bus for a room.
    pub(crate) fn receive(&self, room: &str, text: &str) {
        publish(&self.bus, room, text);
    }
}

/// Both pods know each other.
pub(crate) async fn socket_pair() -> (SocketPod, SocketPod) {
    let owner = SocketPod::start(1, RULES).await;
    let landing = SocketPod::start(2, RULES).await;
    landing.pod.knows(&owner.pod);
    owner.pod.knows(&landing.pod);
    (owner, landing)
}

pub(crate) fn publish(bus: &Bus, room: &str, text: &str) {
    let mut frames = Vec::new();
    encode::event(
        &mut frames,
        "/",
        None,
        "\"news\"",
        &format!("\"{text}\""),
        &[],
    );
    let target = Target::room("/", room);
    let broadcast = Broadcast::new(target, Bytes::from(frames), clock::now(), Source::Client);
    bus.receive(broadcast).unwrap();
}

struct SocketIo(Rc<Node>, AtFence);

struct Open(Rc<Session>);

impl Upper for SocketIo {
    fn open(&self, client: &Rc<Client>, max_payload: usize) -> Box<dyn Application> {
        Box::new(Open(self.0.open(client, max_payload)))
    }

    fn hold(&self, client: &Rc<Client>, max_payload: usize, outline: &Outline) -> Option<Held> {
        let (session, heard) = self.0.hold(client, max_payload, outline)?.into_parts();
        Some(Held {
            application: Box::new(Open(session)),
            heard: Box::pin(heard),
        })
    }

    fn pass_fences(&self, outline: &Outline) -> Pin<Box<dyn Future<Output = bool>>> {
        let passing = self.0.pass_fences(outline);
        let at_fence = self.1.clone();
        Box::pin(async move {
            let passes = at_fence.borrow_mut().as_mut().is_none_or(|at| at());
            // What was published meanwhile is taken by the shards.
            for _ in 0..8 {
                task::yield_now().await;
            }
            passing.await && passes
        })
    }

    fn keeps_query(&self, _name: &str) -> bool {
        false
    }

    fn keeps_header(&self, _name: &str) -> bool {
        false
    }
}

impl Application for Open {
    fn text(&self, text: &str) -> Result<(), Close> {
        self.0.text(text)
    }

    fn binary(&self, bytes: &[u8]) -> Result<(), Close> {
        self.0.binary(bytes)
    }

    fn is_waiting(&self) -> bool {
        self.0.is_waiting()
    }

    fn closed(&self, reason: &str) {
        self.0.closed(reason);
    }

    fn outline(&self) -> Result<Outline, Stays> {
        self.0.outline()
    }

    fn snapshot(&self) -> Option<String> {
        self.0.snapshot()
    }

    fn moved(&self) {
        self.0.moved();
    }

    fn restore<'a>(&'a self, snapshot: &'a str) -> Pin<Box<dyn Future<Output = bool> + 'a>> {
        Box::pin(self.0.restore(snapshot))
    }
}

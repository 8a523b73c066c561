//! A cluster under load, and what everybody in it must have received.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use carillon_tests::cluster::calls::Server as _;
use carillon_tests::cluster::{Cluster, Kind, Member, Pod, Setup};
use carillon_tests::crowd::{Crowd, Published, Seen};
use carillon_tests::load::Backend;
use carillon_tests::metrics::Metrics;
use carillon_tests::proxy::Proxy;
use carillon_tests::redis::Redis;
use carillon_tests::wait::{self, PATIENCE};
use serde_json::{Value, json};

/// Of each publisher the last number at some moment.
pub(crate) type Marks = BTreeMap<String, u64>;

/// Who publishes: the member where that is, and the rooms that it is for.
struct Source {
    member: usize,
    rooms: &'static [&'static str],
}

/// Everything.
pub(crate) struct Scene<'a> {
    pub(crate) cluster: Cluster<'a>,
    pub(crate) proxy: Proxy,
    pub(crate) crowd: Crowd,
    backends: Vec<Backend>,
    sources: BTreeMap<String, Source>,
    /// By what names a pod in session ids.
    owners: BTreeMap<String, usize>,
    dead: BTreeSet<usize>,
}

const BOTH: &[&str] = &["room-0", "room-1"];
const ROOMS: [&[&str]; 2] = [&["room-0"], &["room-1"]];

impl<'a> Scene<'a> {
    /// Starts the members, nginx in front of the gateways among them, and publishers: on each member a backend that emits to
    /// both rooms, and a client that publishes to one of them.
    pub(crate) fn start(redis: &'a Redis, setup: &Setup, kinds: &[Kind]) -> Self {
        Self::of(Cluster::start(redis, setup, kinds), Proxy::nginx)
    }

    /// The same on a cluster that runs, behind any load balancer.
    pub(crate) fn of(cluster: Cluster<'a>, balance: fn(&[u16]) -> Proxy) -> Self {
        let pods = cluster.members.iter();
        let pods = pods.filter(|member| member.kind() == Kind::Gateway);
        let ports: Vec<u16> = pods.map(|member| member.port()).collect();
        let mut scene = Self {
            cluster,
            proxy: balance(&ports),
            crowd: Crowd::start(),
            backends: Vec::new(),
            sources: BTreeMap::new(),
            owners: BTreeMap::new(),
            dead: BTreeSet::new(),
        };
        for index in 0..scene.cluster.members.len() {
            scene.add_publishers(index);
        }
        scene
    }

    fn add_publishers(&mut self, index: usize) {
        let member = &self.cluster.members[index];
        let name = format!("pub-{}", member.name());
        self.crowd.connect(&name, 1, member.port(), &[], &json!({}));
        let (name, rooms) = (format!("{name}-0"), ROOMS[index % 2]);
        self.owners
            .insert(self.crowd.seen()[&name].owner.clone(), index);
        let room = rooms[0].strip_prefix("room-").unwrap();
        self.crowd.publish(&name, room);
        let source = |rooms| Source {
            member: index,
            rooms,
        };
        self.sources.insert(name, source(rooms));
        let backend = Backend::start(member, BOTH);
        self.sources.insert(backend.name().to_owned(), source(BOTH));
        self.backends.push(backend);
    }

    /// Connects clients of both rooms, so many of each, to a port: `<name>-room-0-<index>` and so on.
    pub(crate) fn connect(&self, name: &str, count: usize, port: u16, options: &Value) {
        for room in ["0", "1"] {
            let name = format!("{name}-room-{room}");
            self.crowd.connect(&name, count, port, &[room], options);
        }
    }

    /// A gateway.
    pub(crate) fn pod(&self, index: usize) -> &Pod {
        match &self.cluster.members[index] {
            Member::Gateway(pod) => pod,
            Member::Node(_) => panic!("member {index} is no gateway"),
        }
    }

    /// The gateways that live.
    pub(crate) fn pods(&self) -> Vec<usize> {
        let all = 0..self.cluster.members.len();
        all.filter(|index| !self.dead.contains(index))
            .filter(|&index| self.cluster.members[index].kind() == Kind::Gateway)
            .collect()
    }

    /// Sends a signal to a member.
    pub(crate) fn signal(&mut self, index: usize, name: &str) {
        self.cluster.members[index].process().signal(name);
    }

    /// Kills a member. Its own publishers are gone with it.
    pub(crate) fn kill(&mut self, index: usize) {
        self.signal(index, "KILL");
        self.cluster.members[index].process().wait();
        self.dead.insert(index);
    }

    /// The member where a client is; none where that is dead.
    fn member_of(&self, client: &Seen) -> Option<usize> {
        let member = *self.owners.get(&client.owner).unwrap_or(&0);
        (!self.dead.contains(&member)).then_some(member)
    }

    /// The clients that are in a room and live, each with its member.
    fn audience(&self) -> Vec<(String, usize, Seen)> {
        let all = self.crowd.seen().into_iter();
        let all = all.filter(|(name, _)| !name.starts_with("pub-"));
        all.filter_map(|(name, client)| Some((name, self.member_of(&client)?, client)))
            .collect()
    }

    /// What every publisher of living members has sent.
    pub(crate) fn published(&self) -> BTreeMap<String, Published> {
        let mut all = self.crowd.published();
        let backends = self.backends.iter();
        all.extend(backends.map(|backend| (backend.name().to_owned(), backend.published())));
        all.retain(|name, _| !self.dead.contains(&self.sources[name].member));
        all
    }

    /// Where everybody is.
    pub(crate) fn marks(&self) -> Marks {
        let all = self.published().into_iter();
        all.map(|(name, published)| (name, published.last))
            .collect()
    }

    /// Waits until everybody hears everybody again, and returns from where on nothing may be missing any more.
    pub(crate) fn heal(&self) -> Marks {
        let marks = self.marks();
        until("everybody hears everybody", || {
            for (name, _, client) in self.audience() {
                let heard = self
                    .sources
                    .iter()
                    .filter(|(_, source)| source.is_for(&name));
                for (publisher, _) in heard {
                    let Some(mark) = marks.get(publisher) else {
                        continue;
                    };
                    if !client.ready || client.of(publisher).last() <= *mark {
                        return Err(format!("{name} hears nothing of {publisher}: {client:?}"));
                    }
                }
            }
            Ok(())
        });
        self.marks()
    }

    /// Waits until everybody has received what was sent since these marks, and asserts what holds at all times.
    pub(crate) fn settle(&self, from: &Marks) {
        self.settle_where(from, |_, _| true);
    }

    /// The same of each gateway by itself.
    pub(crate) fn settle_here(&self, from: &Marks) {
        self.settle_where(from, |client, publisher| {
            client == publisher && self.pods().contains(&client)
        });
    }

    /// The same of clients and publishers on some members.
    pub(crate) fn settle_where(&self, from: &Marks, is_meant: impl Fn(usize, usize) -> bool) {
        let published = self.published();
        until("everybody has received everything", || {
            for (name, member, client) in self.audience() {
                for (publisher, published) in &published {
                    let source = &self.sources[publisher];
                    let Some(mark) = from.get(publisher) else {
                        continue;
                    };
                    if !source.is_for(&name) || !is_meant(member, source.member) {
                        continue;
                    }
                    let got = client.of(publisher);
                    let mut due = published.acked.within(*mark, published.last);
                    if let Some(missing) = due.find(|number| !got.has(*number)) {
                        return Err(format!("{name} misses {missing} of {publisher}: {got:?}"));
                    }
                }
            }
            Ok(())
        });
        self.assert_ordered();
    }

    /// Nothing came twice or out of order, to anybody.
    pub(crate) fn assert_ordered(&self) {
        for (name, client) in self.crowd.seen() {
            for (publisher, got) in &client.ledger {
                assert!(got.is_ordered(), "{name} got {got:?} of {publisher}");
            }
        }
    }

    /// No session of a member that lives has closed; no gateway has ended or gone out of service.
    pub(crate) fn assert_undisturbed(&mut self) {
        for (name, client) in self.crowd.seen() {
            if self.member_of(&client).is_some() {
                let reasons = &client.reasons;
                assert!(client.ready && reasons.is_empty(), "{name}: {reasons:?}");
            }
        }
        self.assert_in_service();
    }

    /// No gateway that lives has ended or gone out of service.
    pub(crate) fn assert_in_service(&mut self) {
        for index in self.pods() {
            if let Member::Gateway(pod) = &mut self.cluster.members[index] {
                pod.gateway().assert_alive();
                let ready = pod.gateway().admin("/readyz");
                assert_eq!(ready.status, 200, "{}: {}", pod.name(), ready.text());
            }
        }
    }

    /// Waits until every gateway says that the bus is up, or that it is not.
    pub(crate) fn until_bus(&self, up: bool) {
        for index in self.pods() {
            wait::until(&format!("carillon_bus_up of {index} is {up}"), || {
                let metrics = Metrics::of(self.pod(index).view());
                (metrics.sum("carillon_bus_up", &[]) == f64::from(up)).then_some(())
            });
        }
    }

    /// Waits until every gateway has answered some more emits by `degraded`.
    pub(crate) fn until_degraded(&self, count: u64) {
        let pods = self.pods();
        let backends = || {
            self.backends
                .iter()
                .filter(|backend| pods.contains(&self.sources[backend.name()].member))
        };
        let from: Vec<u64> = backends()
            .map(|backend| backend.degraded().last())
            .collect();
        for (backend, from) in backends().zip(from) {
            wait::until(&format!("{} is answered degraded", backend.name()), || {
                (backend.degraded().last() >= from + count).then_some(())
            });
        }
    }

    /// Of each gateway, how many messages it counts as not told to the others.
    pub(crate) fn unsent(&self) -> BTreeMap<usize, f64> {
        let pods = self.pods().into_iter();
        let of = |index| Metrics::of(self.pod(index).view()).sum("carillon_bus_unsent_total", &[]);
        pods.map(|index| (index, of(index))).collect()
    }

    /// What clients of gateway `to` did not get of what publishers on gateway `from` have sent between the marks. All clients
    /// must miss the same.
    pub(crate) fn lost(&self, from: usize, to: usize, began: &Marks, ended: &Marks) -> usize {
        let (published, audience) = (self.published(), self.audience());
        let sources = self
            .sources
            .iter()
            .filter(|(_, source)| source.member == from);
        let mut lost = 0;
        for (publisher, source) in sources {
            let mut missed: Option<BTreeSet<u64>> = None;
            let degraded = self
                .backends
                .iter()
                .find(|backend| backend.name() == publisher);
            let degraded = degraded.map(Backend::degraded).unwrap_or_default();
            for (name, _, client) in audience
                .iter()
                .filter(|(name, member, _)| *member == to && source.is_for(name))
            {
                let got = client.of(publisher);
                let due = published[publisher]
                    .acked
                    .within(began[publisher], ended[publisher]);
                let misses: BTreeSet<u64> = due.filter(|number| !got.has(*number)).collect();
                let told = degraded.within(began[publisher], ended[publisher]);
                for number in told {
                    assert!(
                        misses.contains(&number),
                        "{name} got {number} of {publisher}, which was degraded"
                    );
                }
                let same = missed.get_or_insert_with(|| misses.clone());
                assert_eq!(
                    *same, misses,
                    "{name} misses what others got of {publisher}"
                );
            }
            lost += missed.map_or(0, |missed| missed.len());
        }
        lost
    }

    /// Waits until all clients of that name are in their rooms, on members that live.
    pub(crate) fn until_back(&self, prefix: &str) {
        until("everybody is back", || {
            for (name, client) in self.crowd.seen() {
                if name.starts_with(prefix) && (!client.ready || self.member_of(&client).is_none())
                {
                    return Err(format!("{name} is not back: {:?}", client.reasons));
                }
            }
            Ok(())
        });
    }

    /// How many clients of that name are on a member.
    pub(crate) fn count(&self, prefix: &str, member: usize) -> usize {
        let audience = self.audience().into_iter();
        audience
            .filter(|(name, on, _)| *on == member && name.starts_with(prefix))
            .count()
    }
}

impl Source {
    /// Whether a client is in one of its rooms, by its name.
    fn is_for(&self, client: &str) -> bool {
        self.rooms.iter().any(|room| client.contains(room))
    }
}

/// As [`wait::until`], with what was wrong at the end. A crowd is not asked more often than is good for it.
fn until(what: &str, mut probe: impl FnMut() -> Result<(), String>) {
    let end = Instant::now() + 2 * PATIENCE;
    while let Err(wrong) = probe() {
        assert!(Instant::now() < end, "waited in vain until {what}: {wrong}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

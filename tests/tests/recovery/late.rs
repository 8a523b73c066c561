//! What a former owner of a session writes of it, when another one has it by then.

use std::net::Ipv4Addr;
use std::time::Duration;

use carillon_tests::cluster::calls::{Emit, To};
use carillon_tests::cluster::{Cluster, Kind, Mode, Setup};
use carillon_tests::forwarder::Forwarder;
use carillon_tests::gateway::Gateway;
use carillon_tests::metrics::Metrics;
use carillon_tests::redis::Redis;
use carillon_tests::resp;
use carillon_tests::session::Session;
use carillon_tests::wait;
use serde_json::json;

use super::client::{Client, emit, sockets};
use super::pods::{come_back, key, mark, pod, record, setup, until_written};

/// Waits until Redis is told something of a session.
fn until_told(monitor: &mut resp::Client, pid: &str) {
    loop {
        let line = monitor.reply().expect("it is told in time").text();
        if line.contains(pid) && !line.contains(" lua]") {
            return;
        }
    }
}

fn until_bus(gateway: &Gateway, up: f64) {
    wait::until("the pod knows of its bus", || {
        (Metrics::of(gateway).sum("carillon_bus_up", &[]) == up).then_some(())
    });
}

/// A session whose owner was cut off from Redis, and could not be asked, while its client came back to another pod and joined
/// another room there. The former owner has its socket still.
struct Outdated {
    way: Forwarder,
    former: Gateway,
    owner: Gateway,
    old: Client,
    client: Client,
    ticket: String,
}

impl Outdated {
    fn start(redis: &Redis, setup: &Setup, host: Ipv4Addr) -> Self {
        let way = Forwarder::start(host, redis.port());
        let url = format!("redis://{host}:{}", redis.port());
        let former = setup.gateway("former", redis);
        let former = former.env("CARILLON_REDIS_URL", &url).start();
        let owner = setup.gateway("owner", redis).start();
        let old = Client::connect(&former, "/live", "r");
        until_written(redis, &old.pid);
        way.cut();
        until_bus(&former, 0.0);
        let ticket = old.ticket(None);
        let (_, mut client) = come_back(owner.port(), "/live", &ticket);
        assert!(client.is(&old.sid));
        client.session.event("/live", r#"1["join","late"]"#);
        client.session.expect("43/live,1[]");
        Self {
            way,
            former,
            owner,
            old,
            client,
            ticket,
        }
    }
}

/// The client has its one socket there, in both rooms.
fn comes_back(gateway: &Gateway, sid: &str, ticket: &str) {
    let (_, client) = come_back(gateway.port(), "/live", ticket);
    assert!(client.is(sid));
    let found = sockets(gateway, "/live");
    assert_eq!(found.len(), 1);
    let mut rooms = found[0]["rooms"].as_array().unwrap().clone();
    rooms.sort_by_key(ToString::to_string);
    assert_eq!(rooms, [json!("room-late"), json!("room-r")]);
}

/// What it has of the session it writes when it is there again, and once more when it sees that the connection is lost.
#[test]
fn by_a_pod_that_was_cut_off() {
    let (redis, setup) = (Redis::start(), setup());
    let next = setup.gateway("next", &redis).start();
    let Outdated {
        way,
        former: _former,
        mut owner,
        old,
        client,
        ticket,
    } = Outdated::start(&redis, &setup, Ipv4Addr::new(127, 0, 0, 13));
    let mut monitor = redis.client();
    monitor.command(&["MONITOR"]).unwrap();
    way.mend();
    until_told(&mut monitor, &client.pid);
    drop(old);
    until_told(&mut monitor, &client.pid);
    owner.process().signal("KILL");
    owner.process().wait();
    comes_back(&next, &client.sid, &ticket);
}

/// What it has of the session is older than what it is told when the client is back.
#[test]
fn at_a_pod_that_was_cut_off() {
    let (redis, setup) = (Redis::start(), setup());
    let Outdated {
        way,
        former,
        owner,
        mut old,
        mut client,
        ticket,
    } = Outdated::start(&redis, &setup, Ipv4Addr::new(127, 0, 0, 14));
    way.mend();
    // What comes by the stream comes last.
    emit(&owner, "/live", &json!(1));
    assert_eq!((old.event().0, client.event().0), (json!(1), json!(1)));
    until_bus(&former, 1.0);
    comes_back(&former, &client.sid, &ticket);
    old.ends();
    client.ends();
}

/// Node asks nobody: our pod still has the socket of a connection whose loss it has not noticed.
#[test]
fn by_a_pod_whose_session_node_has_taken() {
    let redis = Redis::start();
    let rules = include_str!("../../fixtures/cluster.yaml")
        .replace("  events:\n", "  recovery: { window: 1m }\n  events:\n");
    let setup = Setup::new(Mode::Streams)
        .rules(&rules)
        .recovery(Duration::from_secs(60));
    let cluster = Cluster::start(&redis, &setup, &[Kind::Node, Kind::Gateway]);
    let (node, here) = (cluster.members[0].port(), pod(&cluster, 1));
    let (_, mut old) = come_back(here.port(), "/", "{}");
    let join = |old: &mut Client, room: &str| {
        old.session.send(&format!(r#"421["join","{room}"]"#));
        old.session.expect("431[]");
    };
    join(&mut old, "r");
    cluster.members[0].emit(&Emit::new(To::room("room-r"), "n", &[json!(1)]));
    let (_, offset) = old.event();
    let (_, client) = come_back(node, "/", &old.ticket(Some(&offset)));
    assert!(client.is(&old.sid));
    let key = key(&old.pid);
    join(&mut old, "late");
    assert_eq!(redis.command(&["EXISTS", &key]).integer(), 0);
    drop(client);
    let saved = record(&redis, &key);
    join(&mut old, "later");
    assert_eq!(record(&redis, &key), saved);
}

/// A client whose pod is frozen, on its way to the next one: that has taken the session, and waits for an answer.
pub(super) fn on_its_way(redis: &Redis, cluster: &mut Cluster<'_>) -> (Client, Session) {
    let client = Client::connect(pod(cluster, 0), "/live", "r");
    until_written(redis, &client.pid);
    let mark = mark(&client.pid);
    let before = redis.command(&["GET", &mark]).text();
    cluster.members[0].process().signal("STOP");
    let mut first = Session::open(pod(cluster, 1).port());
    first.send(&format!("40/live,{}", client.ticket(None)));
    wait::until("the session is taken", || {
        let now = redis.command(&["GET", &mark]).text();
        // The time of the last taking stands in front.
        (now[..16] > before[..16]).then_some(())
    });
    (client, first)
}

/// A pod waits for the answer of a dead one when its client's connection breaks once more: the session is on its way then, and the
/// pod to which the client comes next waits for it; it may be the same.
#[test]
fn while_it_is_being_taken() {
    for next in [1, 2] {
        let redis = Redis::start();
        let mut cluster = Cluster::start(&redis, &setup(), &[Kind::Gateway; 3]);
        let (client, first) = on_its_way(&redis, &mut cluster);
        drop(first);
        let (_, back) = come_back(pod(&cluster, next).port(), "/live", &client.ticket(None));
        assert!(back.is(&client.sid));
        cluster.members[0].process().signal("KILL");
    }
}

/// The pod that has taken a session dies before it has written it; so does its owner, or goes on, and has given it away by then.
#[test]
fn by_a_pod_that_dies_with_it() {
    for owner in ["KILL", "CONT"] {
        let redis = Redis::start();
        let mut cluster = Cluster::start(&redis, &setup(), &[Kind::Gateway; 3]);
        let (client, first) = on_its_way(&redis, &mut cluster);
        cluster.members[1].process().signal("KILL");
        cluster.members[0].process().signal(owner);
        drop(first);
        let (_, back) = come_back(pod(&cluster, 2).port(), "/live", &client.ticket(None));
        assert!(back.is(&client.sid), "{owner}");
        let found = sockets(pod(&cluster, 2), "/live");
        assert_eq!(found[0]["rooms"], json!(["room-r"]), "{owner}");
    }
}

/// A pod that ends while it takes a session, whose client it has closed by then, writes it before it is gone.
#[test]
fn by_a_pod_that_drains() {
    let redis = Redis::start();
    let setup = setup().env("CARILLON_DRAIN_HOLD", "0s");
    let mut cluster = Cluster::start(&redis, &setup, &[Kind::Gateway; 3]);
    let (client, first) = on_its_way(&redis, &mut cluster);
    let taker = cluster.members[1].process();
    taker.signal("TERM");
    assert!(taker.wait().success());
    drop(first);
    let mark = redis.command(&["GET", &mark(&client.pid)]).text();
    assert_eq!(mark[..16], mark[16..32], "the taker has written it");
    cluster.members[0].process().signal("KILL");
    let (_, back) = come_back(pod(&cluster, 2).port(), "/live", &client.ticket(None));
    assert!(back.is(&client.sid));
}

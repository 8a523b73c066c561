//! A raw client that can come back, and what the gateway holds for it.

use carillon_tests::gateway::Gateway;
use carillon_tests::metrics::Metrics;
use carillon_tests::session::Session;
use carillon_tests::ws::Message;
use carillon_tests::{packets, wait};
use serde_json::{Value, json};

/// A raw client and what it was told of itself.
pub(super) struct Client {
    pub(super) session: Session,
    pub(super) sid: String,
    pub(super) pid: String,
}

impl Client {
    pub(super) fn connect(gateway: &Gateway, namespace: &str, room: &str) -> Self {
        let mut client = Self::claim(gateway, namespace, "");
        client
            .session
            .event(namespace, &format!(r#"1["join","{room}"]"#));
        client.session.expect(&format!("43{namespace},1[]"));
        client
    }

    /// Connects with this payload; nothing may come before the reply.
    pub(super) fn claim(gateway: &Gateway, namespace: &str, auth: &str) -> Self {
        let mut session = Session::open(gateway.port());
        session.send(&format!("40{}{auth}", packets::prefix(namespace)));
        Self::accepted(session, namespace)
    }

    pub(super) fn accepted(mut session: Session, namespace: &str) -> Self {
        let reply = session.next();
        Self::reply(session, namespace, &reply)
    }

    /// The client that gets this reply to its CONNECT.
    pub(super) fn reply(session: Session, namespace: &str, reply: &str) -> Self {
        let json = reply.strip_prefix(&format!("40{}", packets::prefix(namespace)));
        let json: Value = serde_json::from_str(json.unwrap_or_else(|| panic!("{reply}"))).unwrap();
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let (sid, pid) = (text("sid"), text("pid"));
        assert_eq!((sid.len(), pid.len()), (20, 20), "{reply}");
        Self { session, sid, pid }
    }

    /// The payload that claims this one's session.
    pub(super) fn ticket(&self, offset: Option<&str>) -> String {
        offset.map_or_else(
            || format!(r#"{{"pid":"{}"}}"#, self.pid),
            |offset| format!(r#"{{"pid":"{}","offset":"{offset}"}}"#, self.pid),
        )
    }

    /// The next event's first argument and offset.
    pub(super) fn event(&mut self) -> (Value, String) {
        event(&self.session.next())
    }

    /// Its connection ends, and nothing is said to its socket: a client comes back from that.
    pub(super) fn ends(&mut self) {
        let end = self.session.message();
        let is_end = matches!(end, Message::Close(..) | Message::Dropped);
        assert!(is_end, "{end:?}");
    }

    pub(super) fn is(&self, other: &str) -> bool {
        self.sid == other
    }
}

pub(super) fn event(packet: &str) -> (Value, String) {
    let json = packet
        .find('[')
        .filter(|_| packet.starts_with("42"))
        .map(|at| &packet[at..]);
    let json: Value = serde_json::from_str(json.unwrap_or_else(|| panic!("{packet}"))).unwrap();
    let array = json.as_array().unwrap();
    let offset = array.last().unwrap().as_str().unwrap();
    (array[1].clone(), offset.to_owned())
}

pub(super) fn emit(gateway: &Gateway, namespace: &str, argument: &Value) {
    let body =
        json!({ "namespace": namespace, "event": "n", "args": [argument], "rooms": ["room-r"] });
    let answer = gateway.post("/v1/emit", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

pub(super) fn sleeping(gateway: &Gateway, count: f64) {
    wait::until("the sessions are saved", || {
        let sum = Metrics::of(gateway).sum("carillon_recovery_sessions", &[]);
        (sum == count).then_some(())
    });
}

pub(super) fn sockets(gateway: &Gateway, namespace: &str) -> Vec<Value> {
    let answer = gateway.get(&format!("/v1/sockets?namespace={namespace}"));
    answer.json()["sockets"].as_array().unwrap().clone()
}

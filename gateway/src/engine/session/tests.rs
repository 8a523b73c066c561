//! The session's life, step by step, on a clock of the tests' own.

use super::*;

const TIMES: Times = Times {
    ping_interval: Duration::from_secs(25),
    ping_timeout: Duration::from_secs(20),
    upgrade_timeout: Duration::from_secs(10),
};

fn open(carrier: Carrier) -> (Session, Instant) {
    let now = crate::clock::now();
    (Session::open(carrier, TIMES, now, 1.0), now)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_ping_follows_the_interval_and_a_missing_pong_ends_it() {
    let (mut session, start) = open(Carrier::Websocket);
    assert_eq!(session.next_timeout(), Some(start + seconds(25)));
    assert_eq!(session.on_timeout(start + seconds(24)), Due::Nothing);
    assert_eq!(session.on_timeout(start + seconds(25)), Due::Ping);
    assert_eq!(
        session.packet(&Packet::Pong(""), start + seconds(26)),
        Step::Ignore
    );
    assert_eq!(session.next_timeout(), Some(start + seconds(51)));
    assert_eq!(session.on_timeout(start + seconds(51)), Due::Ping);
    assert_eq!(
        session.on_timeout(start + seconds(71)),
        Due::Close(Reason::PingTimeout)
    );
}

#[test]
fn other_packets_put_the_pong_off_once() {
    let (mut session, start) = open(Carrier::Websocket);
    assert_eq!(session.on_timeout(start + seconds(25)), Due::Ping);
    assert_eq!(
        session.packet(&Packet::Message(""), start + seconds(40)),
        Step::Message
    );
    assert_eq!(
        session.packet(&Packet::Message(""), start + seconds(50)),
        Step::Message
    );
    assert_eq!(session.next_timeout(), Some(start + seconds(60)));
}

#[test]
fn packets_mean_what_node_makes_of_them() {
    let table = [
        (Packet::Open, Step::Ignore),
        (Packet::Close, Step::Close(Reason::TransportClose)),
        (Packet::Ping(""), Step::Close(Reason::TransportError)),
        (Packet::Pong(""), Step::Ignore),
        (Packet::Message(""), Step::Message),
        (Packet::Upgrade, Step::Ignore),
        (Packet::Noop, Step::Ignore),
    ];
    for (packet, step) in table {
        let (mut session, now) = open(Carrier::Polling);
        assert_eq!(session.packet(&packet, now), step, "{packet:?}");
        session.close(false, now);
        assert_eq!(
            session.packet(&packet, now),
            Step::Ignore,
            "{packet:?} after the end"
        );
    }
}

#[test]
fn an_upgrade_needs_its_probe() {
    let (mut session, now) = open(Carrier::Polling);
    assert!(session.begin_upgrade(now));
    assert!(!session.begin_upgrade(now), "one at a time");
    assert_eq!(
        session.upgrade_packet(&Packet::Upgrade),
        UpgradeStep::Abandon
    );
    assert!(session.begin_upgrade(now));
    assert_eq!(
        session.upgrade_packet(&Packet::Ping(PROBE)),
        UpgradeStep::Probe
    );
    assert_eq!(
        session.upgrade_packet(&Packet::Upgrade),
        UpgradeStep::Switch
    );
    assert_eq!(session.carrier(), Carrier::Websocket);
    assert!(!session.begin_upgrade(now), "it is on a websocket already");
}

#[test]
fn an_upgrade_that_takes_too_long_is_abandoned() {
    let (mut session, now) = open(Carrier::Polling);
    assert!(session.begin_upgrade(now));
    assert_eq!(session.next_timeout(), Some(now + seconds(10)));
    assert_eq!(session.on_timeout(now + seconds(10)), Due::AbandonUpgrade);
    assert!(session.is_open() && !session.is_upgrading());
}

#[test]
fn a_closed_polling_session_lingers_for_one_poll() {
    let (mut session, now) = open(Carrier::Polling);
    session.close(true, now);
    assert_eq!(session.next_timeout(), Some(now + LINGER));
    assert_eq!(
        session.on_timeout(now + LINGER),
        Due::Close(Reason::ForcedClose)
    );
    let (mut session, now) = open(Carrier::Websocket);
    session.close(true, now);
    assert_eq!(session.next_timeout(), None);
}

#[test]
fn the_first_ping_is_spread() {
    let now = crate::clock::now();
    let session = Session::open(Carrier::Websocket, TIMES, now, 0.5);
    assert_eq!(
        session.next_timeout(),
        Some(now + Duration::from_millis(12_500))
    );
    let session = Session::open(Carrier::Websocket, TIMES, now, 0.0);
    assert_eq!(session.next_timeout(), Some(now + seconds(5)));
}

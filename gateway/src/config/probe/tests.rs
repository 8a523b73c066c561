use std::time::Duration;

use crate::config::tests::{faults, given};
use crate::config::{Invocation, Probe};

fn probe(line: &str) -> Probe {
    match given(line) {
        Ok(Invocation::Probe(probe)) => *probe,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_gateway_of_this_machine_is_tried() {
    let probe = probe("probe");
    assert_eq!(probe.url.to_string(), "http://127.0.0.1:3001/socket.io/");
    assert_eq!(
        (&*probe.namespace, probe.timeout),
        ("/", Duration::from_secs(10))
    );
    assert!(probe.api.is_none() && probe.auth.is_none());
}

#[test]
fn any_other_is_named() {
    let probe = probe(
        "CARILLON_API_KEY=k probe --url http://game/live/ --namespace /crime --api-url http://game-api:3002 --auth-file /auth --timeout 2s",
    );
    assert_eq!(probe.url.to_string(), "http://game/live/");
    assert_eq!(
        (&*probe.namespace, probe.timeout),
        ("/crime", Duration::from_secs(2))
    );
    let (api, key) = probe.api.unwrap();
    assert_eq!(
        (api.to_string(), key.expose()),
        ("http://game-api:3002/".to_owned(), "k")
    );
    assert_eq!(probe.auth.unwrap().expose(), r#"{"token":"t"}"#);
}

#[test]
fn each_fault_is_told() {
    for (line, fault) in [
        ("probe --url https://game", "must be a URL such as http://"),
        ("probe --url game:3001", "must be a URL such as http://"),
        ("probe --namespace crime", "must begin with /"),
        ("probe --namespace /a,b", "no comma"),
        ("probe --timeout 2", "a number and a unit"),
        (
            "probe --api-url http://game",
            "--api-url: needs a key in CARILLON_API_KEY",
        ),
        ("probe --auth-file /key", "must hold a JSON object"),
        ("probe --auth-file /nowhere", "--auth-file"),
        ("probe --loud", "--loud"),
    ] {
        let faults = faults(line);
        assert!(
            faults.iter().any(|told| told.contains(fault)),
            "{line}: {faults:?}"
        );
    }
}

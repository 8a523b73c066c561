//! The election on a real Lease, with the times of the tests: 5 s, 3 s, 1 s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carillon_operator::gate::Gate;
use carillon_operator::lease::times::Times;
use carillon_operator::lease::{Candidate, Lost};
use carillon_tests::kubernetes::{self, Namespace, until};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const LEASE: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_secs(1);
/// What the bounds allow for the requests themselves.
const SLACK: Duration = Duration::from_secs(1);

/// A candidate at work.
struct Process {
    gate: Arc<Gate>,
    elected: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
    run: JoinHandle<Result<(), Lost>>,
}

fn process(client: &Client, namespace: &str, identity: &str) -> Process {
    let gate = Arc::new(Gate::default());
    let candidate = Candidate {
        leases: Api::<Lease>::namespaced(client.clone(), namespace),
        name: "carillon-operator".to_owned(),
        owner: None,
        identity: identity.to_owned(),
        times: Times::new(LEASE, DEADLINE, RETRY).unwrap(),
        gate: gate.clone(),
    };
    let (elected, leads) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let run = tokio::spawn(candidate.run(elected, async {
        let _ = released.await;
    }));
    Process {
        gate,
        elected: leads,
        release,
        run,
    }
}

impl Process {
    fn is_open(&self) -> bool {
        self.gate.check(Instant::now()).is_ok()
    }
}

fn lease(namespace: &Namespace<'_>) -> Value {
    namespace.get(&["lease", "carillon-operator"])["spec"].clone()
}

#[test]
fn a_released_lease_is_taken_at_once() {
    kubernetes::test(async |cluster| {
        let namespace = cluster.namespace("release");
        let client = cluster.client().await;
        let mut first = process(&client, "release", "first");
        (&mut first.elected).await.unwrap();
        let mut second = process(&client, "release", "second");
        // Through several renewals nothing changes hands.
        let renewed = lease(&namespace)["renewTime"].clone();
        let again = async || {
            let now = lease(&namespace);
            (now["renewTime"] != renewed)
                .then_some(now)
                .ok_or_else(|| "not renewed".to_owned())
        };
        let (now, _) = until("the lease is renewed", LEASE, again).await;
        assert_eq!(
            (&now["holderIdentity"], &now["leaseDurationSeconds"]),
            (&"first".into(), &5.into())
        );
        assert!(first.is_open() && !second.is_open());
        assert!(second.elected.try_recv().is_err());

        let began = Instant::now();
        first.release.send(()).unwrap();
        (&mut second.elected).await.unwrap();
        let took = began.elapsed();
        assert!(took <= Duration::from_secs(2), "handed over after {took:?}");
        println!("handed over after {took:?}");
        first.run.await.unwrap().unwrap();
        assert!(
            first.gate.check(Instant::now()).is_err() && second.gate.check(Instant::now()).is_ok()
        );
        assert_eq!(lease(&namespace)["leaseTransitions"], 1);
        second.run.abort();
    });
}

#[test]
fn the_lease_of_one_that_vanished_is_taken_when_it_expires() {
    kubernetes::test(async |cluster| {
        let namespace = cluster.namespace("vanish");
        let client = cluster.client().await;
        let mut first = process(&client, "vanish", "first");
        (&mut first.elected).await.unwrap();
        let mut second = process(&client, "vanish", "second");
        // The second has seen the lease when the first renews it.
        let renewed = lease(&namespace)["renewTime"].clone();
        let again = async || {
            let now = lease(&namespace)["renewTime"].clone();
            (now != renewed)
                .then_some(())
                .ok_or_else(|| "not renewed".to_owned())
        };
        until("the lease is renewed", LEASE, again).await;
        first.run.abort();
        let vanished = Instant::now();
        (&mut second.elected).await.unwrap();
        let took = vanished.elapsed();
        println!("taken over after {took:?}");
        assert!(took <= LEASE + SLACK, "taken over after {took:?}");
        // By then the other would not have written for long.
        assert!(took > LEASE - RETRY - SLACK, "taken over after {took:?}");
        assert!(first.gate.check(vanished + DEADLINE).is_err());
        second.run.abort();
    });
}

#[test]
fn who_lost_the_lease_ends_and_writes_nothing_more() {
    kubernetes::test(async |cluster| {
        let namespace = cluster.namespace("stolen");
        let client = cluster.client().await;
        let mut first = process(&client, "stolen", "first");
        (&mut first.elected).await.unwrap();
        let patch = r#"{"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 5}}"#;
        namespace.kubectl(&[
            "patch",
            "lease",
            "carillon-operator",
            "--type=merge",
            "--patch",
            patch,
        ]);
        let ended = tokio::time::timeout(RETRY + SLACK, &mut first.run).await;
        let lost = ended.unwrap().unwrap().unwrap_err();
        assert_eq!(lost.reason, "somebody holds the lease");
        assert!(!first.is_open());
        // It was not taken back.
        assert_eq!(lease(&namespace)["holderIdentity"], "somebody");
    });
}

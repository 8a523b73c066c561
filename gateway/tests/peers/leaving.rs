//! The pod that passes a poll on goes away: whoever asks again, of another pod, gets what was on its way, once.

use super::client::{assert_ok, get, open, post, read, send};
use super::fixture::{Pod, pair, until};
use super::run;

/// As a client names it.
fn named(path: &str, t: &str) -> String {
    format!("{path}&t={t}")
}

/// Waits until a poll that is passed on waits at its owner.
async fn until_it_waits(owner: &Pod, path: &str) {
    until(|| (owner.dialed() > 0).then_some(())).await;
    for _ in 0..3 {
        assert_ok(&post(owner.client, path, "6").await, "ok");
    }
}

#[test]
fn an_answer_that_went_down_with_it_is_told_again() {
    run(async {
        let (owner, landing) = pair().await;
        for again in [owner.client, landing.client] {
            let path = open(owner.client).await;
            assert_ok(&post(owner.client, &path, "4told").await, "ok");
            // The load balancer never sees this answer, and asks again.
            assert_ok(&get(landing.client, &named(&path, "a")).await, "4told");
            assert_ok(&get(again, &named(&path, "a")).await, "4told");
            assert_ok(&post(owner.client, &path, "4next").await, "ok");
            assert_ok(&get(landing.client, &named(&path, "b")).await, "4next");
            assert_ok(&post(owner.client, &path, "4last").await, "ok");
            assert_ok(&get(again, &named(&path, "c")).await, "4last");
        }
    });
}

/// A client whose connection to it broke, or a browser, asks again too.
#[test]
fn a_post_that_it_has_passed_on_is_taken_once() {
    run(async {
        let (owner, landing) = pair().await;
        for again in [owner.client, landing.client] {
            let path = open(owner.client).await;
            for (port, t, message) in [
                (landing.client, "a", "4once"),
                (again, "a", "4once"),
                // The same once more, and another one of the same name, are others.
                (again, "b", "4once"),
                (again, "b", "4other"),
            ] {
                assert_ok(&post(port, &named(&path, t), message).await, "ok");
            }
            let echoes = ["4once", "4once", "4other"].join("\u{1e}");
            assert_ok(&get(owner.client, &path).await, &echoes);
        }
    });
}

/// Some scripts name every request alike: each answer comes once more at the most.
#[test]
fn a_name_that_is_always_the_same_names_nothing() {
    run(async {
        let (owner, landing) = pair().await;
        let path = named(&open(owner.client).await, "fixed");
        for message in ["4one", "4two", "4three"] {
            assert_ok(&post(owner.client, &path, message).await, "ok");
            let mut polled = get(landing.client, &path).await;
            if polled.body != message {
                polled = get(landing.client, &path).await;
            }
            assert_ok(&polled, message);
        }
        assert_eq!(owner.sessions(), 1);
    });
}

#[test]
fn a_poll_that_waits_is_taken_over_before_the_owner_knows() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        let named = named(&path, "a");
        let _lost = send(landing.client, "GET", &named, "", "").await;
        until_it_waits(&owner, &path).await;
        let mut again = send(owner.client, "GET", &named, "", "").await;
        for _ in 0..3 {
            assert_ok(&post(owner.client, &path, "6").await, "ok");
        }
        assert_ok(&post(owner.client, &path, "4later").await, "ok");
        assert_ok(&read(&mut again).await, "4later");
        assert_eq!(owner.sessions(), 1);
    });
}

/// A pod that drains has them answered, and asks the client to come back by another connection.
#[test]
fn polls_that_wait_are_released() {
    run(async {
        let (owner, landing) = pair().await;
        let path = open(owner.client).await;
        let mut poll = send(landing.client, "GET", &path, "", "").await;
        until_it_waits(&owner, &path).await;
        landing.admission.drain();
        let released = read(&mut poll).await;
        assert_ok(&released, "6");
        assert!(released.head.contains("connection: close"), "{released:?}");
        landing.admission.relays_nothing().await;
        // One that comes all the same is released too.
        assert_ok(&get(landing.client, &path).await, "6");
        assert_ok(&post(owner.client, &path, "4told").await, "ok");
        assert_ok(&get(owner.client, &path).await, "4told");
        assert_eq!(owner.sessions(), 1);
    });
}

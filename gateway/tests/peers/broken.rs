//! The way between two pods breaks: no session ends, nothing is lost, and nothing comes twice.

use std::cell::Cell;
use std::rc::Rc;

use carillon_gateway::transport::{Found, PeerAddress};
use tokio::io::{self, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task;

use super::client::{assert_ok, get, open, post, read, send};
use super::fixture::{Pod, pair, until};
use super::run;

/// What happens to the connections of a way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// They are served.
    Open,
    /// They are closed as soon as they are made.
    Cut,
    /// They are closed where the answer should come, which is not passed on.
    AnswersLost,
    /// They are closed behind so many bytes of the answer.
    AnswersBroken(usize),
}

/// A way to a peer port that can be broken.
#[derive(Clone)]
struct Way {
    fate: Rc<Cell<Fate>>,
    cut: Rc<Notify>,
    taken: Rc<Cell<usize>>,
}

impl Way {
    /// Between the pod where requests land and the owner.
    async fn between(landing: &Pod, owner: &Pod) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        landing.finds(owner.keys.incarnation(), port);
        let way = Self {
            fate: Rc::new(Cell::new(Fate::Open)),
            cut: Rc::default(),
            taken: Rc::default(),
        };
        let (serving, to) = (way.clone(), owner.peer);
        task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.taken.set(serving.taken.get() + 1);
                task::spawn_local(serving.clone().serve(stream, to));
            }
        });
        way
    }

    /// Breaks what there is, and what comes, if so, in another way.
    fn becomes(&self, fate: Fate) {
        self.fate.set(fate);
        self.cut.notify_waiters();
    }

    async fn serve(self, mut client: TcpStream, to: u16) {
        if self.fate.get() == Fate::Cut {
            return;
        }
        let mut owner = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
        let passing = async {
            match self.fate.get() {
                Fate::Open => drop(io::copy_bidirectional(&mut client, &mut owner).await),
                fate => {
                    let bytes = match fate {
                        Fate::AnswersBroken(bytes) => bytes,
                        _ => 0,
                    };
                    let (mut from, mut to) = client.split();
                    let (mut answer, mut asked) = owner.split();
                    let mut lost = vec![0; 1 << 20];
                    let answered = async {
                        let read = answer.read(&mut lost).await.unwrap_or(0);
                        let mut passed = &lost[..bytes.min(read)];
                        io::copy(&mut passed, &mut to).await.ok();
                    };
                    tokio::select! {
                        _ = io::copy(&mut from, &mut asked) => {}
                        () = answered => {}
                    }
                }
            }
        };
        tokio::select! {
            () = passing => {}
            () = self.cut.notified() => {}
        }
    }

    /// Waits until so many more connections were tried.
    async fn tried(&self, more: usize) {
        let before = self.taken.get();
        until(|| (self.taken.get() >= before + more).then_some(())).await;
    }
}

#[test]
fn a_poll_that_waits_goes_on_waiting() {
    run(async {
        let (owner, landing) = pair().await;
        let way = Way::between(&landing, &owner).await;
        // Each session and each link meets another shard of the owner.
        for round in 0..4 {
            let path = open(owner.client).await;
            let mut poll = send(landing.client, "GET", &path, "", "").await;
            until(|| (owner.dialed() > 0).then_some(())).await;
            for _ in 0..3 {
                assert_ok(&post(owner.client, &path, "6").await, "ok");
            }
            way.becomes(Fate::Cut);
            assert_ok(&post(owner.client, &path, "4meanwhile").await, "ok");
            way.tried(2).await;
            assert_ok(&post(owner.client, &path, "4later").await, "ok");
            way.becomes(Fate::Open);
            let polled = read(&mut poll).await;
            let both = ["4meanwhile", "4later"].join("\u{1e}");
            if polled.body != both {
                assert_ok(&polled, "4meanwhile");
                assert_ok(&get(landing.client, &path).await, "4later");
            }
            assert_eq!(owner.sessions(), round + 1);
        }
    });
}

#[test]
fn an_answer_that_is_lost_is_told_again() {
    run(async {
        let (owner, landing) = pair().await;
        let way = Way::between(&landing, &owner).await;
        let large = format!("4{}", "x".repeat(300_000));
        for (fate, message) in [
            (Fate::AnswersLost, "4told"),
            (Fate::AnswersBroken(10), "4told"),
            (Fate::AnswersLost, &large),
            (Fate::AnswersBroken(5_000), &large),
        ] {
            let path = open(owner.client).await;
            assert_ok(&post(owner.client, &path, message).await, "ok");
            way.becomes(fate);
            let mut poll = send(landing.client, "GET", &path, "", "").await;
            way.tried(3).await;
            way.becomes(Fate::Open);
            assert_ok(&read(&mut poll).await, message);
            // And then it is told no more.
            assert_ok(&post(owner.client, &path, "4next").await, "ok");
            assert_ok(&get(landing.client, &path).await, "4next");
            assert_ok(&post(owner.client, &path, "4last").await, "ok");
            assert_ok(&get(owner.client, &path).await, "4last");
        }
    });
}

#[test]
fn a_post_whose_answer_is_lost_is_taken_once() {
    run(async {
        let (owner, landing) = pair().await;
        let way = Way::between(&landing, &owner).await;
        let large = format!("4{}", "x".repeat(300_000));
        for message in ["4once", &large] {
            let path = open(owner.client).await;
            for fate in [Fate::AnswersLost, Fate::Cut, Fate::AnswersBroken(20)] {
                way.becomes(fate);
                let mut posted = send(landing.client, "POST", &path, "", message).await;
                way.tried(3).await;
                way.becomes(Fate::Open);
                assert_ok(&read(&mut posted).await, "ok");
                // The echo comes once.
                assert_ok(&get(owner.client, &path).await, message);
                assert_ok(&post(owner.client, &path, "4end").await, "ok");
                assert_ok(&get(owner.client, &path).await, "4end");
            }
        }
    });
}

#[test]
fn what_waits_at_the_owner_is_not_lost_with_a_poll_that_does_not_come_again() {
    run(async {
        let (owner, landing) = pair().await;
        let way = Way::between(&landing, &owner).await;
        let path = open(owner.client).await;
        let mut poll = send(landing.client, "GET", &path, "", "").await;
        until(|| (owner.dialed() > 0).then_some(())).await;
        for _ in 0..3 {
            assert_ok(&post(owner.client, &path, "6").await, "ok");
        }
        way.becomes(Fate::Cut);
        assert_ok(&post(owner.client, &path, "4kept").await, "ok");
        // For some seconds the way is tried again.
        assert_eq!(read(&mut poll).await.status, 503);
        assert_ok(&get(owner.client, &path).await, "4kept");
        assert_eq!(owner.sessions(), 1);
    });
}

#[test]
fn a_session_whose_poll_does_not_come_again_ends() {
    run(async {
        let (owner, landing) = pair().await;
        let way = Way::between(&landing, &owner).await;
        let path = open(owner.client).await;
        let poll = send(landing.client, "GET", &path, "", "").await;
        until(|| (owner.dialed() > 0).then_some(())).await;
        way.becomes(Fate::Cut);
        way.tried(1).await;
        // The client hangs up, and nobody can tell the owner.
        drop(poll);
        assert_eq!(owner.closed().await, "transport error");
        assert_eq!(owner.sessions(), 0);
    });
}

#[test]
fn a_refusal_ends_a_session_only_where_the_lease_has_lapsed() {
    run(async {
        let (owner, landing) = pair().await;
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = nobody.local_addr().unwrap();
        drop(nobody);
        let (incarnation, draining) = (owner.keys.incarnation(), false);
        let at = PeerAddress { address, draining };
        landing.directory.set(incarnation, Found::Here(at));
        let path = open(owner.client).await;
        assert_ok(&post(owner.client, &path, "4x").await, "ok");
        let mut poll = send(landing.client, "GET", &path, "", "").await;
        let waits = read(&mut poll);
        tokio::select! {
            answer = waits => panic!("{answer:?}"),
            () = tokio::time::sleep(std::time::Duration::from_millis(300)) => {}
        }
        landing.directory.set(incarnation, Found::Stale(at));
        assert_eq!(read(&mut poll).await.status, 400);
        landing.knows(&owner);
        assert_ok(&get(landing.client, &path).await, "4x");
    });
}

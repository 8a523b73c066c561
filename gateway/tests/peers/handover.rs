//! The one answer by which a session changes hands is lost, or is late: the session is had once all the same.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::{io, task, time};

use crate::client::{Ws, open, post};
use crate::fixture::Pod;
use crate::moving::{connect, is_moved};
use crate::run;
use crate::socketio::socket_pair;

/// What happens to the next answer.
#[derive(Clone, Copy)]
enum Next {
    Passes,
    /// It is not passed on, and its connection is closed.
    IsLost,
    IsLate(Duration),
}

/// A way to the owner's peer port.
#[derive(Clone)]
struct Way(Rc<Cell<Next>>);

impl Way {
    async fn between(landing: &Pod, owner: &Pod) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        landing.finds(owner.keys.incarnation(), port);
        let way = Self(Rc::new(Cell::new(Next::Passes)));
        let (serving, to) = (way.clone(), owner.peer);
        task::spawn_local(async move {
            while let Ok((landing, _)) = listener.accept().await {
                let owner = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                task::spawn_local(serving.clone().serve(landing, owner));
            }
        });
        way
    }

    async fn serve(self, landing: TcpStream, owner: TcpStream) {
        let ((mut asked, answers), (told, mut asks)) = (landing.into_split(), owner.into_split());
        tokio::select! {
            _ = io::copy(&mut asked, &mut asks) => {}
            () = self.answer(told, answers) => {}
        }
    }

    async fn answer(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            match self.0.replace(Next::Passes) {
                Next::Passes => {}
                Next::IsLost => return,
                Next::IsLate(by) => time::sleep(by).await,
            }
            if to.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    }
}

/// A session moves; what `next` says happens to the snapshot.
async fn move_with(next: Next) {
    let (owner, landing) = socket_pair().await;
    let way = Way::between(&landing.pod, &owner.pod).await;
    let path = open(owner.pod.client).await;
    connect(owner.pod.client, &path).await;
    assert_eq!(
        post(owner.pod.client, &path, "421[\"echo\",1]").await.body,
        "ok"
    );
    let mut fences = 0;
    *landing.at_fence.borrow_mut() = Some(Box::new(move || {
        fences += 1;
        // Behind the second one comes the question for the snapshot.
        if fences == 2 {
            way.0.set(next);
        }
        assert!(fences <= 2, "it is not begun anew");
        true
    }));
    let mut ws = Ws::open(landing.pod.client, &path).await.unwrap();
    ws.take_over().await;
    ws.send(1, b"422[\"echo\",2]").await;
    for answer in ["431[1]", "432[2]"] {
        ws.says(answer).await;
    }
    is_moved(&owner, &landing).await;
}

#[test]
fn an_answer_that_is_lost_is_told_again() {
    run(move_with(Next::IsLost));
}

#[test]
fn an_answer_that_is_late_is_waited_for() {
    // Later than the moving as a whole may be.
    run(move_with(Next::IsLate(Duration::from_secs(6))));
}

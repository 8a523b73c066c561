//! The acceptor: deals connections to the shard that has the fewest.

use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time;

use crate::transport::{Accepted, Gate, Port, Seat};

/// One shard's door, and how many connections it has.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) to: mpsc::UnboundedSender<Accepted>,
    pub(super) open: Arc<AtomicUsize>,
}

impl Door {
    /// A door, and what comes through it.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Accepted>) {
        let (to, accepted) = mpsc::unbounded_channel();
        (
            Self {
                to,
                open: Arc::default(),
            },
            accepted,
        )
    }
}

/// After an error such as a lack of descriptors, accepting again at once would only spin.
const PAUSE: Duration = Duration::from_millis(20);

/// The acceptor of a port, on the thread of one of the shards.
pub(super) struct Acceptor {
    pub(super) listener: StdTcpListener,
    pub(super) port: Port,
    pub(super) doors: Vec<Door>,
    /// The shard whose thread it is on: its connections need no other reactor.
    pub(super) home: usize,
}

impl Acceptor {
    /// Accepts until the task is dropped.
    pub(super) async fn run(self, gate: Rc<Gate>) {
        let Self {
            listener,
            port,
            doors,
            home,
        } = self;
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, ?port, "a port is not served"),
        };
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => deal(stream, (peer, port), &doors, home, &gate),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    time::sleep(PAUSE).await;
                }
            }
        }
    }
}

fn deal(
    stream: TcpStream,
    (peer, port): (SocketAddr, Port),
    doors: &[Door],
    home: usize,
    gate: &Rc<Gate>,
) {
    let doors = doors.iter().enumerate();
    let Some((shard, door)) = doors.min_by_key(|(_, door)| door.open.load(Ordering::Relaxed))
    else {
        return;
    };
    let seat = Seat::take(&door.open);
    if shard == home {
        gate.receive(stream, peer, port, seat);
    } else if let Ok(stream) = stream.into_std() {
        let accepted = Accepted {
            stream,
            peer,
            port,
            seat,
        };
        door.to.send(accepted).ok();
    }
}

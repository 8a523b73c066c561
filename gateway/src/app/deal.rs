//! The acceptor: deals connections to the shard that has the fewest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time;

use crate::transport::{Accepted, Seat};

/// One shard's door, and how many connections it has.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) to: mpsc::UnboundedSender<Accepted>,
    pub(super) open: Arc<AtomicUsize>,
}

/// After an error such as a lack of descriptors, accepting again at once would only spin.
const PAUSE: Duration = Duration::from_millis(20);

/// Accepts until the task is dropped.
pub(super) async fn accept(listener: TcpListener, doors: Vec<Door>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => deal(stream, peer, &doors),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                time::sleep(PAUSE).await;
            }
        }
    }
}

fn deal(stream: TcpStream, peer: SocketAddr, doors: &[Door]) {
    let fewest = doors
        .iter()
        .min_by_key(|door| door.open.load(Ordering::Relaxed));
    let (Some(door), Ok(stream)) = (fewest, stream.into_std()) else {
        return;
    };
    stream.set_nodelay(true).ok();
    let seat = Seat::take(&door.open);
    door.to.send(Accepted { stream, peer, seat }).ok();
}

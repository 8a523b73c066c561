//! Streams that are cut by age have a bound in bytes as well: who publishes more than was thought of fills no Redis.
//!
//! One process looks after it, the one that stores for all. What is cut early is missing for clients that come back, and for
//! nodes that start: they get new sessions.

use std::rc::Rc;
use std::time::Duration;

use tokio::time;

use super::Cluster;

/// Bytes of a stream, as its Redis counts them. Four times what a node keeps of it.
const LARGEST: u64 = 256 << 20;
/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);

impl Cluster {
    /// Cuts what is too large, for the life of the process.
    pub(super) async fn cap_streams(self: Rc<Self>) {
        let mut warned = false;
        loop {
            time::sleep(EVERY).await;
            let is_ours = self.storing.is_ours((self.now)());
            if !is_ours || (self.window)().is_none() {
                continue;
            }
            for stream in self.format.streams() {
                match self.link.cap_stream(&stream, LARGEST).await {
                    Ok(0) => {}
                    Ok(entries) => {
                        self.observer.error("stream_full");
                        if !std::mem::replace(&mut warned, true) {
                            tracing::warn!(
                                stream,
                                entries,
                                bytes = LARGEST,
                                "the stream holds all that it may: what is older is cut before the windows of recovery are over"
                            );
                        }
                    }
                    Err(error) => self.observer.error(error.label()),
                }
            }
        }
    }
}

//! Whether other servers on the same channels speak another format.
//!
//! A lease says what our own pods speak; Node servers are seen by what they listen to. In each mode that is another channel, so
//! that who listens there beside our own pods gives a mode away. Before that is known nothing of the streams adapter's pub/sub
//! is said: a classic server throws on it.

use std::{rc::Rc, time::Duration};

use tokio::time;

use super::{Cluster, format::Mode, members::Members};
use crate::bus::redis::LinkError;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);
/// How often while another mode is seen, or nothing is known yet.
const SOON: Duration = Duration::from_millis(500);

/// Seen so often in a row it is no pod of ours whose lease a Redis has just lost: each is renewed every five seconds.
const PERSISTS: u32 = 14;

/// Told of another mode that is in use, if one is.
pub type Told = Box<dyn Fn(Option<&'static str>)>;

impl Cluster {
    /// Looks now and then, for the life of the process.
    pub(super) async fn watch_modes(self: Rc<Self>, members: Members, told: Told) {
        let mut seen = 0;
        loop {
            let pause = match self.other_mode(&members).await {
                Ok(None) => {
                    seen = 0;
                    self.speaks_alone.set(true);
                    told(None);
                    EVERY
                }
                Ok(other) => {
                    seen += 1;
                    if seen >= PERSISTS {
                        self.speaks_alone.set(false);
                        told(other);
                    }
                    SOON
                }
                Err(_) => SOON,
            };
            time::sleep(pause).await;
        }
    }

    /// Another mode in which somebody listens; a pod of ours that has just started has its lease in the next heartbeat.
    async fn other_mode(&self, members: &Members) -> Result<Option<&'static str>, LinkError> {
        let seen = self.listeners_of_other_modes(members).await?;
        if seen.is_none() {
            return Ok(None);
        }
        members.refresh().await;
        self.listeners_of_other_modes(members).await
    }

    async fn listeners_of_other_modes(
        &self,
        members: &Members,
    ) -> Result<Option<&'static str>, LinkError> {
        let mode = self.format.mode();
        let namespaces = self.subscriptions.borrow().declared();
        for namespace in namespaces {
            let [request, main] = self.format.telling_channels(&namespace);
            let pods = members.live() as u64;
            if mode != Mode::Classic && self.link.numsub(&request).await? > pods {
                return Ok(Some("classic"));
            }
            if mode != Mode::Streams && self.link.numsub(&main).await? > 0 {
                return Ok(Some("streams"));
            }
            if mode != Mode::Sharded && self.shard_listeners(&main).await? > 0 {
                return Ok(Some("sharded"));
            }
        }
        Ok(None)
    }

    /// Redis before 7 has no sharded channels, hence nobody who listens to one.
    async fn shard_listeners(&self, channel: &str) -> Result<u64, LinkError> {
        match self.link.shardnumsub(channel).await {
            Err(LinkError::Server(_)) => Ok(0),
            other => other,
        }
    }
}

//! A slot of a Redis Cluster that is on its way to another node: keys that are there already are asked for there (`ASK`).

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redis::cluster_routing::SingleNodeRoutingInfo;
use redis::{Cmd, Pipeline, RedisError, Value, cluster_async::ClusterConnection};

/// The keys of a connection that were met on their way. The library tells of a pipeline only that some of it was refused, so what is
/// for these keys is sent one by one from then on.
#[derive(Clone, Default)]
pub(super) struct Migrating(Arc<Mutex<HashSet<Vec<u8>>>>);

/// So many keys are remembered.
const MOST: usize = 1024;

impl Migrating {
    /// A command for that key has got this error.
    pub(super) fn note(&self, error: &RedisError, key: Option<&[u8]>) {
        let Some(key) = key.filter(|_| asked(error).is_some()) else {
            return;
        };
        let mut keys = self.keys();
        if keys.len() < MOST {
            keys.insert(key.to_vec());
        }
    }

    /// Whether this one was met.
    pub(super) fn has(&self, key: Option<&[u8]>) -> bool {
        key.is_some_and(|key| self.keys().contains(key))
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a command done where its refusal says; any other error is given back.
pub(super) async fn follow(
    connection: &mut ClusterConnection,
    error: RedisError,
    command: &Cmd,
) -> Result<Value, RedisError> {
    let Some(node) = asked(&error) else {
        return Err(error);
    };
    let mut pipeline = Pipeline::new();
    pipeline
        .add_command(redis::cmd("ASKING"))
        .add_command(command.clone());
    let answers = connection.route_pipeline(pipeline, 1, 1, node).await?;
    let answer = answers.into_iter().next().ok_or(error)?;
    answer.extract_error()
}

/// The node that has the key already.
fn asked(error: &RedisError) -> Option<SingleNodeRoutingInfo> {
    if error.code() != Some("ASK") {
        return None;
    }
    let (address, _) = error.redirect_node()?;
    let (host, port) = address.rsplit_once(':')?;
    Some(SingleNodeRoutingInfo::ByAddress {
        host: host.to_owned(),
        port: port.parse().ok()?,
    })
}

//! Commands that change what a connection listens to.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Subscription, connection::Connection, error::LinkError};

/// So many channels go into one command.
pub(super) const BATCH: usize = 1024;
/// So many commands are under way in a cluster.
const AT_ONCE: usize = 64;

/// Listens to channels; what it returns is refused.
pub(super) async fn subscribe(
    connection: Connection,
    all: Vec<Subscription>,
) -> Result<Vec<Subscription>, LinkError> {
    each(connection, all, ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]).await
}

/// Listens to them no more.
pub(super) async fn unsubscribe(
    connection: Connection,
    all: Vec<Subscription>,
) -> Result<Vec<Subscription>, LinkError> {
    each(
        connection,
        all,
        ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"],
    )
    .await
}

/// One command for each kind of channel; in a cluster one for each sharded channel, as they lie on different nodes. Returns those
/// whose node is away.
async fn each(
    connection: Connection,
    all: Vec<Subscription>,
    verbs: [&'static str; 3],
) -> Result<Vec<Subscription>, LinkError> {
    let mut names: [Vec<String>; 3] = Default::default();
    for subscription in all {
        match subscription {
            Subscription::Channel(name) => names[0].push(name),
            Subscription::Pattern(name) => names[1].push(name),
            Subscription::Sharded(name) => names[2].push(name),
        }
    }
    let is_cluster = connection.is_cluster();
    let at_once = if is_cluster { AT_ONCE } else { 1 };
    let mut commands = Vec::new();
    for (names, verb) in names.iter().zip(verbs) {
        let is_on_its_node = is_cluster && verb == verbs[2];
        for names in names.chunks(if is_on_its_node { 1 } else { BATCH }) {
            let mut command = redis::cmd(verb);
            command.arg(names);
            let may_be_away = is_on_its_node.then(|| names.to_vec());
            commands.push((command, may_be_away));
        }
    }
    let refused = stream::iter(commands)
        .map(|(command, may_be_away)| {
            let mut connection = connection.clone();
            async move {
                match (connection.send_soon(&command).await, may_be_away) {
                    (Ok(_), _) => Ok(Vec::new()),
                    (Err(LinkError::Moved | LinkError::Closed), Some(names)) => Ok(names),
                    (Err(error), _) => Err(error),
                }
            }
        })
        .buffer_unordered(at_once)
        .try_concat()
        .await?;
    Ok(refused.into_iter().map(Subscription::Sharded).collect())
}

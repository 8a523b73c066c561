//! A reader of streams, on a connection of its own: each read waits for entries.

use std::{collections::BTreeMap, time::Duration};

use redis::Value;
use tokio::{sync::mpsc, time::Instant};

use super::{
    Settings,
    connect::{Connection, patiently},
    error::LinkError,
    listen::Pause,
};

/// One entry of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    /// The stream.
    pub stream: String,
    /// The id of the entry.
    pub id: String,
    /// Its fields and values, one after the other.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a reader tells.
#[derive(Debug)]
pub enum StreamEvent {
    /// The positions are known, or known again: from here on every entry comes.
    Up,
    /// Redis does not answer; it goes on from where it was.
    Down(LinkError),
    /// An entry.
    Entry(Entries),
}

/// How long a read waits for entries.
const BLOCK: Duration = Duration::from_secs(2);
/// At most so many entries of a stream come at once.
const COUNT: usize = 500;
/// Beyond the wait of the read itself.
const GRACE: Duration = Duration::from_secs(2);

/// Reads from the present end of the streams on, for the life of the process; what the receiver does not take waits in Redis.
pub async fn read_streams(settings: Settings, streams: Vec<String>, to: mpsc::Sender<StreamEvent>) {
    let mut positions: BTreeMap<String, String> = BTreeMap::new();
    let mut pause = Pause::default();
    loop {
        let began = Instant::now();
        let Err(error) = follow(&settings, &streams, &mut positions, &to).await else {
            return;
        };
        if to.send(StreamEvent::Down(error)).await.is_err() {
            return;
        }
        pause.worked_since(began);
        pause.wait().await;
    }
}

/// Reads until the connection fails; `Ok` when nobody listens any more.
async fn follow(
    settings: &Settings,
    streams: &[String],
    positions: &mut BTreeMap<String, String>,
    to: &mpsc::Sender<StreamEvent>,
) -> Result<(), LinkError> {
    let mut connection = settings.url.connect(None).await?;
    for stream in streams {
        if !positions.contains_key(stream) {
            let last = last_id(&mut connection, stream).await?;
            positions.insert(stream.clone(), last);
        }
    }
    if to.send(StreamEvent::Up).await.is_err() {
        return Ok(());
    }
    loop {
        for entry in read(&mut connection, positions).await? {
            positions.insert(entry.stream.clone(), entry.id.clone());
            if to.send(StreamEvent::Entry(entry)).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// The id of the last entry, so that nothing is missed between this and the first read, as it can be with `$`.
async fn last_id(connection: &mut Connection, stream: &str) -> Result<String, LinkError> {
    let mut command = redis::cmd("XREVRANGE");
    command.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
    let found = patiently(GRACE, connection.send(&command)).await??;
    let found: Vec<(String, Value)> =
        redis::from_redis_value(found).map_err(|_| LinkError::Protocol)?;
    Ok(found
        .into_iter()
        .next()
        .map_or_else(|| "0-0".to_owned(), |(id, _)| id))
}

async fn read(
    connection: &mut Connection,
    positions: &BTreeMap<String, String>,
) -> Result<Vec<Entries>, LinkError> {
    let mut command = redis::cmd("XREAD");
    command
        .arg("BLOCK")
        .arg(BLOCK.as_millis() as u64)
        .arg("COUNT")
        .arg(COUNT)
        .arg("STREAMS");
    positions.keys().for_each(|stream| _ = command.arg(stream));
    positions.values().for_each(|id| _ = command.arg(id));
    let answer = patiently(BLOCK + GRACE, connection.send(&command)).await??;
    if answer == Value::Nil {
        return Ok(Vec::new());
    }
    type Stream = (String, Vec<(String, Vec<(Vec<u8>, Vec<u8>)>)>);
    let streams: Vec<Stream> = redis::from_redis_value(answer).map_err(|_| LinkError::Protocol)?;
    let entries = streams.into_iter().flat_map(|(stream, entries)| {
        entries.into_iter().map(move |(id, fields)| Entries {
            stream: stream.clone(),
            id,
            fields,
        })
    });
    Ok(entries.collect())
}

//! A reader of streams, on a connection of its own: each read waits for entries.

use std::{collections::BTreeMap, time::Duration};

use redis::Value;
use tokio::sync::mpsc;

use super::{
    Settings,
    connect::{Connection, patiently},
    error::LinkError,
    pause::Pause,
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

impl Entries {
    fn size(&self) -> usize {
        let fields = self.fields.iter();
        fields.map(|(name, value)| name.len() + value.len()).sum()
    }
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
const MOST: usize = 500;
/// And so many at first, until it is known how large they are.
const FIRST: usize = 16;
/// A read is to bring no more bytes than about this.
const BYTES: usize = 1 << 20;
/// Beyond the wait of the read itself.
const GRACE: Duration = Duration::from_secs(2);

/// Reads from the present end of the streams on, for the life of the process; what the receiver does not take waits in Redis.
pub async fn read_streams(settings: Settings, streams: Vec<String>, to: mpsc::Sender<StreamEvent>) {
    if !settings.url.is_cluster() {
        return read_group(&settings, streams, &to).await;
    }
    // Each lies on a node of its own, and a read waits on one node.
    let (together_to, together) = mpsc::channel(1);
    let count = streams.len();
    let readers = streams.into_iter().enumerate().map(|(index, stream)| {
        let (settings, together) = (settings.clone(), together_to.clone());
        async move {
            let (one_to, mut one) = mpsc::channel(1);
            let read = read_group(&settings, vec![stream], &one_to);
            let pass = async {
                while let Some(event) = one.recv().await
                    && together.send((index, event)).await.is_ok()
                {}
            };
            tokio::select! {
                () = read => {}
                () = pass => {}
            }
        }
    });
    let all = futures_util::future::join_all(readers);
    tokio::select! {
        _ = all => {}
        () = join(together, count, &to) => {}
    }
}

/// Makes one reader of many: up while all of them are.
async fn join(
    mut from: mpsc::Receiver<(usize, StreamEvent)>,
    count: usize,
    to: &mpsc::Sender<StreamEvent>,
) {
    let mut up = vec![false; count];
    while let Some((index, event)) = from.recv().await {
        let was_up = up.iter().all(|up| *up);
        let tell = match &event {
            StreamEvent::Up => {
                up[index] = true;
                !was_up && up.iter().all(|up| *up)
            }
            StreamEvent::Down(_) => {
                up[index] = false;
                true
            }
            StreamEvent::Entry(_) => true,
        };
        if tell && to.send(event).await.is_err() {
            return;
        }
    }
}

async fn read_group(settings: &Settings, streams: Vec<String>, to: &mpsc::Sender<StreamEvent>) {
    let mut positions: BTreeMap<String, String> = BTreeMap::new();
    let mut pause = Pause::default();
    loop {
        pause.begins();
        let Err(error) = follow(settings, &streams, &mut positions, to).await else {
            return;
        };
        if to.send(StreamEvent::Down(error)).await.is_err() {
            return;
        }
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
    let mut count = FIRST;
    loop {
        let entries = read(&mut connection, positions, count).await?;
        let bytes: usize = entries.iter().map(Entries::size).sum();
        count = match bytes {
            0 => FIRST,
            // So many of this size.
            _ => (entries.len() * BYTES / bytes).clamp(1, MOST),
        };
        for entry in entries {
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
    count: usize,
) -> Result<Vec<Entries>, LinkError> {
    let mut command = redis::cmd("XREAD");
    command
        .arg("BLOCK")
        .arg(BLOCK.as_millis() as u64)
        .arg("COUNT")
        .arg(count)
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

//! A reader of streams, on a connection of its own: each read waits for entries.
//!
//! It begins with what clients that come back may have missed before this process was there ([`StreamEvent::Past`]), and
//! goes on, also after a break, from where it was.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use redis::Value;
use tokio::sync::mpsc;

use self::extent::Extent;
use crate::id::EntryId;

mod extent;

use super::{Settings, connect::patiently, connection::Connection, error::LinkError, pause::Pause};

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
    /// All that was there when they were up has come.
    CaughtUp,
    /// Redis does not answer; it goes on from where it was.
    Down(LinkError),
    /// An entry.
    Entry(Entries),
    /// An entry that was there before this process, so old.
    Past(Entries, Duration),
    /// A stream begins to be read.
    Begin {
        /// Which.
        stream: String,
        /// All that is later than this has come, or comes.
        known: EntryId,
        /// What comes from now on is later than this.
        head: EntryId,
    },
    /// What was not read yet was cut off: something may be missing up to this entry.
    Gap {
        /// The stream.
        stream: String,
        /// The last id that may be missing.
        upto: EntryId,
    },
}

/// How much of the past is read first, if any.
pub type Past = Arc<dyn Fn() -> Option<Duration> + Send + Sync>;

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

/// Reads the past and then from the present end of the streams on, for the life of the process; what the receiver does not take waits in Redis.
pub async fn read_streams(
    settings: Settings,
    streams: Vec<String>,
    past: Past,
    to: mpsc::Sender<StreamEvent>,
) {
    if !settings.source.is_cluster() {
        return read_group(&settings, streams, &past, &to).await;
    }
    // Each lies on a node of its own, and a read waits on one node.
    let (together_to, together) = mpsc::channel(1);
    let count = streams.len();
    let readers = streams.into_iter().enumerate().map(|(index, stream)| {
        let (settings, together) = (settings.clone(), together_to.clone());
        let past = Arc::clone(&past);
        async move {
            let (one_to, mut one) = mpsc::channel(1);
            let read = read_group(&settings, vec![stream], &past, &one_to);
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
    let (mut up, mut caught_up) = (vec![false; count], vec![false; count]);
    while let Some((index, event)) = from.recv().await {
        let tell = match &event {
            StreamEvent::Up => is_last_of(&mut up, index),
            StreamEvent::CaughtUp => is_last_of(&mut caught_up, index),
            StreamEvent::Down(_) => {
                (up[index], caught_up[index]) = (false, false);
                true
            }
            StreamEvent::Entry(_)
            | StreamEvent::Past(..)
            | StreamEvent::Begin { .. }
            | StreamEvent::Gap { .. } => true,
        };
        if tell && to.send(event).await.is_err() {
            return;
        }
    }
}

/// Notes one; whether all are now, and were not before.
fn is_last_of(all: &mut [bool], index: usize) -> bool {
    let was_missing = !std::mem::replace(&mut all[index], true);
    was_missing && all.iter().all(|one| *one)
}

async fn read_group(
    settings: &Settings,
    streams: Vec<String>,
    past: &Past,
    to: &mpsc::Sender<StreamEvent>,
) {
    let mut positions: BTreeMap<String, EntryId> = BTreeMap::new();
    let mut pause = Pause::default();
    loop {
        pause.begins();
        let Err(error) = follow(settings, &streams, past, &mut positions, to).await else {
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
    past: &Past,
    positions: &mut BTreeMap<String, EntryId>,
    to: &mpsc::Sender<StreamEvent>,
) -> Result<(), LinkError> {
    let url = settings.source.url();
    let mut connection = url.connect(None).await?;
    let mut heads = Vec::new();
    for stream in streams {
        let extent = Extent::of(&mut connection, stream, past()).await?;
        heads.push((stream, extent.last));
        match positions.get(stream) {
            Some(position) => {
                if let Some(upto) = extent.cut_after(*position) {
                    let stream = stream.clone();
                    if to.send(StreamEvent::Gap { stream, upto }).await.is_err() {
                        return Ok(());
                    }
                }
            }
            None => {
                let Some(head) =
                    begin(&mut connection, stream, &extent, past().is_some(), to).await?
                else {
                    return Ok(());
                };
                positions.insert(stream.clone(), head);
            }
        }
    }
    if to.send(StreamEvent::Up).await.is_err() {
        return Ok(());
    }
    let (mut count, mut is_behind) = (FIRST, true);
    loop {
        let wait = (!is_behind).then_some(BLOCK);
        let entries = tokio::select! {
            entries = read(&mut connection, positions, count, wait) => entries?,
            () = settings.source.leaves(&url) => return Err(LinkError::Elsewhere),
        };
        let is_all = entries.is_empty();
        count = next_count(&entries);
        for entry in entries {
            if let Ok(id) = entry.id.parse() {
                positions.insert(entry.stream.clone(), id);
            }
            if to.send(StreamEvent::Entry(entry)).await.is_err() {
                return Ok(());
            }
        }
        let has_read = |(stream, head): &(&String, _)| positions.get(*stream) >= Some(head);
        if is_behind && (is_all || heads.iter().all(has_read)) {
            is_behind = false;
            if to.send(StreamEvent::CaughtUp).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Reads what a stream has of the past; returns its last id, or `None` when nobody listens any more.
async fn begin(
    connection: &mut Connection,
    stream: &str,
    extent: &Extent,
    has_past: bool,
    to: &mpsc::Sender<StreamEvent>,
) -> Result<Option<EntryId>, LinkError> {
    let head = extent.last;
    let known = if has_past { extent.known() } else { head };
    let (mut from, mut count) = (known, FIRST);
    while from < head {
        let entries = read_range(connection, stream, from, head, count).await?;
        count = next_count(&entries);
        let Some(last) = entries.last().and_then(|last| last.id.parse().ok()) else {
            break;
        };
        from = last;
        for entry in entries {
            let age = extent.age(&entry.id);
            if to.send(StreamEvent::Past(entry, age)).await.is_err() {
                return Ok(None);
            }
        }
    }
    let stream = stream.to_owned();
    let begins = StreamEvent::Begin {
        stream,
        known,
        head,
    };
    Ok(to.send(begins).await.is_ok().then_some(head))
}

/// How many entries of this size a read may bring.
fn next_count(entries: &[Entries]) -> usize {
    let bytes: usize = entries.iter().map(Entries::size).sum();
    match bytes {
        0 => FIRST,
        _ => (entries.len() * BYTES / bytes).clamp(1, MOST),
    }
}

/// The entries after one id and up to another one.
async fn read_range(
    connection: &mut Connection,
    stream: &str,
    after: EntryId,
    upto: EntryId,
    count: usize,
) -> Result<Vec<Entries>, LinkError> {
    let mut command = redis::cmd("XRANGE");
    command
        .arg(stream)
        .arg(after.next().to_string())
        .arg(upto.to_string())
        .arg("COUNT")
        .arg(count);
    let answer = patiently(GRACE, connection.send(&command)).await??;
    let entries: Vec<(String, Vec<(Vec<u8>, Vec<u8>)>)> =
        redis::from_redis_value(answer).map_err(|_| LinkError::Protocol)?;
    let entries = entries.into_iter().map(|(id, fields)| Entries {
        stream: stream.to_owned(),
        id,
        fields,
    });
    Ok(entries.collect())
}

/// The next entries; without a wait those that are there.
async fn read(
    connection: &mut Connection,
    positions: &BTreeMap<String, EntryId>,
    count: usize,
    wait: Option<Duration>,
) -> Result<Vec<Entries>, LinkError> {
    let mut command = redis::cmd("XREAD");
    if let Some(wait) = wait {
        command.arg("BLOCK").arg(wait.as_millis() as u64);
    }
    command.arg("COUNT").arg(count).arg("STREAMS");
    positions.keys().for_each(|stream| _ = command.arg(stream));
    positions
        .values()
        .for_each(|id| _ = command.arg(id.to_string()));
    let answer = patiently(wait.unwrap_or_default() + GRACE, connection.send(&command)).await??;
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

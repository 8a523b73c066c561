//! The past of rooms that all processes share: a list a room in Redis.
//!
//! Who accepts a message appends it by one script, which gives it its id, `<ms>-<seq>` of Redis's own clock, so that ids
//! grow with the order of the lists. It is appended before it is published, and whoever has heard it finds it there.
//! An entry is its id, a space, a line of JSON, and the bytes of its attachments.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{
    Bus,
    broadcast::{Broadcast, EntryId, HistoryLimits, Keep, Mark, Source},
    history::{Past, Replay, kept_rooms},
    redis::{LinkError, Publish, Value, from_redis_value},
    remote::Remote,
};
use crate::socket::{encode, packet::Args};
use crate::target::Target;

/// The line of an entry.
#[derive(Serialize, Deserialize)]
struct Line {
    mark: u64,
    rooms: Vec<String>,
    /// The array `["name",…arguments]`.
    event: String,
    /// How long each attachment is.
    binary: Vec<usize>,
}

/// The command that appends a message, if it is of the kind that is kept.
pub(super) fn append(remote: &Remote, broadcast: &Broadcast) -> Option<Publish> {
    let keep = broadcast.keep.as_ref()?;
    let rooms = kept_rooms(broadcast);
    if rooms.is_empty() {
        return None;
    }
    let mut keys = vec![remote.key("history")];
    let names = rooms
        .iter()
        .map(|(namespace, room)| key(remote, namespace, room));
    keys.extend(names);
    let size = keep.limits.size.to_string();
    let ttl = keep.limits.ttl.as_millis().to_string();
    let entry = line(broadcast, keep);
    let arguments: [&[u8]; 3] = [size.as_bytes(), ttl.as_bytes(), &entry];
    Some(Publish::script(APPEND, &keys, &arguments))
}

fn line(broadcast: &Broadcast, keep: &Keep) -> Vec<u8> {
    let Keep {
        name,
        args,
        attachments,
        ..
    } = keep;
    let comma = if args.is_empty() { "" } else { "," };
    let line = Line {
        mark: broadcast.mark.map_or(0, |mark| mark.0),
        rooms: broadcast
            .target
            .rooms
            .iter()
            .map(|room| (**room).to_owned())
            .collect(),
        event: format!("[{name}{comma}{args}]"),
        binary: attachments.iter().map(Bytes::len).collect(),
    };
    // A map with text keys can always be written.
    let mut entry = serde_json::to_vec(&line).unwrap_or_default();
    entry.push(b'\n');
    attachments
        .iter()
        .for_each(|bytes| entry.extend_from_slice(bytes));
    entry
}

impl Bus {
    /// Reads the past of rooms that all processes share; while Redis is away, what this process has heard. The question is
    /// asked before this returns: what is published later is not in the answer.
    pub fn recall(
        &self,
        past: &Past<'_>,
        limits: HistoryLimits,
        now: Instant,
    ) -> impl Future<Output = Replay> + Send + use<> {
        let asked = self.remote().map(|remote| ask(remote, past, limits));
        let bus = self.clone();
        let namespace: Arc<str> = past.namespace.into();
        let rooms = past.rooms.to_vec();
        let (since, last) = (past.since, past.last);
        async move {
            let here = || {
                let past = Past {
                    namespace: &namespace,
                    rooms: &rooms,
                    since,
                    last,
                };
                bus.history(&past, now)
            };
            let Some(asked) = asked else { return here() };
            let Ok(Ok(answer)) = asked.await else {
                return here();
            };
            let entries: Vec<Bytes> = from_redis_value::<Vec<Vec<u8>>>(answer)
                .unwrap_or_default()
                .into_iter()
                .map(Bytes::from)
                .collect();
            let entries = entries.iter();
            let mut entries: Vec<Broadcast> = entries
                .filter_map(|entry| read(&namespace, entry, limits, now))
                .collect();
            entries.sort_unstable_by_key(|entry| entry.entry);
            entries.dedup_by_key(|entry| entry.entry);
            Replay {
                head: entries.last().and_then(|last| last.entry).unwrap_or(NONE),
                entries: entries.into_iter().map(Arc::new).collect(),
            }
        }
    }
}

fn ask(
    remote: &Remote,
    past: &Past<'_>,
    limits: HistoryLimits,
) -> oneshot::Receiver<Result<Value, LinkError>> {
    let rooms = past.rooms.iter();
    let keys: Vec<String> = rooms
        .map(|room| key(remote, past.namespace, room))
        .collect();
    let since = past.since.unwrap_or(NONE);
    let arguments = [
        limits.ttl.as_millis().to_string(),
        past.last.min(limits.size).to_string(),
        since.millis.to_string(),
        since.sequence.to_string(),
    ];
    remote.script(READ, &keys, &arguments)
}

/// An entry as it would be replayed; `None` for what is none.
fn read(
    namespace: &Arc<str>,
    entry: &Bytes,
    limits: HistoryLimits,
    now: Instant,
) -> Option<Broadcast> {
    let space = memchr::memchr(b' ', entry)?;
    let end = memchr::memchr(b'\n', entry)?;
    let id: EntryId = std::str::from_utf8(entry.get(..space)?)
        .ok()?
        .parse()
        .ok()?;
    let line: Line = serde_json::from_slice(entry.get(space + 1..end)?).ok()?;
    let mut rest = entry.slice(end + 1..);
    let mut attachments = Vec::with_capacity(line.binary.len().min(rest.len()));
    for length in line.binary {
        attachments.push((length <= rest.len()).then(|| rest.split_to(length))?);
    }
    let (name, args) = Args::after_name(&line.event).ok()?;
    let name = name.filter(|name| name.starts_with('"'))?;
    let mut frames = Vec::with_capacity(32 + namespace.len() + line.event.len());
    encode::event(
        &mut frames,
        namespace,
        None,
        name,
        args.text(),
        &attachments,
    );
    let frames = Bytes::from(frames);
    let target = Target {
        namespace: Arc::clone(namespace),
        rooms: line.rooms.into_iter().map(Arc::from).collect(),
        except: Vec::new(),
    };
    let mut broadcast = Broadcast::new(target, frames.clone(), now, Source::Bus);
    broadcast.entry = Some(id);
    broadcast.mark = Some(Mark(line.mark));
    broadcast.keep = Some(Keep {
        limits,
        recovery: None,
        name: name.into(),
        args: args.text().into(),
        attachments,
        frames,
    });
    Some(broadcast)
}

/// Where the past of a room lies; a namespace has no colon in its name.
fn key(remote: &Remote, namespace: &str, room: &str) -> String {
    remote.key(&format!("history:{namespace}:{room}"))
}

/// Before every id.
const NONE: EntryId = EntryId {
    millis: 0,
    sequence: 0,
};

/// KEYS the last id, then the rooms; ARGV size, ttl, entry. The id is greater than all before.
const APPEND: &str = r"
local time = redis.call('TIME')
local ms, seq = time[1] * 1000 + math.floor(time[2] / 1000), 0
local last_ms, last_seq = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+)-(%d+)$')
if last_ms and tonumber(last_ms) >= ms then ms, seq = tonumber(last_ms), tonumber(last_seq) + 1 end
local id = string.format('%.0f-%.0f', ms, seq)
redis.call('SET', KEYS[1], id, 'PX', 604800000)
for i = 2, #KEYS do
  redis.call('RPUSH', KEYS[i], id .. ' ' .. ARGV[3])
  redis.call('LTRIM', KEYS[i], -tonumber(ARGV[1]), -1)
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
return id
";

/// KEYS the rooms; ARGV ttl, how many of each room, and after which id: its milliseconds, its sequence.
const READ: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl, last, ms, seq = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local found = {}
if last < 1 then return found end
for _, key in ipairs(KEYS) do
  for _, entry in ipairs(redis.call('LRANGE', key, -last, -1)) do
    local m, s = string.match(entry, '^(%d+)-(%d+) ')
    m, s = tonumber(m), tonumber(s)
    if m and m > now - ttl and (m > ms or (m == ms and s > seq)) then found[#found + 1] = entry end
  end
end
return found
";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bus::remote::Hears;

    fn kept(rooms: &[&str], args: &str, attachments: Vec<Bytes>) -> Broadcast {
        let target = Target {
            namespace: "/n".into(),
            rooms: rooms.iter().map(|room| (*room).into()).collect(),
            except: Vec::new(),
        };
        let mut broadcast = Broadcast::new(target, Bytes::new(), Instant::now(), Source::Http);
        broadcast.mark = Some(Mark::own(7, 1));
        broadcast.keep = Some(Keep {
            limits: LIMITS,
            recovery: None,
            name: "\"e\"".into(),
            args: args.into(),
            attachments,
            frames: Bytes::new(),
        });
        broadcast
    }

    const LIMITS: HistoryLimits = HistoryLimits {
        size: 3,
        ttl: Duration::from_secs(9),
    };

    fn stored(broadcast: &Broadcast) -> Bytes {
        let mut entry = b"12-3 ".to_vec();
        entry.extend(line(broadcast, broadcast.keep.as_ref().unwrap()));
        entry.into()
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let binary = r#"{"_placeholder":true,"num":0},"\n""#;
        for (args, attachments) in [
            ("", vec![]),
            (r#"1,{"a":"x y"}"#, vec![]),
            (binary, vec![Bytes::from_static(b"\n \0")]),
        ] {
            let written = kept(&["a", "b"], args, attachments);
            let found = read(&"/n".into(), &stored(&written), LIMITS, Instant::now()).unwrap();
            let (was, is) = (written.keep.unwrap(), found.keep.unwrap());
            assert_eq!((was.name, was.args), (is.name, is.args));
            assert_eq!(was.attachments, is.attachments);
            assert_eq!(found.target, written.target);
            assert_eq!(found.mark, written.mark);
            assert_eq!(found.entry.unwrap().to_string(), "12-3");
            assert_eq!(found.frames, is.frames);
        }
    }

    #[test]
    fn what_is_no_entry_is_left_out() {
        for text in [
            "",
            "12-3",
            "12-3 \n",
            "x {}\n",
            r#"1-1 {"mark":1,"rooms":[],"event":"[1]","binary":[]}"#,
            "1-1 {\"mark\":1,\"rooms\":[],\"event\":\"[1]\",\"binary\":[]}\n",
            "1-1 {\"mark\":1,\"rooms\":[],\"event\":\"[\\\"e\\\"]\",\"binary\":[9]}\nshort",
        ] {
            let entry = Bytes::copy_from_slice(text.as_bytes());
            let found = read(&"/n".into(), &entry, LIMITS, Instant::now());
            assert!(found.is_none(), "{text}");
        }
    }

    #[test]
    fn only_what_is_kept_is_appended() {
        let (remote, _outgoing) =
            Remote::new(1, "classic", Hears::Everything, None, Duration::ZERO, "p");
        let mut broadcast = kept(&["a"], "", vec![]);
        assert!(append(&remote, &broadcast).is_some());
        broadcast.volatile = true;
        assert!(append(&remote, &broadcast).is_none());
        assert!(append(&remote, &kept(&["-_own"], "", vec![])).is_none());
        assert_eq!(key(&remote, "/n", "a:b"), "{p:carillon}:history:/n:a:b");
    }

    #[test]
    fn marks_of_one_process_have_an_order() {
        for (one, other, expected) in [
            (Mark::own(1, 1), Mark::own(1, 1), true),
            (Mark::own(1, 1), Mark::own(1, 2), true),
            (Mark::own(1, 2), Mark::own(1, 1), false),
            (Mark::own(1, u32::MAX), Mark::own(1, 3), true),
            (Mark::own(2, 1), Mark::own(1, 2), false),
        ] {
            assert_eq!(one.is_up_to(other), expected, "{one:?} {other:?}");
        }
        let content = Mark::of_content(&Target::room("/", "a"), "[]", &[]);
        assert!(content.is_foreign() && !content.is_up_to(content));
        assert!(!Mark::own(u32::MAX, 0).is_foreign());
        assert_ne!(
            content,
            Mark::of_content(&Target::room("/", "b"), "[]", &[])
        );
    }
}

//! The records of sessions in Redis: an older one never takes the place of a newer one, however late it comes.
//!
//! Several processes write one record in the course of its life, and what one of them has sent may reach Redis after all that the
//! next one did: held up on a connection that was given up, or written by an owner that has not heard that it is none any
//! more. So each writing has a [`Version`], and beside the record lies its *mark*: the last version that was accepted, and
//! the time at which the session was taken last.
//!
//! 1. Redis gives times of taking out, each later than all before, and whoever takes a session writes with that time. Where a socket goes
//!    on without being taken, because its websocket has moved or Redis is away, only the process that had it gives it away, and only
//!    once. So no two sockets write with the same version, and the one to which the client has come last has the greatest.
//! 2. A writing is refused if its version is not greater than the accepted one. So when both are there, the record is that of the latest
//!    socket, in whatever order they came.
//! 3. Taking leaves the mark. What a former owner writes until the new one has written is replaced by that, and refused
//!    afterwards. It is not refused at once: an owner that is asked may just have saved the session, which is read then.
//! 4. Taking leaves the record too: whoever has taken it may die before it writes. Until it has written, the time of the taking is
//!    later than the last version, by which others who ask know that it is under way: their client had come to the taker first, and
//!    has lost it again. They wait for the taker to write, and take the record [from the mark](Claim::From) if it does not. Of several
//!    that have waited for one mark only one can: it leaves another, and the others wait for it as for any taker.
//! 5. Node's adapter knows no marks. Where a record is not there any more that a socket has taken or written, or it is one of
//!    Node's that it has not taken, and none of ours has taken it since, it was taken by Node: that socket writes no more, until its
//!    mark has run out. What Node takes and saves again between our taking of a record of its own and our writing cannot be told from
//!    what we took, and is replaced.
//!
//! Without a mark anything is accepted: a new session, one of Node's, and all of a Redis that has lost its data.

use std::time::Duration;

use crate::bus::redis::{Publish, Value, from_redis_value};
use crate::id::Version;

/// Nothing is under way longer than that; so long a record lives at least that was taken.
const A_WHILE: Duration = Duration::from_secs(60);

/// Writes a record, for so long. The answer is 1, or 0 where a newer one was written.
pub fn write(key: String, version: Version, record: &str, ttl: Duration) -> Publish {
    let ttl = ttl.as_millis().to_string();
    let arguments = [&version.to_string(), record, &ttl];
    Publish::script(WRITE, &with_mark(key), &arguments).probe()
}

/// Erases a record, if none is written that is newer; nothing older is written afterwards.
pub fn erase(key: String, version: Version) -> Publish {
    write(key, version, "", A_WHILE)
}

/// By which right a record is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Claim {
    /// Only one that nobody else has just taken.
    #[default]
    Free,
    /// The same, or what was written since it was taken by whoever left this [mark](Taken::mark).
    Since(Box<str>),
    /// The same, or one whose mark is still this one: who left it has not written in all the time that it was given.
    From(Box<str>),
}

/// Takes a record. It stays until it is written again.
pub fn take(key: String, claim: &Claim) -> Publish {
    let ttl = A_WHILE.as_millis().to_string();
    let (since, from) = match claim {
        Claim::Free => ("", ""),
        Claim::Since(mark) => (&**mark, ""),
        Claim::From(mark) => ("", &**mark),
    };
    Publish::script(TAKE, &with_mark(key), &[&*ttl, since, from])
}

/// A record that was taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    /// As it was written.
    pub record: Vec<u8>,
    /// Of whoever has it now.
    pub version: Version,
    /// The last version that was accepted before, as text; empty if there was none.
    pub last: Box<str>,
    /// What was left beside it.
    pub mark: Box<str>,
}

/// The mark of whoever has taken the session and has not written it yet.
pub fn under_way(answer: &Value) -> Option<Box<str>> {
    match answer {
        Value::BulkString(mark) => Some(String::from_utf8_lossy(mark).into()),
        _ => None,
    }
}

/// The part of a mark that differs from taker to taker, whatever was written since.
pub fn taker(mark: &str) -> &str {
    mark.get(..16).unwrap_or(mark)
}

/// What taking has found.
pub fn taken(answer: Value) -> Option<Taken> {
    let found: Option<(Vec<u8>, u64, String)> = from_redis_value(answer).ok()?;
    found.map(|(record, at, last)| Taken {
        record,
        version: Version::taken(at),
        mark: format!("{at:016}{last}").into(),
        last: last.into(),
    })
}

/// The record and its mark, which lie in one slot of a Redis Cluster.
fn with_mark(key: String) -> [String; 2] {
    let mark = format!("{{{key}}}:version");
    [key, mark]
}

/// KEYS the record, its mark; ARGV the version, the record or nothing, milliseconds. A mark is the time of the last taking, in 16 digits,
/// and the version: 16 digits of the taking, 10 of the moves, 16 of the writings. In base64 a map of four fields, as Node writes it, begins with
/// an h, and one of ours, which has more, does not. The mark is written first: it must not outlive the record.
const WRITE: &str = r"
local mark = redis.call('GET', KEYS[2]) or ''
local taken, last = string.sub(mark, 1, 16), string.sub(mark, 17)
local own = string.sub(ARGV[1], 1, 16)
if ARGV[1] <= last then return 0 end
if taken == own then
  local is_first = string.sub(last, 1, 16) < own
  local is_next = string.sub(last, 1, 26) == string.sub(ARGV[1], 1, 26)
  local there = redis.call('GETRANGE', KEYS[1], 0, 0)
  if (is_first or is_next) and there == '' or is_next and there == 'h' then
    if is_first then redis.call('SET', KEYS[2], taken .. ARGV[1], 'PX', ARGV[3]) end
    return 0
  end
end
if taken < own then taken = own end
redis.call('SET', KEYS[2], taken .. ARGV[1], 'PX', ARGV[3])
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
";

/// KEYS the record, its mark; ARGV for how many milliseconds both are kept at least, and of the claim the mark since which, and the
/// one from which. Answers the record, the time, and the version of the mark; the mark where another one has just taken it; or nothing.
const TAKE: &str = r"
local found = redis.call('GET', KEYS[1])
if not found then return false end
local mark = redis.call('GET', KEYS[2]) or ''
local before, last = string.sub(mark, 1, 16), string.sub(mark, 17)
if before > string.sub(last, 1, 16) and mark ~= ARGV[3] then
  local is_news = before == string.sub(ARGV[2], 1, 16) and mark ~= ARGV[2]
  if not is_news then return mark end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken = math.max(now, (tonumber(before) or 0) + 1)
local ttl = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[1]))
redis.call('SET', KEYS[2], string.format('%016.0f', taken) .. last, 'PX', ttl)
redis.call('PEXPIRE', KEYS[1], ttl)
return { found, taken, last }
";

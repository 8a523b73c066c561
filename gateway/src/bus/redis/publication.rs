//! Commands that nobody waits for: what is published, and what our keys become.

use redis::Cmd;

use crate::id::EntryId;

/// A command to be sent.
#[derive(Debug)]
pub struct Publish {
    pub(super) command: Cmd,
    pub(super) bytes: usize,
    /// Nobody misses it when it is lost.
    pub(super) is_probe: bool,
}

/// What a stream forgets when an entry comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// All beyond about so many entries as the adapters keep by default.
    Length,
    /// About all that is before this id.
    Before(EntryId),
}

impl Publish {
    /// To a channel.
    pub fn channel(channel: String, payload: Vec<u8>) -> Self {
        Self::to("PUBLISH", channel, payload)
    }

    /// To a sharded channel.
    pub fn sharded(channel: String, payload: Vec<u8>) -> Self {
        Self::to("SPUBLISH", channel, payload)
    }

    /// To a stream, which is cut.
    pub fn entry(stream: String, trim: Trim, pairs: Vec<(&'static str, String)>) -> Self {
        let mut bytes = stream.len();
        let mut command = redis::cmd("XADD");
        command.arg(stream);
        match trim {
            Trim::Length => command.arg("MAXLEN").arg("~").arg(MAX_LEN),
            Trim::Before(id) => command.arg("MINID").arg("~").arg(id.to_string()),
        };
        command.arg("*");
        for (name, value) in pairs {
            bytes += name.len() + value.len();
            command.arg(name).arg(value);
        }
        Self {
            command,
            bytes,
            is_probe: false,
        }
    }

    /// Nobody misses it when it is lost.
    #[must_use]
    pub fn probe(mut self) -> Self {
        self.is_probe = true;
        self
    }

    /// A script with its keys and arguments.
    pub fn script<K: AsRef<str>, A: AsRef<[u8]>>(
        source: &str,
        keys: &[K],
        arguments: &[A],
    ) -> Self {
        let mut command = redis::cmd("EVAL");
        command.arg(source).arg(keys.len());
        let mut bytes = source.len();
        for key in keys {
            bytes += key.as_ref().len();
            command.arg(key.as_ref());
        }
        for argument in arguments {
            bytes += argument.as_ref().len();
            command.arg(argument.as_ref());
        }
        Self {
            command,
            bytes,
            is_probe: false,
        }
    }

    fn to(verb: &str, channel: String, payload: Vec<u8>) -> Self {
        let bytes = channel.len() + payload.len();
        let mut command = redis::cmd(verb);
        command.arg(channel).arg(payload);
        Self {
            command,
            bytes,
            is_probe: false,
        }
    }

    /// Its words: the verb first.
    #[cfg(test)]
    pub(in crate::bus) fn words(&self) -> Vec<Vec<u8>> {
        let words = self.command.args_iter().filter_map(|word| match word {
            redis::Arg::Simple(bytes) => Some(bytes.to_vec()),
            _ => None,
        });
        words.collect()
    }
}

/// What the streams adapter keeps by default.
const MAX_LEN: u32 = 10_000;

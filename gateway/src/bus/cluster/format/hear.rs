//! What a message on a channel, or an entry of a stream, is.

use bytes::Bytes;

use super::{Format, Heard, Mode, Origin};
use crate::bus::{
    redis::Kind,
    wire::{
        Envelope, WireError, classic,
        cluster::{self, Incoming},
    },
};

impl Format {
    /// What a message is.
    pub(in crate::bus::cluster) fn hear(
        &self,
        kind: Kind,
        channel: &str,
        payload: &Bytes,
    ) -> Result<Heard, WireError> {
        match kind {
            Kind::Pattern => self.hear_classic_broadcast(channel, payload),
            Kind::Channel => {
                let classic = channel
                    .strip_prefix(&*self.prefix)
                    .filter(|rest| rest.starts_with('-'));
                match classic {
                    Some(rest) => self.hear_classic(rest, payload),
                    None => self.hear_cluster(channel, payload),
                }
            }
            Kind::Sharded => self.hear_cluster(channel, payload),
        }
    }

    fn hear_classic_broadcast(&self, channel: &str, payload: &Bytes) -> Result<Heard, WireError> {
        // In streams mode the pattern also matches channels of that adapter, whose messages are maps.
        let is_array = payload
            .first()
            .is_some_and(|first| first & 0xf0 == 0x90 || matches!(first, 0xdc | 0xdd));
        if self.mode == Mode::Streams && !is_array {
            return Ok(Heard::Nothing);
        }
        if self.is_own_broadcast(payload) {
            return Ok(Heard::Nothing);
        }
        let envelope = classic::decode_broadcast(payload)?;
        // As in Node, a message of another namespace than its channel's is nobody's.
        if self.namespace_of(channel) != Some(&*envelope.namespace) || *envelope.from == *self.short
        {
            return Ok(Heard::Nothing);
        }
        Ok(self.command_of(envelope, true))
    }

    /// Whether a classic broadcast begins with our own name, so that it need not be decoded.
    fn is_own_broadcast(&self, payload: &[u8]) -> bool {
        let uid = self.short.as_bytes();
        matches!(payload, [0x93, length, rest @ ..]
            if usize::from(*length) == 0xa0 + uid.len() && rest.starts_with(uid))
    }

    /// A classic request or response; `rest` is the channel behind the prefix.
    fn hear_classic(&self, rest: &str, payload: &[u8]) -> Result<Heard, WireError> {
        if let Some(rest) = rest.strip_prefix("-request#") {
            let namespace = rest.strip_suffix('#').ok_or(WireError::Field("channel"))?;
            let envelope = classic::decode_request(&namespace.into(), payload)?;
            if *envelope.from == *self.short {
                return Ok(Heard::Nothing);
            }
            return Ok(self.command_of(envelope, true));
        }
        let response = classic::decode_response(payload)?;
        Ok(Heard::Response(None, response))
    }

    /// A message of the ClusterAdapter family. Node goes by the channel alone; one that names another namespace is wrong.
    fn hear_cluster(&self, channel: &str, payload: &[u8]) -> Result<Heard, WireError> {
        let incoming = cluster::decode(payload)?;
        let named = match &incoming {
            Incoming::Command(envelope) => &envelope.namespace,
            Incoming::Response { namespace, .. } => namespace,
        };
        if self.namespace_of(channel) != Some(&**named) {
            return Err(WireError::Namespace);
        }
        Ok(self.incoming(incoming))
    }

    /// The namespace whose channel that is, or one of whose rooms or servers.
    fn namespace_of<'a>(&self, channel: &'a str) -> Option<&'a str> {
        let rest = channel.strip_prefix(&*self.prefix)?.strip_prefix('#')?;
        rest.split_once('#').map(|(namespace, _)| namespace)
    }

    /// What an entry of a stream or a message of the adapter is.
    pub(in crate::bus::cluster) fn incoming(&self, incoming: Incoming) -> Heard {
        match incoming {
            Incoming::Command(envelope) if *envelope.from == *self.uid => Heard::Nothing,
            Incoming::Command(envelope) => self.command_of(envelope, false),
            Incoming::Response { from, response, .. } => {
                Heard::Response(Some(from.into()), response)
            }
        }
    }

    fn command_of(&self, envelope: Envelope, classic: bool) -> Heard {
        let origin = Origin::of(&envelope, classic);
        Heard::Command(envelope, origin)
    }
}

//! A message of another server on its way to the shards.

use std::sync::Arc;

use bytes::Bytes;

use super::{Cluster, format::Origin};
use crate::bus::{
    broadcast::{Broadcast, Keep, Mark, Source},
    gather::AckGather,
    shared,
    wire::{Data, Opts, WireError},
};
use crate::socket::{
    encode,
    packet::{self, Args},
};
use crate::target::Target;

impl Cluster {
    /// Delivers an event to the sockets of this process.
    pub(super) fn deliver(&self, namespace: &Arc<str>, data: &Data, opts: Opts, origin: &Origin) {
        match self.received(namespace, data, opts, origin, None) {
            Ok(broadcast) => self.pass_on(broadcast),
            Err(error) => self.refused(&error),
        }
    }

    /// Hands a message to the shards.
    pub(super) fn pass_on(&self, mut broadcast: Broadcast) {
        if self.bus.is_ordered_by_stream(&broadcast) {
            // It has come by no stream: nobody makes up for it.
            broadcast.lane = self.bus.lane(&broadcast.target.namespace);
        }
        self.observer
            .accepted(&broadcast.target.namespace, broadcast.source);
        if broadcast.mark.is_some_and(Mark::is_foreign)
            && self.storing.is_ours((self.now)())
            && let Some(append) = shared::append(&self.remote, &broadcast)
        {
            self.append(append);
        }
        if let Err(error) = self.bus.receive(broadcast) {
            self.observer.error(error.label());
        }
    }

    /// The message as the shards take it, encoded once for all browsers; with a gather it asks them for acks.
    pub(super) fn received(
        &self,
        namespace: &Arc<str>,
        data: &Data,
        opts: Opts,
        origin: &Origin,
        gather: Option<AckGather>,
    ) -> Result<Broadcast, WireError> {
        if data.attachments.len() > packet::MAX_ATTACHMENTS {
            return Err(WireError::Field("attachments"));
        }
        let (name, args) = Args::after_name(&data.json).map_err(|_| WireError::Malformed)?;
        let name = name.ok_or(WireError::Field("data"))?;
        let frames = |id| -> Bytes {
            let mut out = Vec::with_capacity(32 + namespace.len() + data.json.len());
            let attachments = &data.attachments;
            encode::event(&mut out, namespace, id, name, args.text(), attachments);
            out.into()
        };
        let target = Target {
            namespace: Arc::clone(namespace),
            rooms: opts.rooms,
            except: opts.except,
        };
        let id = gather.as_ref().map(AckGather::id);
        let source = if origin.is_emitter {
            Source::Emitter
        } else {
            Source::Bus
        };
        let keeps = (self.keep)(namespace);
        // With recovery the bus encodes what tells its place, and whoever replays.
        let tells_place = keeps.is_some_and(|(_, recovery)| recovery.is_some());
        let own = if tells_place && id.is_none() {
            Bytes::new()
        } else {
            frames(id)
        };
        let mut broadcast = Broadcast::new(target, own, (self.now)(), source);
        broadcast.volatile = opts.flags.volatile;
        broadcast.ack = gather;
        broadcast.mark = Some(match opts.flags.mark.map(Mark) {
            Some(mark) if !mark.is_foreign() => mark,
            _ => Mark::of_content(&broadcast.target, &data.json, &data.attachments),
        })
        .filter(|_| keeps.is_some());
        broadcast.keep = keeps.map(|(limits, recovery)| Keep {
            limits,
            recovery,
            name: name.into(),
            args: args.text().into(),
            attachments: data.attachments.clone(),
            frames: match id {
                _ if tells_place => Bytes::new(),
                Some(_) => frames(None),
                None => broadcast.frames.clone(),
            },
        });
        Ok(broadcast)
    }
}

//! What the other servers speak: the format of one of the adapters, and in every mode that of the classic emitter.

mod hear;
mod ordered;

use std::{cell::Cell, sync::Arc};

use bytes::Bytes;
use rand::RngExt as _;

use crate::bus::{
    broadcast::Broadcast,
    redis::{Link, LinkError, Publish, Subscription, Trim},
    remote::Hears,
    wire::{
        Command, Data, DataRef, EMITTER, Envelope, Flags, Message, Opts, OptsRef, Response,
        WireError, classic,
        cluster::{self, Dialect, SubscriptionMode},
        streams,
    },
};
use crate::socket::frame;
use crate::target::is_socket_room;

/// Which adapter the others use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `createAdapter`.
    Classic,
    /// `createShardedAdapter`.
    Sharded,
    /// The streams adapter.
    Streams,
}

/// Encodes and decodes for one mode, and knows its channels.
#[derive(Clone, Debug)]
pub struct Format {
    mode: Mode,
    prefix: String,
    rooms: SubscriptionMode,
    names: streams::Names,
    /// Our name among servers of the ClusterAdapter family.
    uid: String,
    /// Our name among classic servers.
    short: String,
    probe: String,
    trim: Cell<Trim>,
}

/// Something that came.
pub(super) enum Heard {
    /// Something is to be done.
    Command(Envelope, Origin),
    /// A request of ours is answered, by this server where the format tells it.
    Response(Option<Arc<str>>, Response),
    /// Our own message, or one for somebody else.
    Nothing,
}

/// Who asks, and in which format it is answered.
pub(super) struct Origin {
    pub(super) is_emitter: bool,
    namespace: Arc<str>,
    uid: Box<str>,
    classic: bool,
}

impl Origin {
    /// Who has sent a command.
    pub(super) fn of(envelope: &Envelope, classic: bool) -> Self {
        Self {
            is_emitter: envelope.from.is_empty() || &*envelope.from == EMITTER,
            namespace: Arc::clone(&envelope.namespace),
            uid: envelope.from.clone(),
            classic,
        }
    }
}

impl Format {
    /// A format under a prefix of channels.
    pub fn new(mode: Mode, prefix: &str, rooms: SubscriptionMode, names: streams::Names) -> Self {
        let uid = format!("{:016x}", rand::random::<u64>());
        Self {
            mode,
            prefix: prefix.to_owned(),
            rooms,
            names,
            short: short_id(),
            probe: format!("{prefix}:carillon:probe:{uid}"),
            uid,
            trim: Cell::new(Trim::Length),
        }
    }

    /// The mode.
    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether servers of another mode can stand a command: they never hear sharded channels and streams.
    pub(super) fn is_harmless(&self, command: &Command) -> bool {
        self.mode != Mode::Streams || in_stream(command)
    }

    /// The channels that tell modes apart by who listens: classic servers to the first, those of the other modes to the second.
    pub(super) fn telling_channels(&self, namespace: &str) -> [String; 2] {
        let classic = self.classic(namespace).request().to_owned();
        [classic, self.cluster(namespace).main().to_owned()]
    }

    /// The name of the mode.
    pub fn name(&self) -> &'static str {
        match self.mode {
            Mode::Classic => "classic",
            Mode::Sharded => "sharded",
            Mode::Streams => "streams",
        }
    }

    /// Which rooms have channels of their own.
    pub fn hears(&self) -> Hears {
        match (self.mode, self.rooms) {
            (Mode::Sharded, SubscriptionMode::Dynamic) => Hears::Rooms,
            (Mode::Sharded, SubscriptionMode::DynamicPrivate) => Hears::AllRooms,
            _ => Hears::Everything,
        }
    }

    /// The streams to read.
    pub fn streams(&self) -> Vec<String> {
        match self.mode {
            Mode::Streams => self.names.all(),
            _ => Vec::new(),
        }
    }

    /// A new request id.
    pub(super) fn request_id(&self) -> Box<str> {
        match self.mode {
            Mode::Classic => short_id().into(),
            _ => format!("{:016x}", rand::random::<u64>()).into(),
        }
    }

    /// The channels of a namespace.
    pub(super) fn subscriptions(&self, namespace: &str) -> Vec<Subscription> {
        let classic = self.classic(namespace);
        let cluster = self.cluster(namespace);
        let own = || cluster.response_to(&self.uid);
        // Classic emitters are heard in every mode, and classic servers that count us are answered.
        let mut all = vec![
            Subscription::Pattern(classic.pattern()),
            Subscription::Channel(classic.request().to_owned()),
        ];
        match self.mode {
            Mode::Classic => all.extend([
                Subscription::Channel(classic.response().to_owned()),
                Subscription::Channel(classic.response_to(&self.short)),
            ]),
            Mode::Sharded => all.extend([
                Subscription::Sharded(cluster.main().to_owned()),
                Subscription::Sharded(own()),
            ]),
            Mode::Streams => all.extend([
                Subscription::Channel(cluster.main().to_owned()),
                Subscription::Channel(own()),
            ]),
        }
        all
    }

    /// The channel of a room, where it has one.
    pub(super) fn room_subscription(&self, namespace: &str, room: &str) -> Option<Subscription> {
        let subscribes = self.mode == Mode::Sharded && self.rooms.subscribes(is_socket_room(room));
        subscribes.then(|| Subscription::Sharded(self.cluster(namespace).room(room)))
    }

    /// How many servers listen to a namespace.
    pub(super) async fn servers(&self, link: &Link, namespace: &str) -> Result<u64, LinkError> {
        match self.mode {
            Mode::Classic => link.numsub(self.classic(namespace).request()).await,
            Mode::Sharded => link.shardnumsub(self.cluster(namespace).main()).await,
            Mode::Streams => link.numsub(self.cluster(namespace).main()).await,
        }
    }

    /// A broadcast of ours; with a request id the clients' acks are wanted.
    pub(super) fn broadcast(
        &self,
        broadcast: &Broadcast,
        ack: Option<&str>,
    ) -> Result<Publish, WireError> {
        let (json, attachments) = event(&broadcast.frames)?;
        let target = &broadcast.target;
        let flags = Flags {
            volatile: broadcast.volatile,
            mark: broadcast.mark.map(|mark| mark.0),
            timeout: broadcast
                .ack
                .as_ref()
                .and_then(|gather| u64::try_from(gather.timeout().as_millis()).ok()),
            ..Flags::default()
        };
        let data = DataRef {
            json,
            attachments: &attachments,
        };
        let opts = OptsRef {
            rooms: &target.rooms,
            except: &target.except,
            flags,
        };
        let namespace = &*target.namespace;
        if let Some(request) = ack {
            let command = Command::Broadcast {
                data: Data {
                    json: json.into(),
                    attachments: attachments.clone(),
                },
                opts: Opts {
                    rooms: target.rooms.clone(),
                    except: target.except.clone(),
                    flags,
                },
                ack: Some(request.into()),
            };
            return self.command(&target.namespace, command);
        }
        Ok(match self.mode {
            Mode::Classic => Publish::channel(
                self.classic(namespace)
                    .broadcast(&target.rooms)
                    .into_owned(),
                classic::encode_broadcast(&self.short, namespace, data, opts)?,
            ),
            Mode::Sharded => Publish::sharded(
                self.cluster(namespace)
                    .broadcast(self.rooms, &target.rooms, false)
                    .into_owned(),
                cluster::encode_broadcast(Dialect::Sharded, &self.uid, namespace, data, opts)?,
            ),
            Mode::Streams => Publish::entry(
                self.names.of(namespace),
                self.trim.get(),
                streams::encode_broadcast(&self.uid, namespace, data, opts)?.pairs(),
            ),
        })
    }

    /// Any other command of ours.
    pub(super) fn command(
        &self,
        namespace: &Arc<str>,
        command: Command,
    ) -> Result<Publish, WireError> {
        let in_stream = in_stream(&command);
        let from = match self.mode {
            Mode::Classic => &self.short,
            _ => &self.uid,
        };
        let envelope = Envelope {
            from: from.as_str().into(),
            namespace: Arc::clone(namespace),
            command,
        };
        let cluster = self.cluster(namespace);
        Ok(match self.mode {
            Mode::Classic => channel(classic::encode(&self.classic(namespace), &envelope)?),
            Mode::Sharded => {
                let Message { channel, payload } =
                    cluster::encode(Dialect::Sharded, &cluster, self.rooms, &envelope)?;
                Publish::sharded(channel, payload)
            }
            Mode::Streams if in_stream => Publish::entry(
                self.names.of(namespace),
                self.trim.get(),
                streams::encode(&envelope)?.pairs(),
            ),
            Mode::Streams => channel(cluster::encode(
                Dialect::Streams,
                &cluster,
                SubscriptionMode::Static,
                &envelope,
            )?),
        })
    }

    /// An answer to a server that asked.
    pub(super) fn response(
        &self,
        origin: &Origin,
        response: &Response,
    ) -> Result<Publish, WireError> {
        let namespace = &*origin.namespace;
        if origin.classic {
            // On the channel that all listen to: who asks by a specific one listens there too.
            let message = classic::encode_response(&self.classic(namespace), None, response)?;
            return Ok(self::channel(message));
        }
        let dialect = match self.mode {
            Mode::Streams => Dialect::Streams,
            _ => Dialect::Sharded,
        };
        let channels = self.cluster(namespace);
        let Message { channel, payload } = cluster::encode_response(
            dialect,
            &channels,
            &self.uid,
            &origin.uid,
            namespace,
            response,
        )?;
        Ok(match self.mode {
            Mode::Sharded => Publish::sharded(channel, payload),
            _ => Publish::channel(channel, payload),
        })
    }

    fn classic(&self, namespace: &str) -> classic::Channels {
        classic::Channels::new(&self.prefix, namespace)
    }

    fn cluster(&self, namespace: &str) -> cluster::Channels {
        cluster::Channels::new(&self.prefix, namespace)
    }

    /// The channel on which this process alone hears itself.
    pub(super) fn probe_subscription(&self) -> Subscription {
        Subscription::Channel(self.probe.clone())
    }

    /// A message to ourselves.
    pub(super) fn probe(&self) -> Publish {
        Publish::channel(self.probe.clone(), Vec::new()).probe()
    }

    pub(super) fn is_probe(&self, channel: &str) -> bool {
        *channel == *self.probe
    }
}

/// What the streams adapter writes into the stream; the rest it publishes.
fn in_stream(command: &Command) -> bool {
    matches!(
        command,
        Command::Broadcast { ack: None, .. }
            | Command::Join { .. }
            | Command::Leave { .. }
            | Command::Disconnect { .. }
    )
}

fn channel(message: Message) -> Publish {
    Publish::channel(message.channel, message.payload)
}

/// Six characters, as classic servers name themselves and their requests.
fn short_id() -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = rand::rng();
    let mut character = || char::from(ALPHABET[random.random_range(0..ALPHABET.len())]);
    (0..6).map(|_| character()).collect()
}

/// The array of an event of ours, out of the frames that browsers get, and its attachments.
fn event(frames: &Bytes) -> Result<(&str, Vec<Bytes>), WireError> {
    let mut all = frame::Frames::new(frames);
    let first = all.next().ok_or(WireError::Length)?;
    let text = std::str::from_utf8(first.payload).map_err(|_| WireError::Malformed)?;
    // Neither a namespace nor a number has a bracket in it.
    let start = text.find('[').ok_or(WireError::Malformed)?;
    let attachments = all.map(|frame| frames.slice_ref(frame.payload));
    Ok((&text[start..], attachments.collect()))
}

#[cfg(test)]
mod tests;

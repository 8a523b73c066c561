//! How a connection to Redis is spoken on.

use std::{collections::HashMap, fmt, time::Duration};

use redis::{
    Arg, Cmd, Pipeline, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
    cluster_routing::{Route, SingleNodeRoutingInfo, SlotAddr},
};
use tokio::time;

use super::{
    error::LinkError,
    meter::Meter,
    migrating::{self, Migrating},
};

/// A connection; clones share it.
#[derive(Clone)]
pub(super) struct Connection {
    line: Line,
    meter: Meter,
    migrating: Migrating,
    /// What it has to show at each look, beside an answer.
    proof: Proof,
    /// Where plain channels of a Redis Cluster are listened to: on one node, which all others tell what is published. On several
    /// nodes a message of one channel would overtake an earlier one of another.
    plain: Option<Box<Connection>>,
}

#[derive(Clone)]
enum Line {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What a server has to be, and to stay.
#[derive(Clone, Copy)]
enum Proof {
    Nothing,
    /// Sentinel gave us its address: a master.
    Master,
    /// A node that sees the others of its Redis Cluster.
    Member,
}

/// An answer, or why there is none.
type Answer = Result<Value, LinkError>;

/// How often a command that a node of a cluster has not taken is sent again, to another.
const REDIRECTS: u32 = 5;
/// Between two of those.
const REDIRECT_PAUSE: Duration = Duration::from_millis(20);

impl Connection {
    /// To one server.
    pub(super) fn single(line: MultiplexedConnection, meter: Meter) -> Self {
        Self::of(Line::Single(line), meter)
    }

    /// To a Redis Cluster; `plain` is the node on which plain channels are listened to.
    pub(super) fn cluster(line: ClusterConnection, meter: Meter, plain: Option<Self>) -> Self {
        Self {
            plain: plain.map(Box::new),
            ..Self::of(Line::Cluster(line), meter)
        }
    }

    fn of(line: Line, meter: Meter) -> Self {
        Self {
            line,
            meter,
            migrating: Migrating::default(),
            proof: Proof::Nothing,
            plain: None,
        }
    }

    /// It has to be a master at each look.
    pub(super) fn of_a_master(self) -> Self {
        Self {
            proof: Proof::Master,
            ..self
        }
    }

    /// It has to see the other nodes at each look.
    pub(super) fn of_a_member(self) -> Self {
        Self {
            proof: Proof::Member,
            ..self
        }
    }

    /// One command with its answer.
    pub(super) async fn send(&mut self, command: &Cmd) -> Result<Value, LinkError> {
        self.send_to_taker(command, REDIRECTS).await
    }

    /// The same, for what is asked for again later: where a node of a cluster is away that is told soon.
    pub(super) async fn send_soon(&mut self, command: &Cmd) -> Result<Value, LinkError> {
        self.send_to_taker(command, 1).await
    }

    async fn send_to_taker(&mut self, command: &Cmd, redirects: u32) -> Answer {
        match &mut self.plain {
            Some(plain) if is_of_plain_channels(command) => {
                plain.send_again(command, redirects).await
            }
            _ => self.send_again(command, redirects).await,
        }
    }

    async fn send_again(&mut self, command: &Cmd, redirects: u32) -> Result<Value, LinkError> {
        match &mut self.line {
            Line::Single(connection) => {
                let answer = connection.req_packed_command(command).await;
                self.meter.progress();
                let answer = answer.and_then(Value::extract_error);
                answer.map_err(|error| self.meter.explain(LinkError::from(&error)))
            }
            Line::Cluster(connection) => {
                let mut attempt = 0;
                loop {
                    let answer = connection.req_packed_command(command).await;
                    let answer = answer.and_then(Value::extract_error);
                    let answer = match answer {
                        Err(error) => {
                            self.migrating.note(&error, key(command));
                            migrating::follow(connection, error, command).await
                        }
                        answer => answer,
                    };
                    match answer.map_err(|error| LinkError::from(&error)) {
                        // It was not done; the library has looked meanwhile who does it.
                        Err(LinkError::Moved) if attempt < redirects => {
                            attempt += 1;
                            time::sleep(REDIRECT_PAUSE * attempt).await;
                        }
                        answer => return answer,
                    }
                }
            }
        }
    }

    /// Many commands; the answers in order, errors of single ones among them.
    pub(super) async fn send_all(&mut self, commands: &[Cmd]) -> Result<Vec<Answer>, LinkError> {
        if !self.is_cluster() {
            return self.pipeline(&commands.iter().collect::<Vec<_>>()).await;
        }
        // A node takes what is for one channel, stream or script's key as one pipeline: its order is kept. The nodes work at once.
        let mut groups: HashMap<Option<&[u8]>, Vec<usize>> = HashMap::new();
        for (index, command) in commands.iter().enumerate() {
            groups.entry(key(command)).or_default().push(index);
        }
        let groups = groups.into_values().map(|indices| {
            let mut connection = self.clone();
            async move {
                let answers = match &*indices {
                    [index] if !is_publish(&commands[*index]) => {
                        vec![connection.send(&commands[*index]).await]
                    }
                    [index, ..] if connection.migrating.has(key(&commands[*index])) => {
                        let mut answers = Vec::with_capacity(indices.len());
                        for index in &indices {
                            answers.push(connection.send(&commands[*index]).await);
                        }
                        answers
                    }
                    _ => {
                        let group: Vec<&Cmd> =
                            indices.iter().map(|index| &commands[*index]).collect();
                        let answers = connection.pipeline(&group).await;
                        answers.unwrap_or_else(|error| vec![Err(error); indices.len()])
                    }
                };
                indices.into_iter().zip(answers)
            }
        });
        let answered = futures_util::future::join_all(groups).await;
        let mut answered: Vec<(usize, Answer)> = answered.into_iter().flatten().collect();
        answered.sort_unstable_by_key(|(index, _)| *index);
        Ok(answered.into_iter().map(|(_, answer)| answer).collect())
    }

    /// Commands for one node, in order. They are not repeated: some may have been done.
    async fn pipeline(&mut self, commands: &[&Cmd]) -> Result<Vec<Answer>, LinkError> {
        let mut pipeline = Pipeline::new();
        let mut any_node = true;
        for command in commands {
            any_node &= is_publish(command);
            pipeline.add_command((*command).clone());
        }
        let answers = match &mut self.line {
            Line::Single(connection) => {
                connection
                    .req_packed_commands(&pipeline, 0, pipeline.len())
                    .await
            }
            Line::Cluster(connection) if any_node => {
                // Always the same one: what is published by several would come in any order.
                let node = Route::new(0, SlotAddr::Master);
                let count = pipeline.len();
                connection
                    .route_pipeline(
                        pipeline,
                        0,
                        count,
                        SingleNodeRoutingInfo::SpecificNode(node),
                    )
                    .await
            }
            Line::Cluster(connection) => {
                connection
                    .req_packed_commands(&pipeline, 0, pipeline.len())
                    .await
            }
        };
        self.meter.progress();
        let answers = answers.map_err(|error| {
            let first = commands.first().and_then(|command| key(command));
            self.migrating.note(&error, first);
            self.meter.explain(LinkError::from(&error))
        })?;
        let answers = answers.into_iter().map(|answer| {
            let answer = answer.extract_error();
            answer.map_err(|error| LinkError::from(&error))
        });
        Ok(answers.collect())
    }

    /// Whether it answers, and is still what it was.
    pub(super) async fn check(&mut self) -> Result<(), LinkError> {
        if let Some(plain) = &mut self.plain {
            plain.show().await?;
        }
        self.show().await
    }

    async fn show(&mut self) -> Result<(), LinkError> {
        let question = match self.proof {
            Proof::Nothing => redis::cmd("PING"),
            Proof::Master => redis::cmd("ROLE"),
            Proof::Member => redis::cmd("CLUSTER").arg("INFO").take(),
        };
        match self.send_again(&question, REDIRECTS).await {
            Ok(answer) => self.proof.is_in(answer),
            // The user may not ask: a write will tell, or silence.
            Err(LinkError::Forbidden) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A cluster has several nodes, each with its own part of the channels and streams.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.line, Line::Cluster(_))
    }
}

impl Proof {
    /// Looks for it in the answer to its question.
    fn is_in(self, answer: Value) -> Result<(), LinkError> {
        match (self, answer) {
            (Self::Master, Value::Array(role)) => match role.first() {
                Some(Value::BulkString(role)) if role != b"master" => Err(LinkError::ReadOnly),
                _ => Ok(()),
            },
            (Self::Member, info) => sees_others(info).then_some(()).ok_or(LinkError::Alone),
            _ => Ok(()),
        }
    }
}

/// Whether a node says that it sees most of the slots: one without the others hears nothing of what is published there.
fn sees_others(info: Value) -> bool {
    let info: String = redis::from_redis_value(info).unwrap_or_default();
    let slots = |name: &str| {
        let count = info.lines().find_map(|line| line.strip_prefix(name))?;
        count.trim().parse::<u32>().ok()
    };
    let assigned = slots("cluster_slots_assigned:");
    let seen = slots("cluster_slots_ok:");
    assigned
        .zip(seen)
        .is_none_or(|(assigned, seen)| seen * 2 > assigned)
}

fn is_of_plain_channels(command: &Cmd) -> bool {
    matches!(
        word(command, 0),
        Some(b"SUBSCRIBE" | b"PSUBSCRIBE" | b"UNSUBSCRIBE" | b"PUNSUBSCRIBE")
    )
}

fn is_publish(command: &Cmd) -> bool {
    matches!(word(command, 0), Some(b"PUBLISH"))
}

/// What a command is for, where its order counts: its channel, its stream, or the first key of a script. Every node takes a
/// `PUBLISH` and tells all others.
fn key(command: &Cmd) -> Option<&[u8]> {
    match word(command, 0) {
        Some(b"PUBLISH") => None,
        Some(b"EVAL") => word(command, 3),
        _ => word(command, 1),
    }
}

fn word(command: &Cmd, index: usize) -> Option<&[u8]> {
    command.args_iter().nth(index).and_then(|word| match word {
        Arg::Simple(bytes) => Some(bytes),
        _ => None,
    })
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

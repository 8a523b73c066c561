//! How a connection to Redis is made, and spoken on.

use std::{collections::HashMap, fmt, time::Duration};

use redis::{
    Arg, AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline,
    ProtocolVersion, RedisError, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    cluster_routing::{Route, SingleNodeRoutingInfo, SlotAddr},
};
use tokio::{net::TcpStream, task, time};

use super::{
    error::LinkError,
    events::Ear,
    meter::{Meter, Metered},
    migrating::{self, Migrating},
    url::{RedisUrl, Shape},
};

/// A connection; clones share it.
#[derive(Clone)]
pub(super) struct Connection {
    line: Line,
    meter: Meter,
    migrating: Migrating,
    /// Sentinel gave us the address: it is to be that of a master, and to stay it.
    of_sentinel: bool,
}

#[derive(Clone)]
enum Line {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// An answer, or why there is none.
type Answer = Result<Value, LinkError>;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// A bound of the library that never binds: ours are shorter.
const UNUSED: Duration = Duration::from_secs(3600);
/// What a process that was stopped for a while needs to read what came meanwhile.
const SECOND_CHANCE: Duration = Duration::from_millis(250);
/// How often a command that a node of a cluster has not taken is sent again, to another.
const REDIRECTS: u32 = 5;
/// Between two of those.
const REDIRECT_PAUSE: Duration = Duration::from_millis(20);

/// Waits for an answer as long as `timeout`, and a moment more: after a pause of the whole process its time may be up while
/// the answer lies unread in the socket.
pub(super) async fn patiently<T>(
    timeout: Duration,
    answer: impl Future<Output = T>,
) -> Result<T, LinkError> {
    let mut answer = std::pin::pin!(answer);
    if let Ok(answer) = time::timeout(timeout, &mut answer).await {
        return Ok(answer);
    }
    let late = time::timeout(SECOND_CHANCE, answer).await;
    late.map_err(|_| LinkError::Timeout)
}

impl RedisUrl {
    /// Connects; with an ear the connection listens. What it returns answers commands.
    pub(super) async fn connect(&self, ear: Option<Ear>) -> Result<Connection, LinkError> {
        if self.is_tls() {
            // An error means that it is installed.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let attempt = async {
            let mut connection = match &self.shape {
                Shape::Single => self.single(self.servers[0].clone(), ear).await?,
                Shape::Sentinel(master) => {
                    let master = self.master(master).await?;
                    let connection = self.single(master, ear).await?;
                    Connection {
                        of_sentinel: true,
                        ..connection
                    }
                }
                Shape::Cluster => self.cluster(ear).await?,
            };
            connection.check().await?;
            Ok(connection)
        };
        patiently(CONNECT, attempt).await?
    }

    async fn cluster(&self, ear: Option<Ear>) -> Result<Connection, LinkError> {
        let meter = Meter::default();
        // The library would repeat what was sent and not answered: a message would come twice. What a node refuses to take is
        // sent again by us.
        let mut builder = ClusterClient::builder(self.servers.clone())
            .use_protocol(ProtocolVersion::RESP3)
            .connection_timeout(CONNECT / 2)
            .response_timeout(UNUSED)
            .retries(0);
        if self.ca.is_some() {
            builder = builder.certs(self.certificates());
        }
        if let Some(ear) = ear {
            let meter = meter.clone();
            builder = builder.push_sender(move |push| ear.hear(push, &meter));
        }
        let client = builder.build().map_err(|error| LinkError::from(&error))?;
        let connection = client.get_async_connection().await;
        let connection = connection.map_err(|error| LinkError::from(&error))?;
        Ok(Connection {
            line: Line::Cluster(connection),
            meter,
            migrating: Migrating::default(),
            of_sentinel: false,
        })
    }

    /// Asks the sentinels in turn where the master is.
    async fn master(&self, name: &str) -> Result<ConnectionInfo, LinkError> {
        let mut last = LinkError::Closed;
        for sentinel in &self.servers {
            // One that does not answer leaves time for the others.
            let share = CONNECT / 2 / (self.servers.len() as u32).max(1);
            match time::timeout(share, self.ask(sentinel, name)).await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) => last = error,
                Err(_) => last = LinkError::Timeout,
            }
        }
        Err(last)
    }

    async fn ask(
        &self,
        sentinel: &ConnectionInfo,
        name: &str,
    ) -> Result<ConnectionInfo, LinkError> {
        // A sentinel has neither the databases nor, as a rule, the users of the master.
        let bare = sentinel.clone().set_redis_settings(Default::default());
        let mut connection = self.single(bare, None).await?;
        let mut command = redis::cmd("SENTINEL");
        command.arg("get-master-addr-by-name").arg(name);
        let found = connection.send(&command).await?;
        if found == Value::Nil {
            return Err(LinkError::NoMaster);
        }
        let (host, port): (String, u16) =
            redis::from_redis_value(found).map_err(|_| LinkError::Protocol)?;
        let address = match sentinel.addr() {
            ConnectionAddr::TcpTls {
                insecure,
                tls_params,
                ..
            } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host, port),
        };
        let info = address
            .into_connection_info()
            .map_err(|_| LinkError::Protocol)?;
        Ok(info.set_redis_settings(sentinel.redis_settings().clone()))
    }

    async fn single(
        &self,
        info: ConnectionInfo,
        ear: Option<Ear>,
    ) -> Result<Connection, LinkError> {
        let meter = Meter::default();
        let mut config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None);
        if let Some(ear) = ear {
            let meter = meter.clone();
            config = config.set_push_sender(move |push| ear.hear(push, &meter));
        }
        let connection = match info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await;
                let stream = stream.map_err(|_| LinkError::Closed)?;
                stream.set_nodelay(true).map_err(|_| LinkError::Closed)?;
                let stream = Metered::new(stream, meter.clone());
                let made =
                    MultiplexedConnection::new_with_config(info.redis_settings(), stream, config);
                made.await.map(|(connection, driver)| {
                    task::spawn_local(driver);
                    connection
                })
            }
            _ => self.encrypted(info, &config).await,
        };
        let connection = connection.map_err(|error| meter.explain(LinkError::from(&error)))?;
        Ok(Connection {
            line: Line::Single(connection),
            meter,
            migrating: Migrating::default(),
            of_sentinel: false,
        })
    }

    async fn encrypted(
        &self,
        info: ConnectionInfo,
        config: &AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, RedisError> {
        let client = match self.ca {
            Some(_) => redis::Client::build_with_tls(info, self.certificates())?,
            None => redis::Client::open(info)?,
        };
        client
            .get_multiplexed_async_connection_with_config(config)
            .await
    }
}

impl Connection {
    /// One command with its answer.
    pub(super) async fn send(&mut self, command: &Cmd) -> Result<Value, LinkError> {
        self.send_again(command, REDIRECTS).await
    }

    /// The same, for what is asked for again later: where a node of a cluster is away that is told soon.
    pub(super) async fn send_soon(&mut self, command: &Cmd) -> Result<Value, LinkError> {
        self.send_again(command, 1).await
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
        if !self.of_sentinel {
            return self.send(&redis::cmd("PING")).await.map(|_| ());
        }
        match self.send(&redis::cmd("ROLE")).await {
            Ok(Value::Array(role)) => match role.first() {
                Some(Value::BulkString(role)) if role != b"master" => Err(LinkError::ReadOnly),
                _ => Ok(()),
            },
            // The user may not ask: a write will tell.
            Ok(_) | Err(LinkError::Forbidden) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A cluster has several nodes, each with its own part of the channels and streams.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.line, Line::Cluster(_))
    }
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

//! How a connection to Redis is made.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisError, Value, aio::MultiplexedConnection, cluster::ClusterClient,
};
use tokio::{net::TcpStream, task, time};

use super::{
    connection::Connection,
    error::LinkError,
    events::Ear,
    meter::{Meter, Metered},
    url::{RedisUrl, Shape},
};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// No server of several gets less.
const LEAST: Duration = Duration::from_millis(500);
/// A bound of the library that never binds: ours are shorter.
const UNUSED: Duration = Duration::from_secs(3600);
/// What a process that was stopped for a while needs to read what came meanwhile.
const SECOND_CHANCE: Duration = Duration::from_millis(250);

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
                    self.single(master, ear).await?.of_a_master()
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
        let mut plain = None;
        if let Some(ear) = ear {
            plain = Some(self.any_node(&ear).await?);
            let meter = meter.clone();
            builder = builder.push_sender(move |push| ear.hear(push, &meter));
        }
        let client = builder.build().map_err(|error| LinkError::from(&error))?;
        let connection = client.get_async_connection().await;
        let connection = connection.map_err(|error| LinkError::from(&error))?;
        Ok(Connection::cluster(connection, meter, plain))
    }

    /// Listens on a node of a cluster: the first in turn that sees the others, from any one on, so that they share the listeners.
    async fn any_node(&self, ear: &Ear) -> Result<Connection, LinkError> {
        let count = self.servers.len();
        let first = rand::random_range(0..count);
        let mut last = LinkError::Closed;
        for server in self.servers.iter().cycle().skip(first).take(count) {
            let listening = async {
                // What is not listened to says nothing when it is left.
                let asking = self.single(server.clone(), None).await?;
                asking.of_a_member().check().await?;
                let connection = self.single(server.clone(), Some(ear.clone())).await?;
                Ok(connection.of_a_member())
            };
            match time::timeout(self.share(), listening).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = error,
                Err(_) => last = LinkError::Timeout,
            }
        }
        Err(last)
    }

    /// Asks the sentinels in turn where the master is.
    async fn master(&self, name: &str) -> Result<ConnectionInfo, LinkError> {
        let mut last = LinkError::Closed;
        for sentinel in &self.servers {
            match time::timeout(self.share(), self.ask(sentinel, name)).await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) => last = error,
                Err(_) => last = LinkError::Timeout,
            }
        }
        Err(last)
    }

    /// How long each of several servers may take: one that does not answer leaves time for the others.
    fn share(&self) -> Duration {
        let share = CONNECT / 2 / (self.servers.len() as u32).max(1);
        share.max(LEAST)
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
        Ok(Connection::single(connection, meter))
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

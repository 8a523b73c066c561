//! Where Redis is, and how a connection to it is made.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    str::FromStr,
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline,
    ProtocolVersion, PushInfo, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use tokio::{sync::mpsc, time};

use super::error::LinkError;

/// A URL of Redis; neither its debug form nor its errors show the password.
#[derive(Clone)]
pub struct RedisUrl {
    servers: Vec<ConnectionInfo>,
    shape: Shape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Single,
    /// The servers are sentinels, which are asked for the master of this name.
    Sentinel(String),
    Cluster,
}

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The scheme is none of ours.
    #[error(
        "must begin with redis://, rediss://, redis+sentinel:// or redis+cluster:// (or rediss+…)"
    )]
    Scheme,
    /// A Sentinel URL names no master.
    #[error(
        "a Sentinel URL ends with the name of the master: redis+sentinel://host:26379/mymaster"
    )]
    Master,
    /// What follows the scheme is no address.
    #[error("is no address of Redis: [user:password@]host[:port][/database]")]
    Address,
}

/// A connection; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// A bound of the library that never binds: ours are shorter.
const UNUSED: Duration = Duration::from_secs(3600);
/// What a process that was stopped for a while needs to read what came meanwhile.
const SECOND_CHANCE: Duration = Duration::from_millis(250);
/// Where a sentinel listens.
const SENTINEL_PORT: u16 = 26379;

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

impl FromStr for RedisUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let (plain, shape) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !matches!(plain, "redis" | "rediss") {
            return Err(UrlError::Scheme);
        }
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (format!("{credentials}@"), rest),
            None => (String::new(), rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (shape, path) = match shape {
            "" => (Shape::Single, path),
            "cluster" => (Shape::Cluster, path),
            "sentinel" => {
                let (master, database) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty() {
                    return Err(UrlError::Master);
                }
                (Shape::Sentinel(master.to_owned()), database)
            }
            _ => return Err(UrlError::Scheme),
        };
        let one = |host: &str| {
            let host = match (&shape, has_port(host)) {
                (Shape::Sentinel(_), false) => format!("{host}:{SENTINEL_PORT}"),
                _ => host.to_owned(),
            };
            let url = format!("{plain}://{credentials}{host}/{path}");
            let info = url.into_connection_info().map_err(|_| UrlError::Address)?;
            let settings = info
                .redis_settings()
                .clone()
                .set_protocol(ProtocolVersion::RESP3);
            Ok(info.set_redis_settings(settings))
        };
        let servers: Vec<ConnectionInfo> = match shape {
            Shape::Single => vec![one(hosts)?],
            _ => hosts.split(',').map(one).collect::<Result<_, _>>()?,
        };
        Ok(Self { servers, shape })
    }
}

/// Whether a host, perhaps an IPv6 address in brackets, is followed by a port.
fn has_port(host: &str) -> bool {
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    behind.contains(':')
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<String> = self
            .servers
            .iter()
            .map(|server| server.addr().to_string())
            .collect();
        f.debug_struct("RedisUrl")
            .field("servers", &addresses)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl RedisUrl {
    /// The address of this machine on the way to Redis, at which others on that way reach it.
    pub fn local_address(&self) -> Option<IpAddr> {
        let to = match self.servers.first()?.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                (host.as_str(), *port)
            }
            _ => return None,
        };
        let to = to.to_socket_addrs().ok()?.next()?;
        let any: SocketAddr = if to.is_ipv4() {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (Ipv6Addr::UNSPECIFIED, 0).into()
        };
        // A UDP socket sends nothing to connect: it only asks for the route.
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(to).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    }

    /// Connects; with `pushes` the connection listens, and what comes goes there.
    pub(super) async fn connect(
        &self,
        pushes: Option<mpsc::UnboundedSender<PushInfo>>,
    ) -> Result<Connection, LinkError> {
        let attempt = async {
            match &self.shape {
                Shape::Single => single(self.servers[0].clone(), pushes).await,
                Shape::Sentinel(master) => single(self.master(master).await?, pushes).await,
                Shape::Cluster => self.cluster(pushes).await,
            }
        };
        patiently(CONNECT, attempt).await?
    }

    async fn cluster(
        &self,
        pushes: Option<mpsc::UnboundedSender<PushInfo>>,
    ) -> Result<Connection, LinkError> {
        let mut builder = ClusterClient::builder(self.servers.clone())
            .use_protocol(ProtocolVersion::RESP3)
            .response_timeout(UNUSED);
        if let Some(pushes) = pushes {
            builder = builder.push_sender(pushes);
        }
        let client = builder.build().map_err(|error| LinkError::from(&error))?;
        let connection = client.get_async_connection().await;
        connection
            .map(Connection::Cluster)
            .map_err(|error| LinkError::from(&error))
    }

    /// Asks the sentinels in turn where the master is.
    async fn master(&self, name: &str) -> Result<ConnectionInfo, LinkError> {
        let mut last = LinkError::Closed;
        for sentinel in &self.servers {
            match self.ask(sentinel, name).await {
                Ok(found) => return Ok(found),
                Err(error) => last = error,
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
        let mut connection = single(bare, None).await?;
        let mut command = redis::cmd("SENTINEL");
        command.arg("get-master-addr-by-name").arg(name);
        let found = connection.send(&command).await?;
        let (host, port): (String, u16) =
            redis::from_redis_value(found).map_err(|_| LinkError::Closed)?;
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
}

async fn single(
    info: ConnectionInfo,
    pushes: Option<mpsc::UnboundedSender<PushInfo>>,
) -> Result<Connection, LinkError> {
    let client = redis::Client::open(info).map_err(|error| LinkError::from(&error))?;
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(None);
    if let Some(pushes) = pushes {
        config = config.set_push_sender(pushes);
    }
    let connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await;
    connection
        .map(Connection::Single)
        .map_err(|error| LinkError::from(&error))
}

impl Connection {
    /// One command with its answer.
    pub(super) async fn send(&mut self, command: &Cmd) -> Result<Value, LinkError> {
        let answer = match self {
            Self::Single(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        };
        let answer = answer.and_then(Value::extract_error);
        answer.map_err(|error| LinkError::from(&error))
    }

    /// Many commands at once; the answers in order, errors of single ones among them.
    pub(super) async fn send_all(&mut self, commands: &Pipeline) -> Result<Vec<Value>, LinkError> {
        let count = commands.len();
        let answers = match self {
            Self::Single(connection) => connection.req_packed_commands(commands, 0, count).await,
            Self::Cluster(connection) => connection.req_packed_commands(commands, 0, count).await,
        };
        answers.map_err(|error| LinkError::from(&error))
    }

    /// A cluster carries no pipeline over several slots.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

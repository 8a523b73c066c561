//! The ports, all opened before anything is served.

use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

use super::AppError;
use crate::api::Door;
use crate::config::{Api, Bind, Config};

/// The open ports.
pub(super) struct Listeners {
    /// Served by a shard's thread.
    pub(super) client: StdTcpListener,
    /// Served by a shard's thread too.
    pub(super) peer: Option<StdTcpListener>,
    pub(super) api: Option<(TcpListener, Door)>,
    pub(super) admin: TcpListener,
    pub(super) addresses: Addresses,
}

/// Where they are.
pub(super) struct Addresses {
    client: SocketAddr,
    /// The peer port is not necessarily the one that was asked for: this is to be told to the peers.
    pub(super) peer: Option<SocketAddr>,
    api: Option<SocketAddr>,
    admin: SocketAddr,
}

/// How long sent bytes may stay without an acknowledgement.
const UNACKNOWLEDGED: Duration = Duration::from_secs(120);
/// A burst of new connections waits in the kernel.
const BACKLOG: u32 = 4096;

impl Listeners {
    pub(super) fn bind(config: &Config, has_key: bool) -> Result<Self, AppError> {
        let client = bind("client", config.bind, config.client_port)?;
        let api = match config.api {
            Api::Off | Api::Client => None,
            Api::Port(port) if has_key => Some((bind("API", config.bind, port)?, Door::Open)),
            Api::Port(port) => {
                let loopback = Bind::Only(std::net::Ipv4Addr::LOCALHOST.into());
                Some((bind("API", loopback, port)?, Door::Loopback))
            }
        };
        let admin = bind("admin", config.bind, config.admin_port)?;
        let peer = config
            .peer_link()
            .map(|peer| bind("peer", config.bind, peer.port))
            .transpose()?;
        let addresses = Addresses {
            client: client.local_addr()?,
            peer: peer.as_ref().map(TcpListener::local_addr).transpose()?,
            api: api
                .as_ref()
                .map(|(listener, _)| listener.local_addr())
                .transpose()?,
            admin: admin.local_addr()?,
        };
        Ok(Self {
            client: client.into_std()?,
            peer: peer.map(TcpListener::into_std).transpose()?,
            api,
            admin,
            addresses,
        })
    }
}

impl Addresses {
    /// One line that says what is served where.
    pub(super) fn announce(&self, config: &Config, node: &str, rules: &str) {
        let Self {
            client,
            peer,
            api,
            admin,
        } = self;
        let api = api.map_or_else(|| "none of its own".to_owned(), |api| api.to_string());
        let peer = peer.map_or_else(|| "none".to_owned(), |peer| peer.to_string());
        tracing::info!(%client, %peer, %api, %admin, node, rules, shards = config.shards, "ready");
        if config.is_development() {
            tracing::warn!(
                "development rules: every namespace exists and any client may join and publish; give a document by CARILLON_RULES"
            );
        }
    }
}

pub(super) fn bind(name: &'static str, to: Bind, port: u16) -> Result<TcpListener, AppError> {
    let mut last = None;
    for address in to.candidates(port) {
        match open(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| std::io::Error::from(std::io::ErrorKind::AddrNotAvailable));
    Err(AppError::Listen { name, port, error })
}

fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit both. Who takes nothing for so long is gone: hyper alone would write to it for ever.
    socket.set_nodelay(true)?;
    SockRef::from(&socket).set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

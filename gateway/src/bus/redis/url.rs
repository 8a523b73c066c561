//! Where Redis is, as its URL says.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    str::FromStr,
};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsCertificates};

/// A URL of Redis; neither its debug form nor its errors show the password.
#[derive(Clone)]
pub struct RedisUrl {
    text: String,
    pub(super) servers: Vec<ConnectionInfo>,
    pub(super) shape: Shape,
    /// PEM certificates to trust, instead of those of the system.
    pub(super) ca: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    /// The servers are sentinels, which are asked for the master of this name.
    Sentinel(String),
    Cluster,
}

/// What is wrong with a URL, or with what belongs to it.
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
    /// A Redis Cluster has one database.
    #[error("a Redis Cluster has database 0 only: leave the number away")]
    Database,
    /// Certificates without TLS.
    #[error("means nothing without TLS: the URL must begin with rediss")]
    NoTls,
    /// No certificates.
    #[error("holds no PEM certificates")]
    Certificates,
}

/// Where a sentinel listens.
const SENTINEL_PORT: u16 = 26379;

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
            "" if !scheme.contains('+') => (Shape::Single, path),
            "cluster" if matches!(path, "" | "0") => (Shape::Cluster, path),
            "cluster" => return Err(UrlError::Database),
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
            server(&format!("{plain}://{credentials}{host}/{path}"))
        };
        let servers: Vec<ConnectionInfo> = match shape {
            Shape::Single => vec![one(hosts)?],
            _ => hosts.split(',').map(one).collect::<Result<_, _>>()?,
        };
        Ok(Self {
            text: text.to_owned(),
            servers,
            shape,
            ca: None,
        })
    }
}

/// One server, spoken to in RESP3.
fn server(url: &str) -> Result<ConnectionInfo, UrlError> {
    let info = url.into_connection_info().map_err(|_| UrlError::Address)?;
    let known = match info.addr() {
        ConnectionAddr::Tcp(..) => true,
        ConnectionAddr::TcpTls { insecure, .. } => !insecure,
        _ => false,
    };
    if !known {
        return Err(UrlError::Address);
    }
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

/// Whether a host, perhaps an IPv6 address in brackets, is followed by a port.
fn has_port(host: &str) -> bool {
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    behind.contains(':')
}

impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.ca == other.ca
    }
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
    /// Trusts these PEM certificates and no others.
    pub fn with_ca(mut self, pem: Vec<u8>) -> Result<Self, UrlError> {
        let first = self.servers.first().cloned().filter(|_| self.is_tls());
        let first = first.ok_or(UrlError::NoTls)?;
        let begins = b"-----BEGIN CERTIFICATE-----";
        if !pem.windows(begins.len()).any(|window| window == begins) {
            return Err(UrlError::Certificates);
        }
        self.ca = Some(pem);
        let client = redis::Client::build_with_tls(first, self.certificates());
        client.map_err(|_| UrlError::Certificates)?;
        Ok(self)
    }

    pub(super) fn is_tls(&self) -> bool {
        let mut servers = self.servers.iter();
        servers.any(|server| matches!(server.addr(), ConnectionAddr::TcpTls { .. }))
    }

    /// Whether both name the same database of the same servers, whatever the credentials.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        let places = |url: &Self| -> Vec<(ConnectionAddr, i64)> {
            let places = url.servers.iter();
            let places = places.map(|one| (one.addr().clone(), one.redis_settings().db()));
            places.collect()
        };
        self.shape == other.shape && places(self) == places(other)
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.shape == Shape::Cluster
    }

    pub(super) fn certificates(&self) -> TlsCertificates {
        TlsCertificates {
            client_tls: None,
            root_cert: self.ca.clone(),
        }
    }

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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `shape|addresses|user|password|database`.
    fn read(text: &str) -> String {
        let url: RedisUrl = text.parse().unwrap();
        let addresses: Vec<String> = url.servers.iter().map(|s| s.addr().to_string()).collect();
        let settings = url.servers[0].redis_settings();
        format!(
            "{:?}|{}|{}|{}|{}{}",
            url.shape,
            addresses.join(","),
            settings.username().unwrap_or("-"),
            settings.password().unwrap_or("-"),
            settings.db(),
            if url.is_tls() { "|tls" } else { "" },
        )
    }

    #[test]
    fn urls() {
        for (text, expected) in [
            ("redis://h", "Single|h:6379|-|-|0"),
            ("redis://h:1/", "Single|h:1|-|-|0"),
            ("redis://h:1/2", "Single|h:1|-|-|2"),
            ("redis://:p@h", "Single|h:6379|-|p|0"),
            ("redis://u:p@h:1/3", "Single|h:1|u|p|3"),
            ("redis://u:p%40%2F@h", "Single|h:6379|u|p@/|0"),
            ("redis://[::1]:7", "Single|::1:7|-|-|0"),
            ("redis://[::1]", "Single|::1:6379|-|-|0"),
            ("rediss://u:p@h:1", "Single|h:1|u|p|0|tls"),
            (
                "redis+sentinel://a,b:2,[::1]/m",
                "Sentinel(\"m\")|a:26379,b:2,::1:26379|-|-|0",
            ),
            (
                "redis+sentinel://u:p@a/m/4",
                "Sentinel(\"m\")|a:26379|u|p|4",
            ),
            ("rediss+sentinel://a/m", "Sentinel(\"m\")|a:26379|-|-|0|tls"),
            ("redis+cluster://a:1,b", "Cluster|a:1,b:6379|-|-|0"),
            ("redis+cluster://u:p@a/0", "Cluster|a:6379|u|p|0"),
            ("rediss+cluster://a,b", "Cluster|a:6379,b:6379|-|-|0|tls"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn no_urls() {
        for (text, expected) in [
            ("", UrlError::Scheme),
            ("redis", UrlError::Scheme),
            ("http://h", UrlError::Scheme),
            ("redis+://h", UrlError::Scheme),
            ("redis+foo://h", UrlError::Scheme),
            ("unix:///tmp/redis", UrlError::Scheme),
            ("redis://", UrlError::Address),
            ("redis://h:port", UrlError::Address),
            ("redis://h/x", UrlError::Address),
            ("redis://a,b:1,c:2", UrlError::Address),
            ("rediss://h/#insecure", UrlError::Address),
            ("redis+sentinel://h", UrlError::Master),
            ("redis+sentinel://h/", UrlError::Master),
            ("redis+cluster://h,", UrlError::Address),
            ("redis+cluster://h/1", UrlError::Database),
        ] {
            assert_eq!(text.parse::<RedisUrl>().unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for text in [
            "redis://u:sesame@h:1",
            "redis+sentinel://u:sesame@h/m",
            "rediss+cluster://u:sesame@h",
        ] {
            let url: RedisUrl = text.parse().unwrap();
            let shown = format!("{url:?} {:?}", super::super::Settings::new(url.clone()));
            assert!(!shown.contains("sesame"), "{shown}");
        }
        for text in [
            "redis://u:sesame@h:port",
            "redis://u:sesame@h/x",
            "redis+sentinel://u:sesame@h",
        ] {
            let error = text.parse::<RedisUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("sesame"));
        }
    }

    #[test]
    fn certificates() {
        let with = |url: &str, pem: &str| {
            let url: RedisUrl = url.parse().unwrap();
            url.with_ca(pem.as_bytes().to_vec()).map(|_| ())
        };
        let empty = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
        assert_eq!(with("redis://h", empty), Err(UrlError::NoTls));
        assert_eq!(with("rediss://h", "text"), Err(UrlError::Certificates));
        assert_eq!(
            with("rediss+cluster://h", empty),
            Err(UrlError::Certificates)
        );
    }
}

//! What can go wrong on the link.

use std::{error::Error, io, sync::Arc};

use redis::ErrorKind;

/// Why a command has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is no connection, or it broke.
    #[error("Redis is not connected")]
    Closed,
    /// No answer in time.
    #[error("Redis does not answer in time")]
    Timeout,
    /// It loads its data.
    #[error("Redis is loading its data")]
    Loading,
    /// It is a replica.
    #[error("this Redis is a replica")]
    ReadOnly,
    /// It has no memory left.
    #[error("Redis is out of memory")]
    OutOfMemory,
    /// It wants another user or password.
    #[error("Redis refuses the user or the password")]
    NoAuth,
    /// The user may not do this.
    #[error("the user may not do this in Redis: its ACL")]
    Forbidden,
    /// The certificate is not to be trusted, or there is no TLS.
    #[error("Redis shows no certificate that is trusted")]
    Tls,
    /// No sentinel knows a master of this name.
    #[error("Sentinel knows no master of this name")]
    NoMaster,
    /// The key lies on another node.
    #[error("the key lies on another node of the Redis Cluster")]
    Moved,
    /// A node that does not see the others, and hears nothing of what they publish.
    #[error("this node of the Redis Cluster does not see the others")]
    Alone,
    /// Our settings name another Redis now.
    #[error("the URL names another Redis now")]
    Elsewhere,
    /// Another error of the server.
    #[error("Redis answers an error: {0}")]
    Server(String),
    /// An answer that is none.
    #[error("the answer of Redis is not what it should be")]
    Protocol,
}

impl LinkError {
    /// Redis has answered that it did not do it: it is known not to be done.
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Loading
            | Self::ReadOnly
            | Self::OutOfMemory
            | Self::NoAuth
            | Self::Forbidden
            | Self::Moved
            | Self::Server(_) => true,
            Self::Closed
            | Self::Timeout
            | Self::Tls
            | Self::NoMaster
            | Self::Alone
            | Self::Elsewhere
            | Self::Protocol => false,
        }
    }
}

/// Why a command is not put on the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The queue holds as many bytes as it may.
    #[error("the queue to Redis is full")]
    Full,
    /// Redis is away: nothing is kept for it.
    #[error("Redis is not connected")]
    Down,
}

impl LinkError {
    /// The `kind` label of `carillon_bus_errors_total`.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Loading => "loading",
            Self::ReadOnly => "readonly",
            Self::OutOfMemory => "oom",
            Self::NoAuth => "noauth",
            Self::Forbidden => "noperm",
            Self::Tls => "tls",
            Self::NoMaster => "no_master",
            Self::Moved => "moved",
            Self::Alone => "alone",
            Self::Elsewhere => "elsewhere",
            Self::Server(_) => "server",
            Self::Protocol => "protocol",
        }
    }

    /// Whether only another connection can help.
    pub const fn ends_connection(&self) -> bool {
        match self {
            Self::Closed
            | Self::Timeout
            | Self::ReadOnly
            | Self::Protocol
            | Self::NoAuth
            | Self::Tls
            | Self::NoMaster
            | Self::Alone
            | Self::Elsewhere => true,
            Self::Loading | Self::OutOfMemory | Self::Forbidden | Self::Moved | Self::Server(_) => {
                false
            }
        }
    }
}

impl PublishError {
    /// The `kind` label of `carillon_bus_errors_total`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Full => "queue_full",
            Self::Down => "down",
        }
    }
}

impl From<&redis::RedisError> for LinkError {
    fn from(error: &redis::RedisError) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        match error.code() {
            Some(code) => Self::of_code(code),
            None => match error.kind() {
                ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Self::Protocol,
                ErrorKind::AuthenticationFailed => Self::NoAuth,
                ErrorKind::RESP3NotSupported => Self::Server("it is older than 6.0".to_owned()),
                _ if is_of_tls(error) => Self::Tls,
                _ => Self::Closed,
            },
        }
    }
}

impl LinkError {
    /// What an error that Redis answers begins with. Its text is not kept: it may hold what was sent.
    fn of_code(code: &str) -> Self {
        match code {
            "LOADING" | "BUSY" | "TRYAGAIN" => Self::Loading,
            "READONLY" | "MASTERDOWN" => Self::ReadOnly,
            "OOM" => Self::OutOfMemory,
            "NOAUTH" | "WRONGPASS" => Self::NoAuth,
            "NOPERM" => Self::Forbidden,
            "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT" => Self::Moved,
            _ => Self::Server(code.chars().take(32).collect()),
        }
    }
}

/// Whether the error is one of TLS.
fn is_of_tls(error: &redis::RedisError) -> bool {
    let Some(cause) = error.source() else {
        return false;
    };
    // The library shares its causes.
    let shared = cause.downcast_ref::<Arc<dyn Error + Send + Sync>>();
    let cause: &(dyn Error + 'static) = match shared {
        Some(shared) => &**shared,
        None => cause,
    };
    let inner = cause
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    cause.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (code, label, ends) in [
            ("LOADING", "loading", false),
            ("TRYAGAIN", "loading", false),
            ("READONLY", "readonly", true),
            ("MASTERDOWN", "readonly", true),
            ("OOM", "oom", false),
            ("NOAUTH", "noauth", true),
            ("WRONGPASS", "noauth", true),
            ("NOPERM", "noperm", false),
            ("MOVED", "moved", false),
            ("CLUSTERDOWN", "moved", false),
            ("ERR", "server", false),
            ("MISCONF", "server", false),
        ] {
            let error = LinkError::of_code(code);
            assert_eq!(
                (error.label(), error.ends_connection()),
                (label, ends),
                "{code}"
            );
        }
    }
}

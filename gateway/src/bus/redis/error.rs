//! What can go wrong on the link.

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
    /// The key lies on another node.
    #[error("the key lies on another node of the Redis Cluster")]
    Moved,
    /// Another error of the server.
    #[error("Redis answers an error: {0}")]
    Server(String),
    /// An answer that is none.
    #[error("the answer of Redis is not what it should be")]
    Protocol,
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
            Self::Moved => "moved",
            Self::Server(_) => "server",
            Self::Protocol => "protocol",
        }
    }

    /// Whether only another connection can help.
    pub const fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Closed | Self::Timeout | Self::ReadOnly | Self::Protocol | Self::NoAuth
        )
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
            Some("LOADING" | "MASTERDOWN" | "BUSY" | "TRYAGAIN") => Self::Loading,
            Some("READONLY") => Self::ReadOnly,
            Some("OOM") => Self::OutOfMemory,
            Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Self::NoAuth,
            Some("MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT") => Self::Moved,
            Some(code) => Self::Server(code.to_owned()),
            None if error.kind() == redis::ErrorKind::Parse => Self::Protocol,
            None if error.kind() == redis::ErrorKind::AuthenticationFailed => Self::NoAuth,
            None => Self::Closed,
        }
    }
}

//! Every setting once: its variables, its flag, its default. Help, parser and the table of the docs read this.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// The flag without its dashes.
    pub flag: &'static str,
    /// The environment variables; the first that is set wins, and a flag wins over them all.
    pub env: &'static [&'static str],
    /// What stands for the value in help and docs.
    pub value: &'static str,
    /// The default as a sentence of the docs; empty = none.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Whether the value must not be shown.
    pub secret: bool,
}

const fn setting(
    flag: &'static str,
    env: &'static [&'static str],
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Variable {
    Variable {
        flag,
        env,
        value,
        default,
        help,
        secret: false,
    }
}

const fn secret(variable: Variable) -> Variable {
    Variable {
        secret: true,
        ..variable
    }
}

/// The rules file.
pub const RULES: Variable = setting(
    "rules",
    &["CARILLON_RULES"],
    "FILE",
    "development mode, on loopback",
    "The rules document (YAML or JSON). It is watched: an edit applies within a second",
);
/// The rules document itself.
pub const RULES_TEXT: Variable = setting(
    "rules-text",
    &["CARILLON_RULES_TEXT"],
    "DOCUMENT",
    "",
    "The rules document itself, for hosts that have only variables",
);
/// Development mode on every address.
pub const DEV: Variable = setting(
    "dev",
    &["CARILLON_DEV"],
    "0|1",
    "0",
    "1 lets development mode (no rules) listen beyond loopback",
);
/// The address of all ports.
pub const BIND: Variable = setting(
    "bind",
    &["CARILLON_BIND"],
    "ADDRESS",
    "all addresses (in development mode 127.0.0.1)",
    "The IP address that all ports are bound to",
);
/// The client port.
pub const PORT: Variable = setting(
    "port",
    &["SOCKET_PORT", "PORT"],
    "PORT",
    "3001",
    "The port of clients: /socket.io/, and /v1/events for browsers that poll",
);
/// The API port.
pub const API_PORT: Variable = setting(
    "api-port",
    &["CARILLON_API_PORT"],
    "PORT|client|off",
    "3002",
    "The port of the HTTP API; `client` serves it on the client port and needs a key",
);
/// The API key.
pub const API_KEY: Variable = secret(setting(
    "api-key",
    &["CARILLON_API_KEY"],
    "KEY",
    "none: the API answers on loopback only",
    "A key for the HTTP API that may emit, read and manage (its name in logs is `env`)",
));
/// The API key's file.
pub const API_KEY_FILE: Variable = setting(
    "api-key-file",
    &["CARILLON_API_KEY_FILE"],
    "FILE",
    "",
    "A file that holds that key; unlike a flag it does not show in the process list",
);
/// The admin port.
pub const ADMIN_PORT: Variable = setting(
    "admin-port",
    &["CARILLON_ADMIN_PORT"],
    "PORT",
    "9090",
    "The port of /metrics, /livez, /readyz and /rules; never route it to browsers",
);
/// The number of shards.
pub const SHARDS: Variable = setting(
    "shards",
    &["CARILLON_SHARDS"],
    "1..255",
    "the processors of the machine",
    "How many threads serve clients",
);
/// The node's name.
pub const NODE_ID: Variable = setting(
    "node-id",
    &["CARILLON_NODE_ID"],
    "NAME",
    "made up at every start",
    "The name of this node in logs and in /v1/info (1 to 64 of A-Z a-z 0-9 . _ -)",
);
/// The log filter.
pub const LOG: Variable = setting(
    "log",
    &["CARILLON_LOG"],
    "LEVELS",
    "info",
    "off, error, warn, info, debug or trace, for all or by module (`info,carillon_gateway::api=debug`)",
);
/// The app's URL.
pub const APP_URL: Variable = setting(
    "app-url",
    &["NEXT_PUBLIC_APP_URL"],
    "URL",
    "",
    "The URL of the app whose pages connect: its origin is allowed beside those of the rules",
);
/// The drain's hold.
pub const DRAIN_HOLD: Variable = setting(
    "drain-hold",
    &["CARILLON_DRAIN_HOLD"],
    "DURATION",
    "5s (in development mode 0s)",
    "How long all is still served after SIGTERM, so that load balancers learn first",
);
/// The drain's timeout.
pub const DRAIN_TIMEOUT: Variable = setting(
    "drain-timeout",
    &["CARILLON_DRAIN_TIMEOUT"],
    "DURATION",
    "10s",
    "How long transports are then closed at the pace; what is left is closed at once",
);
/// The drain's pace.
pub const DRAIN_RATE: Variable = setting(
    "drain-rate",
    &["CARILLON_DRAIN_RATE"],
    "RATE",
    "200/s",
    "How many transports are closed in a second while draining, hence how many clients come back",
);
/// The peer link.
pub const PEER: Variable = setting(
    "peer",
    &["CARILLON_PEER"],
    "on|off",
    "on, where there is a bus of several nodes",
    "Whether requests that land on another node than their session are passed on to it; off needs sticky sessions",
);
/// The peer port.
pub const PEER_PORT: Variable = setting(
    "peer-port",
    &["CARILLON_PEER_PORT"],
    "PORT",
    "3003",
    "The port of other nodes; never route it to browsers",
);
/// The address that is told to the peers.
pub const PEER_ADDRESS: Variable = setting(
    "peer-address",
    &["CARILLON_PEER_ADDRESS"],
    "ADDRESS",
    "the local address of the connection to Redis",
    "The IP address at which other nodes reach this one's peer port",
);
/// The key of session ids and of the peer link.
pub const PEER_KEY: Variable = secret(setting(
    "peer-key",
    &["CARILLON_PEER_KEY"],
    "KEY",
    "made and shared through Redis",
    "The key that all nodes sign session ids and passed-on requests with (32 characters or more), instead of the one in Redis",
));
/// The peer key's file.
pub const PEER_KEY_FILE: Variable = setting(
    "peer-key-file",
    &["CARILLON_PEER_KEY_FILE"],
    "FILE",
    "",
    "A file that holds that key; unlike a flag it does not show in the process list",
);

/// The URL of Redis.
pub const REDIS_URL: Variable = secret(setting(
    "redis-url",
    &["CARILLON_REDIS_URL", "REDIS_URL"],
    "URL",
    "none: one node, on a bus in its memory",
    "Redis, for several nodes: redis://, rediss://, redis+sentinel://, redis+cluster:// (with user, password, database)",
));
/// The file that holds it.
pub const REDIS_URL_FILE: Variable = setting(
    "redis-url-file",
    &["CARILLON_REDIS_URL_FILE"],
    "FILE",
    "",
    "A file that holds that URL. It is watched: another server takes effect within seconds, another password with the next connection; what cannot be read changes nothing",
);
/// Whom to trust.
pub const REDIS_CA_FILE: Variable = setting(
    "redis-ca-file",
    &["CARILLON_REDIS_CA_FILE"],
    "FILE",
    "the certificates of the system",
    "A file of PEM certificates: with rediss:// only servers with a certificate from one of these are trusted. Read anew for every connection",
);
/// What the servers of the cluster speak.
pub const REDIS_MODE: Variable = setting(
    "redis-mode",
    &["CARILLON_REDIS_MODE"],
    "classic|sharded|streams",
    "streams where a namespace has recovery, else sharded on Redis 7 or newer, else classic",
    "The format of the Socket.IO adapter that all servers of the cluster use",
);
/// The prefix of channels.
pub const REDIS_KEY_PREFIX: Variable = setting(
    "redis-key-prefix",
    &["CARILLON_REDIS_KEY_PREFIX"],
    "PREFIX",
    "socket.io",
    "What all channels and keys begin with: the adapters' `key` or `channelPrefix`",
);
/// The name of streams.
pub const REDIS_STREAM_NAME: Variable = setting(
    "redis-stream-name",
    &["CARILLON_REDIS_STREAM_NAME"],
    "NAME",
    "the key prefix",
    "The name of the stream in streams mode: the adapter's `streamName`",
);
/// How many streams.
pub const REDIS_STREAM_COUNT: Variable = setting(
    "redis-stream-count",
    &["CARILLON_REDIS_STREAM_COUNT"],
    "1..64",
    "1",
    "How many streams the namespaces are spread over: the adapter's `streamCount`",
);
/// Which rooms are subscribed one by one.
pub const REDIS_SUBSCRIPTION_MODE: Variable = setting(
    "redis-subscription-mode",
    &["CARILLON_REDIS_SUBSCRIPTION_MODE"],
    "static|dynamic|dynamic-private",
    "dynamic",
    "Which rooms have a channel of their own in sharded mode: the adapter's `subscriptionMode`",
);
/// How long peers have.
pub const REDIS_REQUEST_TIMEOUT: Variable = setting(
    "redis-request-timeout",
    &["CARILLON_REDIS_REQUEST_TIMEOUT"],
    "DURATION",
    "5s",
    "How long Redis and other servers may take to answer",
);

/// All of them, in the order of help and docs.
pub const ALL: &[&Variable] = &[
    &RULES,
    &RULES_TEXT,
    &DEV,
    &BIND,
    &PORT,
    &API_PORT,
    &API_KEY,
    &API_KEY_FILE,
    &ADMIN_PORT,
    &SHARDS,
    &NODE_ID,
    &LOG,
    &APP_URL,
    &DRAIN_HOLD,
    &DRAIN_TIMEOUT,
    &DRAIN_RATE,
    &REDIS_URL,
    &REDIS_URL_FILE,
    &REDIS_CA_FILE,
    &REDIS_MODE,
    &REDIS_KEY_PREFIX,
    &REDIS_STREAM_NAME,
    &REDIS_STREAM_COUNT,
    &REDIS_SUBSCRIPTION_MODE,
    &REDIS_REQUEST_TIMEOUT,
    &PEER,
    &PEER_PORT,
    &PEER_ADDRESS,
    &PEER_KEY,
    &PEER_KEY_FILE,
];

/// Every setting.
pub fn all() -> impl Iterator<Item = &'static Variable> {
    ALL.iter().copied()
}

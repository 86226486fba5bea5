//! The parts of the configuration, each with its own reading of the variables.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::environment::Environment;
use super::{ConfigError, Secret, table};

/// What a client needs, at most, to connect again once it noticed that it was cut off.
pub(super) const RECONNECT: Duration = Duration::from_secs(10);

/// Addresses, origins and what is served.
#[derive(Clone, Debug)]
pub struct Server {
    /// `NODE_ENV` is `production`.
    pub production: bool,
    /// Where clients connect; port 0 takes a free one.
    pub address: SocketAddr,
    /// Where metrics and details are served, if not beside the clients.
    pub metrics_address: Option<SocketAddr>,
    /// The origins of `CLIENT_URL`, or `*`.
    pub client_origins: Vec<String>,
    /// Serve the demo page.
    pub demo_page: bool,
    /// How many entries at the end of `X-Forwarded-For` are believed.
    pub trusted_hops: usize,
    /// How long a request's head may take.
    pub headers_timeout: Duration,
    /// How long a request's body may take.
    pub body_timeout: Duration,
    /// Serve HTTPS.
    pub tls: Option<Tls>,
}

/// The files of a certificate.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

impl Server {
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let production = env
            .text(&table::NODE_ENV)
            .is_some_and(|name| name.eq_ignore_ascii_case("production"));
        let host = env
            .checked(&table::HOST, |host| address(host).is_some())?
            .and_then(address);
        let host = host.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let port = env.number(&table::PORT)?;
        let metrics_port: Option<u16> = env.optional_number(&table::METRICS_PORT)?;
        if metrics_port == Some(port) && port != 0 {
            return Err(ConfigError::SamePort { port });
        }
        Ok(Self {
            production,
            address: SocketAddr::new(host, port),
            metrics_address: metrics_port.map(|port| SocketAddr::new(host, port)),
            client_origins: env.list(&table::CLIENT_URL)?,
            demo_page: env.flag(&table::DEMO_PAGE)?.unwrap_or(!production),
            trusted_hops: env.number(&table::TRUST_PROXY)?,
            headers_timeout: env.milliseconds(&table::HTTP_HEADERS_TIMEOUT_MS)?,
            body_timeout: env.milliseconds(&table::HTTP_BODY_TIMEOUT_MS)?,
            tls: env
                .pair(&table::TLS_CERT_FILE, &table::TLS_KEY_FILE)?
                .map(|(certificate, key)| Tls { certificate, key }),
        })
    }
}

fn address(host: &str) -> Option<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Threads and their share of connections.
#[derive(Clone, Copy, Debug)]
pub struct Workers {
    /// How many worker threads.
    pub count: u16,
    /// How many connections each of them takes.
    pub max_connections: u32,
}

impl Workers {
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            count: env.number(&table::CLUSTER_WORKERS)?,
            max_connections: env.number(&table::MAX_CONNECTIONS_PER_WORKER)?,
        })
    }
}

/// Engine.IO: transports, heartbeat and buffers.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// Clients may connect, or upgrade, by WebSocket.
    pub websocket: bool,
    /// Clients may connect by HTTP long-polling.
    pub polling: bool,
    /// How often the server pings.
    pub ping_interval: Duration,
    /// How long it waits for an answer.
    pub ping_timeout: Duration,
    /// How long a client may take to join a namespace.
    pub connect_timeout: Duration,
    /// How long an upgrade may take.
    pub upgrade_timeout: Duration,
    /// The longest packet, and `maxPayload`.
    pub max_packet_bytes: usize,
    /// How much a client may leave unread.
    pub outbound_buffer_bytes: usize,
}

impl Engine {
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let transports = env.some_of(&table::SOCKET_IO_TRANSPORTS)?;
        Ok(Self {
            websocket: transports.contains(&"websocket"),
            polling: transports.contains(&"polling"),
            ping_interval: env.milliseconds(&table::SOCKET_IO_PING_INTERVAL)?,
            ping_timeout: env.milliseconds(&table::SOCKET_IO_PING_TIMEOUT)?,
            connect_timeout: env.milliseconds(&table::SOCKET_IO_CONNECT_TIMEOUT)?,
            upgrade_timeout: env.milliseconds(&table::SOCKET_IO_UPGRADE_TIMEOUT)?,
            max_packet_bytes: env.number(&table::MAX_PACKET_BYTES)?,
            outbound_buffer_bytes: env.number(&table::OUTBOUND_BUFFER_BYTES)?,
        })
    }
}

/// How long people wait, and are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Sessions {
    /// How long a person waits for a partner.
    pub match_timeout: Duration,
    /// How long a lost session is kept.
    pub resume_window: Duration,
    /// Who gets recovery offsets.
    pub recovery: Recovery,
}

/// Who gets the offsets of Socket.IO's connection state recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Browsers, and whoever asks.
    Auto,
    /// Everyone.
    Always,
    /// Nobody.
    Never,
}

impl Sessions {
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            match_timeout: env.milliseconds(&table::MATCH_TIMEOUT_MS)?,
            resume_window: env.milliseconds(&table::RESUME_WINDOW_MS)?,
            recovery: match env.one_of(&table::SESSION_RECOVERY)? {
                Some("always") => Recovery::Always,
                Some("never") => Recovery::Never,
                _ => Recovery::Auto,
            },
        })
    }
}

/// The limit of connections and requests per client address.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// The window.
    pub window: Duration,
    /// How many of them fit into one; 0 means no limit.
    pub max_requests: u32,
}

impl RateLimit {
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            window: env.milliseconds(&table::RATE_LIMIT_WINDOW_MS)?,
            max_requests: env.number(&table::RATE_LIMIT_MAX_REQUESTS)?,
        })
    }
}

/// The sizes that client events may have, in UTF-8 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of a session description.
    pub sdp_bytes: usize,
    /// Of an ICE candidate.
    pub candidate_bytes: usize,
    /// Of a chat message.
    pub text_bytes: usize,
    /// Of the criteria of `find_match`.
    pub criteria_bytes: usize,
}

impl Limits {
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            sdp_bytes: env.number(&table::MAX_SDP_BYTES)?,
            candidate_bytes: env.number(&table::MAX_CANDIDATE_BYTES)?,
            text_bytes: env.number(&table::MAX_TEXT_BYTES)?,
            criteria_bytes: env.number(&table::MAX_CRITERIA_BYTES)?,
        })
    }
}

/// TURN and STUN servers for clients.
#[derive(Clone, Debug)]
pub struct Turn {
    /// TURN URLs; never without a secret.
    pub urls: Vec<String>,
    /// One or two shared secrets ([`Secret::read_list`]), the first one signs.
    pub secret: Option<Secret>,
    /// How long credentials are good for.
    pub ttl: Duration,
    /// STUN URLs.
    pub stun_urls: Vec<String>,
}

impl Turn {
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let (urls, secret) = (env.list(&table::TURN_URLS)?, env.secret(&table::TURN_SECRET)?);
        if !urls.is_empty() && secret.is_none() {
            return Err(ConfigError::Missing {
                name: table::TURN_SECRET.name,
                because: table::TURN_URLS.name,
            });
        }
        Ok(Self {
            urls,
            secret,
            ttl: env.seconds(&table::TURN_TTL_SECONDS)?,
            stun_urls: env.list(&table::STUN_URLS)?,
        })
    }
}

/// Who may connect. Without any key: everyone.
#[derive(Clone, Debug)]
pub struct Auth {
    /// The key of HMAC signatures.
    pub secret: Option<Secret>,
    /// A public key, PEM.
    pub public_key: Option<PathBuf>,
    /// A JSON Web Key Set.
    pub jwks: Option<PathBuf>,
    /// The audience that a token must name.
    pub audience: Option<String>,
    /// The issuer that a token must name.
    pub issuer: Option<String>,
}

impl Auth {
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            secret: env.secret(&table::AUTH_JWT_SECRET)?,
            public_key: env.path(&table::AUTH_JWT_PUBLIC_KEY_FILE),
            jwks: env.path(&table::AUTH_JWKS_FILE),
            audience: env.text(&table::AUTH_JWT_AUDIENCE).map(str::to_owned),
            issuer: env.text(&table::AUTH_JWT_ISSUER).map(str::to_owned),
        })
    }

    /// Whether clients must show a token.
    #[must_use]
    pub fn required(&self) -> bool {
        self.secret.is_some() || self.public_key.is_some() || self.jwks.is_some()
    }
}

/// This pod among its peers.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its name: 1 to 63 letters, digits, hyphens and dots.
    pub id: String,
    /// Where other pods reach it, `host:port`.
    pub address: Option<String>,
    /// What all pods share.
    pub secret: Option<Secret>,
    /// How long its lease in Redis is good for.
    pub lease: Duration,
}

impl Pod {
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let id = env
            .checked(&table::POD_ID, is_pod_id)?
            .map_or_else(host_name, str::to_owned);
        let address = env
            .checked(&table::POD_ADDRESS, is_host_and_port)?
            .map(str::to_owned);
        Ok(Self {
            id,
            address,
            secret: env.secret(&table::POD_SECRET)?,
            lease: env.milliseconds(&table::POD_LEASE_MS)?,
        })
    }
}

fn is_pod_id(id: &str) -> bool {
    (1..=63).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}

fn is_host_and_port(address: &str) -> bool {
    address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// The host name, made a pod id: what does not belong there becomes a hyphen.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let id: String = name
        .trim()
        .chars()
        .take(63)
        .map(|char| {
            if char.is_ascii_alphanumeric() || char == '.' {
                char
            } else {
                '-'
            }
        })
        .collect();
    if id.is_empty() { "pod".to_owned() } else { id }
}

/// How the pod ends.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// How long after SIGTERM connections are still accepted.
    pub shutdown_delay: Duration,
    /// How long after SIGTERM the process ends at the latest.
    pub timeout: Duration,
    /// How many connections a second all pods together close; `None`: [`Self::budget`] decides by the number of sessions.
    pub disconnects_per_second: Option<u32>,
}

impl Drain {
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            shutdown_delay: env.milliseconds(&table::SHUTDOWN_DELAY_MS)?,
            timeout: env.milliseconds(&table::DRAIN_TIMEOUT_MS)?,
            disconnects_per_second: env.optional_number(&table::DRAIN_DISCONNECTS_PER_SECOND)?,
        })
    }

    /// How many of the service's `sessions` are closed in a second: what was set, else 50 or a 120th of them, whichever is more.
    #[must_use]
    pub fn budget(&self, sessions: u64) -> u64 {
        self.disconnects_per_second
            .map_or_else(|| (sessions / 120).max(50), u64::from)
    }
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// The least severe level that is logged.
    pub level: LogLevel,
    /// The form of a line.
    pub format: LogFormat,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what may fail.
    Warn,
    /// And what happens to the pod.
    Info,
    /// And what happens to its clients (Node's `http` and `verbose`).
    Debug,
    /// And everything else (Node's `silly`).
    Trace,
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// Text for people.
    Text,
}

impl Log {
    pub(super) fn from_env(env: &Environment, production: bool) -> Result<Self, ConfigError> {
        let level = match env.one_of(&table::LOG_LEVEL)? {
            Some("error") => LogLevel::Error,
            Some("warn") => LogLevel::Warn,
            Some("http" | "verbose" | "debug") => LogLevel::Debug,
            Some("silly" | "trace") => LogLevel::Trace,
            _ => LogLevel::Info,
        };
        let format = match env.one_of(&table::LOG_FORMAT)? {
            Some("json") => LogFormat::Json,
            Some("text") => LogFormat::Text,
            _ if production => LogFormat::Json,
            _ => LogFormat::Text,
        };
        Ok(Self { level, format })
    }
}

pub(super) fn traces(env: &Environment) -> Result<Option<String>, ConfigError> {
    let is_url = |url: &str| url.starts_with("http://") || url.starts_with("https://");
    Ok(env
        .checked(&table::OTEL_EXPORTER_OTLP_ENDPOINT, is_url)?
        .map(str::to_owned))
}

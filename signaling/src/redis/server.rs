//! The way to Redis: one server, the master that Sentinels name, or a cluster.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use redis::aio::{AsyncPushSender, ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo};
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, InfoDict,
    IntoConnectionInfo as _, Pipeline, ProtocolVersion, RedisError, RedisFuture, ServerErrorKind,
    TlsCertificates, TlsMode, Value,
};
use tokio::time::timeout;

use crate::config;
use crate::config::{SecretError, Topology, table};

/// How long a connection may take to be made, and an answer to come. Far longer than either takes, and short enough that a
/// connection that leads nowhere is noticed while people still wait.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// The oldest release whose commands suffice.
const OLDEST: (u32, u32) = (6, 0);

/// Why there is no connection. One line for whoever runs the service; none of them tells a password.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An URL is none.
    #[error("REDIS_URL is not allowed: {0}")]
    Url(RedisError),
    /// The password's file.
    #[error(transparent)]
    Password(#[from] SecretError),
    /// The certificate authority's file.
    #[error("{name}={path} cannot be read: {reason}", name = table::REDIS_TLS_CA_FILE.name, path = path.display())]
    Authority {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Nobody answers, or not in time.
    #[error("Redis cannot be reached: {0}")]
    Unreachable(RedisError),
    /// The user or the password is wrong, or the user may not do what a pod does.
    #[error("Redis refuses the user or password of REDIS_USERNAME and REDIS_PASSWORD: {0}")]
    Refused(RedisError),
    /// There is no such database.
    #[error("the database number in REDIS_URL is refused: {0}")]
    Database(RedisError),
    /// TLS came to nothing.
    #[error("no TLS session with Redis; see {name}, and rediss:// in REDIS_URL: {0}", name = table::REDIS_TLS_CA_FILE.name)]
    Tls(RedisError),
    /// The Sentinels know no such master.
    #[error("the Sentinels know no master named in {name}: {0}", name = table::REDIS_SENTINEL_MASTER.name)]
    Master(RedisError),
    /// A server that does not have what is needed.
    #[error("Redis is of version {0}; at least 6.0 is needed")]
    TooOld(String),
    /// A cluster given as one server, or one server as a cluster, or a Sentinel as a server.
    #[error("{name}={configured}, but the server is of mode {mode}", name = table::REDIS_TOPOLOGY.name)]
    OtherTopology {
        /// What was configured.
        configured: &'static str,
        /// What the server says it is.
        mode: String,
    },
    /// It answers what no Redis would.
    #[error("Redis gives no account of itself: {0}")]
    Unknown(RedisError),
}

impl ServerError {
    /// Whether trying again cannot help: the configuration has to change.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Url(_) | Self::Database(_) | Self::TooOld(_) | Self::OtherTopology { .. }
        )
    }

    /// What the connection's failure means, to a server that is spoken to over TLS or not.
    fn of(error: RedisError, tls: bool) -> Self {
        let text = error.to_string();
        let says = |words: &str| text.contains(words);
        match error.kind() {
            ErrorKind::MasterNameNotFoundBySentinel => Self::Master(error),
            ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => {
                Self::Refused(error)
            }
            _ if says("NOAUTH") || says("WRONGPASS") => Self::Refused(error),
            _ if says("DB index") || says("database number") || says("SELECT is not allowed") => {
                Self::Database(error)
            }
            _ if says("cluster support disabled") => Self::OtherTopology {
                configured: "cluster",
                mode: "standalone".to_owned(),
            },
            // A server without TLS takes the hello for the beginning of a command, and waits for the rest.
            _ if tls && !error.is_connection_refusal() => Self::Tls(error),
            _ => Self::Unreachable(error),
        }
    }
}

/// How to reach Redis.
#[derive(Clone, Debug)]
pub struct Server {
    config: config::Redis,
    urls: Vec<ConnectionInfo>,
}

impl Server {
    /// Reads the URLs; connects nowhere.
    ///
    /// # Errors
    /// An URL that is none.
    pub fn new(config: &config::Redis) -> Result<Self, ServerError> {
        let urls = config.urls.iter().map(|url| {
            let url = url.as_str().into_connection_info()?;
            Ok(unnamed(url))
        });
        Ok(Self {
            urls: urls.collect::<Result<_, _>>().map_err(ServerError::Url)?,
            config: config.clone(),
        })
    }

    /// The first host that is named, to find out from which address it is reached.
    #[must_use]
    pub fn host(&self) -> Option<(String, u16)> {
        match self.urls.first()?.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some((host.clone(), *port))
            }
            _ => None,
        }
    }

    /// The kind of Redis, as it is configured.
    #[must_use]
    pub fn topology(&self) -> &'static str {
        match self.config.topology {
            Topology::Standalone => "standalone",
            Topology::Sentinel { .. } => "sentinel",
            Topology::Cluster => "cluster",
        }
    }

    /// Connects, logs in and looks whether the server will do.
    ///
    /// # Errors
    /// What is in the way.
    pub(super) async fn connect(&self) -> Result<Connection, ServerError> {
        let mut connection = match self.config.topology {
            Topology::Cluster => Connection::Cluster(self.connect_cluster().await?),
            _ => Connection::Single(self.connect_single().await?),
        };
        self.examine(&mut connection).await?;
        Ok(connection)
    }

    /// Connects to receive what is published.
    ///
    /// # Errors
    /// What is in the way.
    pub(super) async fn connect_to_listen(&self) -> Result<PubSub, ServerError> {
        let client = self.client().await?;
        // The library waits for as long as the system does.
        match timeout(PATIENCE, client.get_async_pubsub()).await {
            Ok(connected) => connected.map_err(|error| self.failed(error)),
            Err(_) => Err(self.failed(too_slow())),
        }
    }

    async fn connect_single(&self) -> Result<MultiplexedConnection, ServerError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let client = self.client().await?;
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| self.failed(error))
    }

    async fn connect_cluster(&self) -> Result<ClusterConnection, ServerError> {
        let password = self.password()?;
        let mut builder = ClusterClient::builder(self.urls.clone())
            .connection_timeout(PATIENCE)
            .response_timeout(PATIENCE)
            .retries(3);
        if let Some(username) = &self.config.username {
            builder = builder.username(username);
        }
        if let Some(password) = password {
            builder = builder.password(password);
        }
        if let Some(root_cert) = self.authority()? {
            builder = builder.certs(TlsCertificates {
                client_tls: None,
                root_cert: Some(root_cert),
            });
        }
        let client = builder.build().map_err(ServerError::Url)?;
        match timeout(PATIENCE * 2, client.get_async_connection()).await {
            Ok(connected) => connected.map_err(|error| self.failed(error)),
            Err(_) => Err(self.failed(too_slow())),
        }
    }

    /// Connects to a node of a cluster, which then says what it has to say unasked to `pushes`: to the one at `address`, or
    /// any.
    ///
    /// # Errors
    /// What is in the way.
    pub(super) async fn connect_to_node(
        &self,
        address: Option<ConnectionAddr>,
        pushes: impl AsyncPushSender,
    ) -> Result<MultiplexedConnection, ServerError> {
        let url = match address {
            Some(address) => self.any_url().set_addr(address),
            None => self.any_url(),
        };
        let settings = url.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = self.client_at(url.set_redis_settings(settings))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_push_sender(pushes);
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| self.failed(error))
    }

    /// Whether it is a cluster.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        matches!(self.config.topology, Topology::Cluster)
    }

    /// One of the URLs, each time another one perhaps.
    pub(super) fn any_url(&self) -> ConnectionInfo {
        self.urls[rand::random_range(0..self.urls.len())].clone()
    }

    /// Where the master is that the Sentinels name now; none where there are none.
    ///
    /// # Errors
    /// What is in the way.
    pub(super) async fn master_address(&self) -> Result<Option<ConnectionAddr>, ServerError> {
        match self.config.topology {
            Topology::Sentinel { .. } => {
                let client = self.client().await?;
                Ok(Some(client.get_connection_info().addr().clone()))
            }
            _ => Ok(None),
        }
    }

    /// A client of one server: the only one, or the master of the moment.
    async fn client(&self) -> Result<Client, ServerError> {
        if let Topology::Sentinel { master } = &self.config.topology {
            let root_cert = self.authority()?;
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert,
            };
            return self.master(master, certificates).await;
        }
        self.client_at(self.any_url())
    }

    /// A client of the server with this URL.
    fn client_at(&self, url: ConnectionInfo) -> Result<Client, ServerError> {
        let mut settings = url.redis_settings().clone();
        if let Some(username) = &self.config.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = self.password()? {
            settings = settings.set_password(password);
        }
        let info = url.set_redis_settings(settings);
        match self.authority()? {
            Some(root_cert) if is_tls(info.addr()) => {
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(root_cert),
                };
                Client::build_with_tls(info, certificates)
            }
            _ => Client::open(info),
        }
        .map_err(ServerError::Url)
    }

    /// The master, as the Sentinels name it now. User, password and database are its own; those of an URL are the
    /// Sentinels'.
    async fn master(&self, name: &str, certificates: TlsCertificates) -> Result<Client, ServerError> {
        let sentinels = self.urls.iter().map(|url| url.addr().clone());
        let mut builder = SentinelClientBuilder::new(sentinels, name, SentinelServerType::Master)
            .map_err(ServerError::Url)?;
        let first = self.urls.first().map(ConnectionInfo::redis_settings);
        if let Some(settings) = first {
            builder = builder.set_client_to_redis_db(settings.db());
            if let Some(username) = settings.username() {
                builder = builder.set_client_to_sentinel_username(username);
            }
            if let Some(password) = settings.password() {
                builder = builder.set_client_to_sentinel_password(password);
            }
        }
        if self.urls.iter().any(|url| is_tls(url.addr())) {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure);
            if certificates.root_cert.is_some() {
                builder = builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates);
            }
        }
        if let Some(username) = &self.config.username {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = self.password()? {
            builder = builder.set_client_to_redis_password(password);
        }
        let mut client = builder.build().map_err(ServerError::Url)?;
        match timeout(PATIENCE, client.async_get_client()).await {
            Ok(found) => {
                let found = found.map_err(|error| self.failed(error))?;
                let info = unnamed(found.get_connection_info().clone());
                Client::open(info).map_err(ServerError::Url)
            }
            Err(_) => Err(self.failed(too_slow())),
        }
    }

    fn failed(&self, error: RedisError) -> ServerError {
        ServerError::of(error, self.urls.iter().any(|url| is_tls(url.addr())))
    }

    /// The password, read again at every connect: it may have been rotated.
    fn password(&self) -> Result<Option<String>, ServerError> {
        let password = self.config.password.as_ref();
        Ok(password.map(config::Secret::read).transpose()?)
    }

    fn authority(&self) -> Result<Option<Vec<u8>>, ServerError> {
        let Some(path) = &self.config.ca else {
            return Ok(None);
        };
        std::fs::read(path)
            .map(Some)
            .map_err(|reason| ServerError::Authority {
                path: path.clone(),
                reason,
            })
    }

    /// The processes that serve a cluster now: a new one among them may lack what the one before it had. Elsewhere, and
    /// where they do not tell, none.
    pub(super) async fn masters(&self, connection: &mut Connection) -> BTreeSet<String> {
        let Connection::Cluster(cluster) = connection else {
            return BTreeSet::new();
        };
        let mut asked = redis::cmd("INFO");
        asked.arg("server");
        let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let told = timeout(PATIENCE, cluster.route_command(asked, all)).await;
        let told = told.ok().and_then(Result::ok);
        let told: Option<HashMap<String, String>> = told.and_then(|told| redis::from_redis_value(told).ok());
        let told = told.into_iter().flat_map(HashMap::into_values);
        told.filter_map(|said| InfoDict::new(&said).get("run_id"))
            .collect()
    }

    /// Whether it is what it was taken for, and new enough.
    async fn examine(&self, connection: &mut Connection) -> Result<(), ServerError> {
        let mut asked = redis::cmd("INFO");
        asked.arg("server");
        let said: String = match connection {
            Connection::Single(single) => asked.query_async(single).await,
            Connection::Cluster(cluster) => {
                let somewhere = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
                let answer = cluster.route_command(asked, somewhere).await;
                answer.and_then(|answer| Ok(redis::from_redis_value(answer)?))
            }
        }
        .map_err(|error| self.failed(error))?;
        let known = InfoDict::new(&said);
        let text = |name: &str| known.get::<String>(name).unwrap_or_default();
        let (version, mode) = (text("redis_version"), text("redis_mode"));
        let wanted = match self.config.topology {
            Topology::Cluster => "cluster",
            _ => "standalone",
        };
        if mode != wanted && !mode.is_empty() {
            let configured = self.topology();
            return Err(ServerError::OtherTopology { configured, mode });
        }
        match release(&version) {
            Some(release) if release < OLDEST => Err(ServerError::TooOld(version)),
            _ => Ok(()),
        }
    }
}

/// The first two numbers of a version.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The library does not introduce itself, with a command that is newer than what is needed. To a cluster it does all the
/// same, and does not mind when that is refused.
fn unnamed(url: ConnectionInfo) -> ConnectionInfo {
    let settings = url.redis_settings().clone().set_skip_set_lib_name();
    url.set_redis_settings(settings)
}

fn is_tls(address: &ConnectionAddr) -> bool {
    matches!(address, ConnectionAddr::TcpTls { .. })
}

/// What the library says of its own timeouts.
fn too_slow() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

/// A connection to whatever kind of Redis it is.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    Single(MultiplexedConnection),
    /// To all nodes of a cluster.
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        assert!(release("5.0.14") < Some(OLDEST));
        assert!(release("6.0.0") >= Some(OLDEST) && release("10.1") > Some(OLDEST));
        assert_eq!(release("unknown"), None);
    }
}

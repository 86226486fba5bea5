//! The configuration of what pods share: Redis and Kafka.

use std::path::PathBuf;
use std::time::Duration;

use super::environment::Environment;
use super::{ConfigError, Secret, table};

/// The Redis that pods share.
#[derive(Clone, Debug)]
pub struct Redis {
    /// One server, the Sentinels, or seeds of the cluster.
    pub urls: Vec<String>,
    /// Which of these.
    pub topology: Topology,
    /// The user to log in as.
    pub username: Option<String>,
    /// The password to log in with.
    pub password: Option<Secret>,
    /// The certificate authority, PEM.
    pub ca: Option<PathBuf>,
    /// What every key and channel begins with.
    pub prefix: String,
    /// How many connections.
    pub pool_size: usize,
    /// How long a session's record outlives its last refresh.
    pub session_ttl: Duration,
    /// How long a match's record outlives its last refresh.
    pub match_ttl: Duration,
    /// How long a user's statistics are kept.
    pub user_ttl: Duration,
}

/// What kind of Redis it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Standalone,
    /// A master found by its Sentinels.
    Sentinel {
        /// The name that the Sentinels know it by.
        master: String,
    },
    /// A cluster.
    Cluster,
}

impl Redis {
    /// `None` where `REDIS_URL` is not set; the others are checked all the same.
    pub(super) fn from_env(env: &Environment) -> Result<Option<Self>, ConfigError> {
        let urls = env.list(&table::REDIS_URL)?;
        let master = env.text(&table::REDIS_SENTINEL_MASTER).map(str::to_owned);
        let topology = match (env.one_of(&table::REDIS_TOPOLOGY)?, master) {
            (Some("sentinel"), Some(master)) => Topology::Sentinel { master },
            (Some("sentinel"), None) => {
                let (name, because) = (table::REDIS_SENTINEL_MASTER.name, "REDIS_TOPOLOGY=sentinel");
                return Err(ConfigError::Missing { name, because });
            }
            (Some("cluster"), _) => Topology::Cluster,
            _ => Topology::Standalone,
        };
        let redis = Self {
            topology,
            username: env.text(&table::REDIS_USERNAME).map(str::to_owned),
            password: env.secret(&table::REDIS_PASSWORD)?,
            ca: env.path(&table::REDIS_TLS_CA_FILE),
            prefix: env
                .checked(&table::REDIS_PREFIX, is_prefix)?
                .unwrap_or_default()
                .to_owned(),
            pool_size: env.number(&table::REDIS_POOL_SIZE)?,
            session_ttl: env.seconds(&table::REDIS_TTL_SOCKET_MAP)?,
            match_ttl: env.seconds(&table::REDIS_TTL_MATCH_MAP)?,
            user_ttl: env.seconds(&table::REDIS_TTL_USER_STATS)?,
            urls,
        };
        Ok((!redis.urls.is_empty()).then_some(redis))
    }
}

fn is_prefix(prefix: &str) -> bool {
    prefix.len() <= 128
        && prefix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte))
}

/// The Kafka that events go to.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// The brokers, `host:port` each.
    pub brokers: Vec<String>,
    /// The topic.
    pub topic: String,
    /// How many events go into one batch at most.
    pub batch_size: u32,
    /// How long an event waits for its batch to fill.
    pub batch_timeout: Duration,
    /// How brokers are spoken to.
    pub security: KafkaSecurity,
}

/// How Kafka's brokers are spoken to.
#[derive(Clone, Debug)]
pub struct KafkaSecurity {
    /// `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
    pub protocol: &'static str,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: &'static str,
    /// The user to log in as.
    pub username: Option<String>,
    /// The password to log in with.
    pub password: Option<Secret>,
    /// The certificate authority, PEM.
    pub ca: Option<PathBuf>,
    /// The certificate and its key to show to brokers that ask, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Kafka {
    /// `None` where `KAFKA_BROKERS` is not set; the others are checked all the same.
    pub(super) fn from_env(env: &Environment) -> Result<Option<Self>, ConfigError> {
        let kafka = Self {
            brokers: env.list(&table::KAFKA_BROKERS)?,
            topic: env
                .checked(&table::KAFKA_TOPIC_EVENTS, is_topic)?
                .unwrap_or_default()
                .to_owned(),
            batch_size: env.number(&table::KAFKA_BATCH_SIZE)?,
            batch_timeout: env.milliseconds(&table::KAFKA_BATCH_TIMEOUT)?,
            security: KafkaSecurity::from_env(env)?,
        };
        Ok((!kafka.brokers.is_empty()).then_some(kafka))
    }
}

impl KafkaSecurity {
    fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let security = Self {
            protocol: env
                .one_of(&table::KAFKA_SECURITY_PROTOCOL)?
                .unwrap_or("PLAINTEXT"),
            mechanism: env
                .one_of(&table::KAFKA_SASL_MECHANISM)?
                .unwrap_or("SCRAM-SHA-512"),
            username: env.text(&table::KAFKA_SASL_USERNAME).map(str::to_owned),
            password: env.secret(&table::KAFKA_SASL_PASSWORD)?,
            ca: env.path(&table::KAFKA_TLS_CA_FILE),
            identity: env.pair(&table::KAFKA_TLS_CERT_FILE, &table::KAFKA_TLS_KEY_FILE)?,
        };
        let because = table::KAFKA_SECURITY_PROTOCOL.name;
        match (
            security.protocol.starts_with("SASL"),
            &security.username,
            &security.password,
        ) {
            (true, None, _) => Err(ConfigError::Missing {
                name: table::KAFKA_SASL_USERNAME.name,
                because,
            }),
            (true, _, None) => Err(ConfigError::Missing {
                name: table::KAFKA_SASL_PASSWORD.name,
                because,
            }),
            _ => Ok(security),
        }
    }
}

fn is_topic(topic: &str) -> bool {
    topic.len() <= 249
        && ![".", ".."].contains(&topic)
        && topic
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

//! Configuration: environment variables in, typed values out.
//!
//! [`table`] declares each variable; [`Config::from_env`] checks all of them at once and stops at the first that is
//! not allowed, with one line that says what is. Nothing else in this crate reads the environment.

mod backends;
mod dotenv;
mod environment;
mod secret;
mod sections;
pub mod table;
pub mod variable;

use std::fmt;
use std::path::PathBuf;

pub use self::backends::{Kafka, KafkaSecurity, Redis, Topology};
pub use self::dotenv::process_environment;
use self::environment::Environment;
pub use self::secret::{Secret, SecretError};
pub use self::sections::{
    Auth, Drain, Engine, Limits, Log, LogFormat, LogLevel, Pod, RateLimit, Recovery, Server, Sessions, Tls,
    Turn, Workers,
};
use self::variable::Kind;

/// Everything that can be configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses, origins and what is served.
    pub server: Server,
    /// Threads and their share of connections.
    pub workers: Workers,
    /// Engine.IO: transports, heartbeat and buffers.
    pub engine: Engine,
    /// How long people wait, and are waited for.
    pub sessions: Sessions,
    /// The limit of connections and requests per client address.
    pub rate_limit: RateLimit,
    /// The sizes that client events may have.
    pub limits: Limits,
    /// TURN and STUN servers for clients.
    pub turn: Turn,
    /// Who may connect.
    pub auth: Auth,
    /// This pod among its peers.
    pub pod: Pod,
    /// How the pod ends.
    pub drain: Drain,
    /// What is logged, and how.
    pub log: Log,
    /// Where traces go (`OTEL_EXPORTER_OTLP_ENDPOINT`).
    pub traces: Option<String>,
    /// Redis, where `REDIS_URL` is set.
    pub redis: Option<Redis>,
    /// Kafka, where `KAFKA_BROKERS` is set.
    pub kafka: Option<Kafka>,
}

impl Config {
    /// Reads the variables of a process ([`process_environment`]) without touching a file: paths and `…_FILE` secrets
    /// are opened by those who use them, and by [`check_files`](Self::check_files).
    ///
    /// # Errors
    /// The first variable whose value is not allowed, or that needs another one.
    pub fn from_env(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<Warning>), ConfigError> {
        let env = Environment::new(variables);
        let server = Server::from_env(&env)?;
        let config = Self {
            workers: Workers::from_env(&env)?,
            engine: Engine::from_env(&env)?,
            sessions: Sessions::from_env(&env)?,
            rate_limit: RateLimit::from_env(&env)?,
            limits: Limits::from_env(&env)?,
            turn: Turn::from_env(&env)?,
            auth: Auth::from_env(&env)?,
            pod: Pod::from_env(&env)?,
            drain: Drain::from_env(&env)?,
            log: Log::from_env(&env, server.production)?,
            traces: sections::traces(&env)?,
            redis: Redis::from_env(&env)?,
            kafka: Kafka::from_env(&env)?,
            server,
        };
        config.warn_of_combinations(&env);
        Ok((config, env.into_warnings()))
    }

    /// Opens every file that is named, so that a start fails on a missing one rather than the first client.
    ///
    /// # Errors
    /// The first file that cannot be read, or secret that is empty.
    pub fn check_files(&self) -> Result<(), ConfigError> {
        let secrets = [
            &self.turn.secret,
            &self.auth.secret,
            &self.pod.secret,
            &self.redis.as_ref().and_then(|redis| redis.password.clone()),
        ];
        for secret in secrets.into_iter().flatten() {
            secret.read()?;
        }
        let tls = self.server.tls.as_ref();
        let files = [
            (&table::TLS_CERT_FILE, tls.map(|tls| &tls.certificate)),
            (&table::TLS_KEY_FILE, tls.map(|tls| &tls.key)),
            (&table::AUTH_JWT_PUBLIC_KEY_FILE, self.auth.public_key.as_ref()),
            (&table::AUTH_JWKS_FILE, self.auth.jwks.as_ref()),
            (
                &table::REDIS_TLS_CA_FILE,
                self.redis.as_ref().and_then(|redis| redis.ca.as_ref()),
            ),
        ];
        for (variable, path) in files {
            let Some(path) = path else { continue };
            std::fs::read(path).map_err(|reason| ConfigError::Unreadable {
                name: variable.name,
                path: path.clone(),
                reason,
            })?;
        }
        Ok(())
    }

    /// The pod's limit of connections: every worker's together.
    #[must_use]
    pub fn max_connections(&self) -> u64 {
        u64::from(self.workers.count) * u64::from(self.workers.max_connections)
    }

    /// Warns of values that are allowed one by one and do not go well together.
    fn warn_of_combinations(&self, env: &Environment) {
        let noticed = self.engine.ping_interval + self.engine.ping_timeout + sections::RECONNECT;
        if self.sessions.resume_window < noticed {
            env.warn(Warning::ShortResumeWindow {
                advised_ms: noticed.as_millis(),
            });
        }
        if self.drain.timeout <= self.drain.shutdown_delay {
            env.warn(Warning::NoTimeToDrain);
        }
        let largest = self
            .limits
            .sdp_bytes
            .max(self.limits.candidate_bytes)
            .max(self.limits.text_bytes);
        if self.engine.max_packet_bytes <= largest {
            env.warn(Warning::PacketBelowPayload { largest });
        }
        let hmac_key = self.auth.secret.as_ref().filter(|secret| secret.path().is_none());
        if hmac_key
            .and_then(|secret| secret.read().ok())
            .is_some_and(|key| key.len() < 32)
        {
            env.warn(Warning::ShortSecret {
                name: table::AUTH_JWT_SECRET.name,
            });
        }
    }
}

/// Why a pod does not start: one line for whoever set the variable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value is not what the variable allows.
    #[error("{name}{value} is not allowed: it takes {allowed}", value = shown(.value))]
    Invalid {
        /// The variable.
        name: &'static str,
        /// Its value; empty where it is not to be shown.
        value: String,
        /// What it takes.
        allowed: Kind,
    },
    /// A variable has no effect, or none that was meant, without another one.
    #[error("{name} is missing: {because} needs it")]
    Missing {
        /// The variable that is not set.
        name: &'static str,
        /// The one that needs it.
        because: &'static str,
    },
    /// A secret was given as value and as file.
    #[error("{name} and {name}_FILE are both set: leave one of them out")]
    SetTwice {
        /// The secret's variable.
        name: &'static str,
    },
    /// Two listeners on one port.
    #[error(
        "METRICS_PORT={port} is not allowed: it is the port of PORT too; leave METRICS_PORT out to share it"
    )]
    SamePort {
        /// The port.
        port: u16,
    },
    /// A file could not be read.
    #[error("{name}={path} cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// The variable that names it.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A secret could not be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The `.env` file of the working directory is not one. Its text is not repeated, it may hold secrets.
    #[error(".env cannot be read: {reason}")]
    DotEnv {
        /// What is wrong with it.
        reason: String,
    },
}

fn shown(value: &str) -> String {
    if value.is_empty() {
        String::new()
    } else {
        format!("={value}")
    }
}

/// Something that does not stop the start but that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A name that nothing reads and that looks like one of ours.
    Misspelling {
        /// The name as it was set.
        name: String,
        /// The name that was probably meant.
        meant: String,
    },
    /// A Kubernetes Service whose name makes one of our variables.
    ServiceLink {
        /// The variable, which was taken as unset.
        name: &'static str,
    },
    /// Variables of parts that are not in this build.
    NotYetUsed {
        /// The variables.
        names: Vec<&'static str>,
    },
    /// A variable from Node.js deployments.
    NoEffect {
        /// The variable.
        name: &'static str,
    },
    /// Sessions may end before their clients have noticed that they were cut off.
    ShortResumeWindow {
        /// Ping interval, ping timeout and 10 s to connect again.
        advised_ms: u128,
    },
    /// All the time that there is after SIGTERM goes by before draining begins.
    NoTimeToDrain,
    /// A payload of its greatest length does not fit into a packet.
    PacketBelowPayload {
        /// The greatest length of a payload in bytes.
        largest: usize,
    },
    /// An HMAC key that can be guessed (RFC 7518, section 3.2).
    ShortSecret {
        /// The variable.
        name: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misspelling { name, meant } => {
                write!(f, "{name} is not a variable of this service: was {meant} meant?")
            }
            Self::ServiceLink { name } => {
                write!(
                    f,
                    "{name} was injected by Kubernetes for a Service and is ignored: enableServiceLinks: false avoids it"
                )
            }
            Self::NotYetUsed { names } => {
                write!(f, "this build does not use {} yet", names.join(", "))
            }
            Self::NoEffect { name } => {
                write!(f, "{name} has no effect: this service is not a Node.js process")
            }
            Self::ShortResumeWindow { advised_ms } => write!(
                f,
                "RESUME_WINDOW_MS is below ping interval + ping timeout + 10 s: set {advised_ms} or more, or clients return too late"
            ),
            Self::NoTimeToDrain => {
                f.write_str("DRAIN_TIMEOUT_MS is not above SHUTDOWN_DELAY_MS: no time is left to drain")
            }
            Self::PacketBelowPayload { largest } => {
                write!(
                    f,
                    "MAX_PACKET_BYTES is not above {largest}, the longest payload allowed: it will not fit"
                )
            }
            Self::ShortSecret { name } => write!(
                f,
                "{name} is shorter than 32 bytes and can be guessed (RFC 7518, 3.2)"
            ),
        }
    }
}

#[cfg(test)]
mod tests;

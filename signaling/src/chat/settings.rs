//! What the chat takes from the configuration.

use std::sync::Mutex;
use std::time::Duration;

use signaling_core::event::Limits;
use signaling_core::ice::IceConfig;
use signaling_core::id::WorkerId;
use signaling_core::worker;
use signaling_wire::socket_io;

use crate::auth::{Authenticator, KeyError};
use crate::config::{Config, Recovery, Turn};

/// How long a client that was let in beyond a limit may take to its CONNECT, at most.
const PROVISIONAL: Duration = Duration::from_secs(5);

/// The chat's settings, the same for all workers of a pod.
#[derive(Debug)]
pub struct Settings {
    worker: worker::Config,
    lease: Duration,
    recovery: Recovery,
    connect_timeout: Duration,
    max_packet: usize,
    auth: Option<Authenticator>,
    turn: Turn,
    /// The TURN secret that was read last; behind a lock, for a file is read by whichever worker comes first.
    secret: Mutex<Option<String>>,
}

impl Settings {
    /// What concerns the chat.
    ///
    /// # Errors
    /// When a key of authentication is none.
    pub fn new(config: &Config) -> Result<Self, KeyError> {
        let mut worker = worker::Config::new(WorkerId::new(&config.pod.id, 0));
        worker.limits = Limits {
            sdp: config.limits.sdp_bytes,
            candidate: config.limits.candidate_bytes,
            text: config.limits.text_bytes,
            criteria: config.limits.criteria_bytes,
            ..Limits::default()
        };
        worker.resume_window = config.sessions.resume_window;
        worker.match_timeout = config.sessions.match_timeout;
        worker.ping_time = config.engine.ping_interval + config.engine.ping_timeout;
        worker.save_every = config
            .redis
            .as_ref()
            .map(|redis| redis.session_ttl.min(redis.match_ttl) / 3);
        Ok(Self {
            worker,
            lease: config.pod.lease,
            recovery: config.sessions.recovery,
            connect_timeout: config.engine.connect_timeout,
            max_packet: config.engine.max_packet_bytes,
            auth: Authenticator::new(&config.auth)?,
            secret: Mutex::new(read(&config.turn)),
            turn: config.turn.clone(),
        })
    }

    pub(super) fn worker(&self, name: WorkerId) -> worker::Config {
        worker::Config {
            worker: name,
            ..self.worker.clone()
        }
    }

    /// For how long a pod may be silent before others take it for lost.
    pub(super) fn silence(&self) -> Duration {
        self.lease * 2
    }

    pub(super) fn match_timeout(&self) -> Duration {
        self.worker.match_timeout
    }

    /// A worker's own checker of tokens, where clients must show one.
    pub(super) fn authenticator(&self) -> Option<Authenticator> {
        self.auth.clone()
    }

    pub(super) fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// The limits of a connection. One that was let in beyond a limit has little time to say whose it is.
    pub(super) fn socket_io(&self, provisional: bool) -> socket_io::Limits {
        let connect_timeout = match provisional {
            true => self.connect_timeout.min(PROVISIONAL),
            false => self.connect_timeout,
        };
        socket_io::Limits {
            connect_timeout_ms: u32::try_from(connect_timeout.as_millis()).unwrap_or(u32::MAX),
            packet_bytes: u32::try_from(self.max_packet).unwrap_or(u32::MAX),
            // One namespace is served; the others' names have to be refused politely, a few at a time.
            namespaces: 4,
            ..socket_io::Limits::default()
        }
    }

    /// The STUN and TURN servers, with the secret as it was read last.
    pub(super) fn ice(&self) -> IceConfig {
        let secret = self
            .secret
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        IceConfig {
            stun_urls: self.turn.stun_urls.clone(),
            turn_urls: self.turn.urls.clone(),
            turn_secret: secret,
            ttl: self.turn.ttl,
        }
    }

    /// Reads a secret's file again; the servers, where it has changed since `known`.
    pub(super) fn changed_ice(&self, known: &IceConfig) -> Option<IceConfig> {
        if self
            .turn
            .secret
            .as_ref()
            .is_some_and(|secret| secret.path().is_some())
            && let Some(secret) = read(&self.turn)
        {
            *self
                .secret
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(secret);
        }
        let ice = self.ice();
        (ice.turn_secret != known.turn_secret).then_some(ice)
    }
}

/// The first of the secrets: new credentials are signed with it.
fn read(turn: &Turn) -> Option<String> {
    let secrets = turn.secret.as_ref()?.read_list();
    secrets
        .inspect_err(|error| tracing::warn!(%error, "the TURN secret cannot be read; the last one stays"))
        .ok()?
        .into_iter()
        .next()
}

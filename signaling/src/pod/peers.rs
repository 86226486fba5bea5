//! What connects a pod to the other pods of its service: Redis, and what they share without it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::Sha256;
use signaling_core::id::WorkerId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::pace::Allowed;
use crate::config::{self, Config, Topology};
use crate::metrics::Metrics;
use crate::redis::budget::Budget;
use crate::redis::lease::Keeper;
use crate::redis::{Client, Heard, Listener, Server, ServerError, State};
use crate::status::Status;
use crate::transport::{self, Clock};

/// How long giving up the lease may take: part of what is left for the end of a drain.
const GIVE_UP: Duration = Duration::from_millis(400);

/// One worker's part of it.
pub(super) struct Line {
    pub(super) client: Client,
    pub(super) listener: Listener,
    pub(super) heard: mpsc::Receiver<Heard>,
}

/// The pod's part of it.
pub(super) struct Peers {
    server: Arc<Server>,
    state: Arc<State>,
    workers: Vec<mpsc::Sender<Heard>>,
}

/// A lease that is kept.
pub(super) struct Kept {
    leaving: oneshot::Sender<()>,
    keeping: JoinHandle<Result<(), ServerError>>,
    state: Arc<State>,
    budget: Budget,
}

impl Peers {
    /// The pod's and its workers' parts, where a Redis is configured.
    ///
    /// # Errors
    /// An URL that is none.
    pub(super) fn compose(
        config: &Config,
        metrics: &Arc<Metrics>,
    ) -> Result<(Option<Self>, Vec<Option<Line>>), ServerError> {
        let count = config.workers.count;
        let Some(redis) = &config.redis else {
            return Ok((None, (0..count).map(|_| None).collect()));
        };
        let server = Arc::new(Server::new(redis)?);
        let state = Arc::new(State::new(server.topology()));
        let each = redis.pool_size.div_ceil(usize::from(count));
        let mut workers = Vec::new();
        let line = |number| {
            let worker = WorkerId::new(&config.pod.id, number);
            let (client, listener, sender, heard) = Client::new(
                worker,
                Arc::clone(&server),
                (redis, each),
                config.sessions.match_timeout,
                Arc::clone(&state),
                Arc::clone(metrics),
            );
            workers.push(sender);
            Some(Line {
                client,
                listener,
                heard,
            })
        };
        let lines = (0..count).map(line).collect();
        let peers = Self {
            server,
            state,
            workers,
        };
        Ok((Some(peers), lines))
    }

    /// How Redis is.
    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Where the other pods are reached, as their leases say.
    pub(super) fn addresses(&self) -> transport::Peers {
        let state = self.state();
        transport::Peers::new(move |pod| state.peers().get(pod).cloned())
    }

    /// Begins to keep the pod's lease. It is reached at `listening`, unless its address is configured.
    pub(super) fn keep_lease(
        self,
        config: &Config,
        clock: Clock,
        status: Arc<Status>,
        listening: SocketAddr,
    ) -> Kept {
        let configured = config.pod.address.clone();
        let address = configured.unwrap_or_else(|| own_address(&self.server, listening));
        let prefix = config.redis.as_ref().map_or("", |redis| &redis.prefix);
        tracing::debug!(address, "other pods reach this one here");
        let budget = Budget::new(Arc::clone(&self.server), prefix);
        let state = self.state();
        let keeper = Keeper::new(
            self.server,
            self.state,
            (clock, status),
            (&config.pod.id, prefix),
            (address, config.server.tls.is_some()),
            config.pod.lease,
            self.workers,
        );
        let (leaving, left) = oneshot::channel();
        let keeping = tokio::spawn(keeper.keep(left));
        Kept {
            leaving,
            keeping,
            state,
            budget,
        }
    }
}

impl Kept {
    /// Ends when the lease cannot be kept, whatever is tried.
    pub(super) async fn failed(&mut self) -> anyhow::Error {
        match (&mut self.keeping).await {
            Ok(Ok(())) => std::future::pending().await,
            Ok(Err(error)) => error.into(),
            Err(error) => error.into(),
        }
    }

    /// How many connections the other pods have.
    pub(super) fn connections_elsewhere(&self) -> u64 {
        self.state.connections_elsewhere()
    }

    /// What may be closed now, of `wanted`, by a budget of `per_second` of the whole service.
    pub(super) async fn allows(&mut self, wanted: u64, per_second: u64) -> Allowed {
        match self.budget.take(wanted, per_second).await {
            Some(granted) => Allowed::Granted(granted),
            None => Allowed::Part {
                of: self.state.peers().len() as u64 + 1,
            },
        }
    }

    /// Gives the lease up, so that others need not wait until it runs out, as they do where Redis does not answer in time.
    pub(super) async fn give_up(self) {
        // It has ended by itself: there is nothing to give up.
        let _ = self.leaving.send(());
        let _ = timeout(GIVE_UP, self.keeping).await;
    }
}

/// The address from which this pod reaches Redis, by which others will reach it as well; the port is that of clients.
fn own_address(server: &Server, listening: SocketAddr) -> String {
    let outward = |(host, port): (String, u16)| -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind("0.0.0.0:0").or_else(|_| UdpSocket::bind("[::]:0"))?;
        // Sends nothing: the system only looks for the way.
        socket.connect((host.as_str(), port))?;
        Ok(socket.local_addr()?.ip())
    };
    let found = server.host().and_then(|host| outward(host).ok());
    SocketAddr::new(found.unwrap_or(listening.ip()), listening.port()).to_string()
}

/// What all pods of the service share, to trust each other: as configured, else made of what they have in common. A pod
/// on its own draws it.
///
/// # Errors
/// A secret that cannot be read.
pub(super) fn secret(config: &Config) -> Result<Vec<u8>, config::SecretError> {
    if let Some(secret) = &config.pod.secret {
        return Ok(secret.read()?.into_bytes());
    }
    let Some(redis) = &config.redis else {
        let mut drawn = vec![0; 32];
        SysRng
            .try_fill_bytes(&mut drawn)
            .expect("the system has randomness");
        return Ok(drawn);
    };
    tracing::warn!("POD_SECRET is not set: pods trust each other by the password of Redis");
    let password = redis.password.as_ref().map(config::Secret::read).transpose()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(password.unwrap_or_default().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(redis.prefix.as_bytes());
    if let Topology::Standalone = redis.topology {
        // It may bear the password. Of several, each pod may know others.
        redis.urls.iter().for_each(|url| mac.update(url.as_bytes()));
    }
    Ok(mac.finalize().into_bytes().to_vec())
}

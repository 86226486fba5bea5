//! A pod's lease: its word to the others that it lives, and theirs to it.
//!
//! A lease is renewed several times in its period, and all leases are read with it. A pod counts as lost once its lease
//! has not been renewed for two periods in which Redis answered without a break: by how often it was renewed, not by
//! anybody's clock.

mod observer;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use redis::{ConnectionAddr, RedisError, Script};
use signaling_core::id::WorkerId;
use signaling_core::time::Millis;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

pub use self::observer::{Lease, Observer, workers};
use super::Heard;
use super::backoff::Backoff;
use super::server::{Connection, Server, ServerError};
use super::state::{Peer, State};
use crate::status::Status;
use crate::transport::Clock;

static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../scripts/lease.lua")));

/// Why a lease was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// There is no connection.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The script was not executed.
    #[error("the lease was not renewed: {0}")]
    Renew(#[source] RedisError),
    /// No answer came in time.
    #[error("the lease was not renewed: Redis does not answer")]
    Silent,
    /// The server is master no more.
    #[error("the Sentinels name another master")]
    NotMaster,
}

/// What renews a pod's lease.
pub struct Keeper {
    server: Arc<Server>,
    state: Arc<State>,
    clock: Clock,
    status: Arc<Status>,
    pod: String,
    key: String,
    lease: Lease,
    period: Duration,
    observer: Observer,
    /// The last renewal that was answered.
    written: Option<u64>,
    /// The processes that served a cluster when they were asked last.
    masters: BTreeSet<String>,
    workers: Vec<mpsc::Sender<Heard>>,
}

/// All leases, and when they were answered.
struct Answer {
    /// The renewal that the pod's own lease was of before.
    before: Option<u64>,
    time: Millis,
    leases: HashMap<String, String>,
}

impl Keeper {
    /// The keeper of the lease of `pod`; `workers` hear who lives.
    #[must_use]
    pub fn new(
        server: Arc<Server>,
        state: Arc<State>,
        (clock, status): (Clock, Arc<Status>),
        (pod, prefix): (&str, &str),
        (address, tls): (String, bool),
        period: Duration,
        workers: Vec<mpsc::Sender<Heard>>,
    ) -> Self {
        Self {
            server,
            state,
            clock,
            status,
            pod: pod.to_owned(),
            key: format!("{prefix}:pods"),
            lease: Lease {
                address,
                tls,
                workers: u16::try_from(workers.len()).unwrap_or(u16::MAX),
                since: clock.now().0,
                renewal: 0,
                leaving: false,
                connections: 0,
                sharded: false,
            },
            period,
            observer: Observer::new(pod, period),
            written: None,
            masters: BTreeSet::new(),
            workers,
        }
    }

    /// Keeps the lease until `leaving` is told, then gives it up.
    ///
    /// # Errors
    /// What no retry can help, before Redis has answered for the first time.
    pub async fn keep(mut self, mut leaving: oneshot::Receiver<()>) -> Result<(), ServerError> {
        let mut backoff = Backoff::new();
        loop {
            let began = Instant::now();
            let ended = tokio::select! {
                ended = self.keep_connected() => ended,
                _ = &mut leaving => break,
            };
            match ended {
                LeaseError::Server(error) if error.is_final() && !self.state.was_reached() => {
                    return Err(error);
                }
                error => self.lost(&error),
            }
            tokio::select! {
                () = sleep(backoff.after(began.elapsed())) => {}
                _ = &mut leaving => break,
            }
        }
        self.give_up().await;
        Ok(())
    }

    fn lost(&mut self, error: &LeaseError) {
        self.observer.interrupted();
        let error = error.to_string();
        let known = self.state.error();
        let was_up = self.state.lost(&error);
        if was_up {
            tracing::warn!(error, "Redis is away: going on alone");
        } else if known.as_ref() != Some(&error) {
            tracing::warn!(error, "no connection to Redis");
        }
    }

    /// Connects and renews the lease until that fails.
    async fn keep_connected(&mut self) -> LeaseError {
        let master = self.server.master_address().await.ok().flatten();
        let mut connection = match self.server.connect().await {
            Ok(connection) => connection,
            Err(error) => return error.into(),
        };
        loop {
            if self.has_other_master(master.as_ref()).await {
                self.state.master_changed();
                return LeaseError::NotMaster;
            }
            if let Err(error) = self.renew(&mut connection).await {
                return error;
            }
            sleep(self.period.mul_f64(0.4)).await;
        }
    }

    /// Whether the Sentinels name another master than this one. One that fails over while it lives stays a master for some
    /// seconds, for those who are connected.
    async fn has_other_master(&self, known: Option<&ConnectionAddr>) -> bool {
        let Some(known) = known else { return false };
        // Sentinels that are away name nobody else, and must not keep the lease waiting.
        let named = timeout(self.period / 4, self.server.master_address()).await;
        let named = named.ok().and_then(Result::ok).flatten();
        named.is_some_and(|named| named != *known)
    }

    async fn renew(&mut self, connection: &mut Connection) -> Result<(), LeaseError> {
        self.lease.renewal += 1;
        self.lease.connections = self.status.occupancy().active;
        self.lease.sharded = self.state.hearers_of_shards() == self.workers.len();
        let forget = self.observer.to_forget(self.clock.now());
        let began = Instant::now();
        let answer = self.write(connection, &forget).await?;
        let trip = began.elapsed();
        let now = self.clock.now();
        let lost = self.observer.look(answer.leases, now);
        // One that was written and not answered lies there all the same. In a cluster it tells of its own shard alone.
        let emptied =
            self.written.is_some() && answer.before < self.written || self.shard_is_new(connection).await;
        self.written = Some(self.lease.renewal);
        let silent = |last: Millis| now.since(last) >= self.period * 2;
        if self.state.renewed_at().is_some_and(silent) {
            // Before anybody can take the lease for one that was never interrupted.
            self.tell_all(|| Heard::Interrupted).await;
        }
        if self.state.renewed(now, answer.time + trip / 2, trip) {
            let topology = self.state.topology();
            tracing::info!(
                topology,
                pods = self.observer.pods().count() + 1,
                "Redis is there"
            );
        }
        if emptied {
            tracing::warn!("Redis may have lost what was written: writing it again");
        }
        self.tell(lost).await;
        if emptied {
            self.tell_all(|| Heard::Emptied).await;
        }
        Ok(())
    }

    async fn tell_all(&self, what: impl Fn() -> Heard) {
        for worker in &self.workers {
            // A worker that has ended needs no news.
            let _ = worker.send(what()).await;
        }
    }

    /// Whether a shard of a cluster is served by another process than before, which may have lost the last it was told.
    async fn shard_is_new(&mut self, connection: &mut Connection) -> bool {
        let masters = self.server.masters(connection).await;
        if masters.is_empty() {
            return false;
        }
        let known = std::mem::replace(&mut self.masters, masters);
        !known.is_empty() && !self.masters.is_subset(&known)
    }

    /// Writes the lease.
    async fn write(
        &self,
        connection: &mut Connection,
        forget: &[(String, String)],
    ) -> Result<Answer, LeaseError> {
        let text = serde_json::to_string(&self.lease).expect("strings and numbers are JSON");
        let mut renew = RENEW.key(&self.key);
        renew.arg(&self.pod).arg(&text);
        for (pod, lease) in forget {
            renew.arg(pod).arg(lease);
        }
        let asked = timeout(self.period / 2, renew.invoke_async::<Renewed>(connection));
        let (before, seconds, micros, leases) = asked
            .await
            .map_err(|_| LeaseError::Silent)?
            .map_err(LeaseError::Renew)?;
        let before = before.and_then(|text| serde_json::from_str::<Lease>(&text).ok());
        Ok(Answer {
            before: before
                .filter(|lease| lease.since == self.lease.since)
                .map(|lease| lease.renewal),
            time: Millis(seconds * 1000 + micros / 1000),
            leases,
        })
    }

    /// Tells the workers what has changed. They are waited for: a pod whose workers hang is no better than a lost one.
    async fn tell(&mut self, lost: Vec<WorkerId>) {
        let peers = self.observer.pods().map(|(pod, lease)| Peer {
            pod,
            origin: lease.origin(),
            connections: lease.connections,
            sharded: lease.sharded,
        });
        self.state.know(peers);
        let own = workers(&self.pod, &self.lease);
        let others = self.observer.pods().flat_map(|(pod, lease)| workers(pod, lease));
        let everyone: Arc<[WorkerId]> = own.chain(others).collect();
        for worker in &self.workers {
            for lost in &lost {
                // A worker that has ended needs no news.
                let _ = worker.send(Heard::Lost(lost.clone())).await;
            }
            // Each time: a worker that has given another one up as unanswering tries again while its pod lives.
            let _ = worker.send(Heard::Workers(Arc::clone(&everyone))).await;
        }
        for lost in &lost {
            tracing::info!(worker = %lost, "a worker is lost: its lease was not renewed, or it has gone");
        }
    }

    /// Tells the others that this pod goes, if Redis is there to tell them.
    async fn give_up(mut self) {
        self.lease.leaving = true;
        self.lease.renewal += 1;
        let Ok(mut connection) = self.server.connect().await else {
            return;
        };
        if let Err(error) = self.write(&mut connection, &[]).await {
            tracing::debug!(%error, "the lease runs out by itself");
        }
    }
}

/// What the script answers.
type Renewed = (Option<String>, u64, u64, HashMap<String, String>);

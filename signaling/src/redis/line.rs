//! One connection and what is asked over it, in order.
//!
//! What has piled up while the last answer was awaited goes out together. A connection that fails is given up with all
//! that was asked over it, and made anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use redis::cluster_async::ClusterConnection;
use redis::{Pipeline, RedisError};
use signaling_core::pairing::{Reply, Request};
use signaling_core::time::Millis;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Heard;
use super::backoff::Backoff;
use super::client::Wiring;
use super::pool::{Pool, PoolError};
use super::records::{Ask, Records};
use super::server::{Connection, ServerError};
use super::shard;
use crate::metrics::RedisOperation;

/// How many commands may wait for a connection.
pub(super) const QUEUE: usize = 4096;
/// How many go out together.
const BATCH: usize = 256;
/// How soon all is written again once more, where Redis does not come after.
const WRITE_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What may be asked.
#[derive(Debug)]
pub(super) enum Command {
    /// To publish a message.
    Publish {
        channel: String,
        message: Vec<u8>,
        /// Whoever is meant hears the channel's shard, so that no other has to pass it on.
        to_shard: bool,
    },
    /// To execute a request to the pool; its times are Redis'.
    Pool { request: Box<Request>, now: Millis },
    /// To read or write a record.
    Record(Ask),
}

impl Command {
    pub(super) fn operation(&self) -> RedisOperation {
        match self {
            Self::Publish { .. } => RedisOperation::Publish,
            Self::Pool { .. } => RedisOperation::Script,
            Self::Record(ask) => Self::operation_of(ask),
        }
    }

    /// Whether something is missing in Redis if it is not done.
    pub(super) fn writes_record(&self) -> bool {
        matches!(self, Self::Record(Ask::Save { .. } | Ask::Forget { .. }))
    }

    fn operation_of(ask: &Ask) -> RedisOperation {
        match ask {
            Ask::Load { .. } => RedisOperation::Read,
            _ => RedisOperation::Write,
        }
    }
}

/// Why a connection is given up.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("cannot publish: {0}")]
    Publish(#[source] RedisError),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error("a record was not read or written: {0}")]
    Record(#[source] RedisError),
}

/// One connection's task.
pub(super) struct Line {
    pub(super) wiring: Wiring,
    pub(super) pool: Pool,
    pub(super) records: Records,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) heard: mpsc::Sender<Heard>,
    /// Whether records may be missing in Redis: they were dropped, or a server has answered for them that is there no more.
    pub(super) unwritten: Arc<AtomicBool>,
    /// Whether it has ever carried records.
    pub(super) carries_records: bool,
}

impl Line {
    /// Runs for as long as anybody may ask.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new();
        let mut rng = StdRng::try_from_rng(&mut SysRng).expect("the system has randomness");
        while let Some(connected) = self.connect().await {
            let began = Instant::now();
            match connected {
                Ok(connection) => {
                    self.wiring.state.connection_made();
                    self.write_again();
                    let served = self.serve(connection, &mut rng).await;
                    self.wiring.state.connection_broken();
                    // Whoever serves next may never have heard of what was written last: as after a failover.
                    self.unwritten.fetch_or(self.carries_records, Ordering::Relaxed);
                    match served {
                        Ok(()) => return,
                        Err(error) => tracing::debug!(%error, "a connection to Redis is given up"),
                    }
                }
                Err(error) => tracing::debug!(%error, "no connection to Redis"),
            }
            let wait = backoff.after(began.elapsed());
            if self.drop_during(sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    /// Connects, and drops what is asked meanwhile; none when nobody asks any more.
    async fn connect(&mut self) -> Option<Result<Connection, ServerError>> {
        let began = Instant::now();
        let wiring = self.wiring.clone();
        let connecting = async move { wiring.server.connect().await };
        let connected = self.drop_during(connecting).await;
        let metrics = &self.wiring.metrics;
        metrics.redis_answered(RedisOperation::Connect, began.elapsed());
        connected
    }

    async fn drop_during<R>(&mut self, doing: impl Future<Output = R>) -> Option<R> {
        let mut doing = std::pin::pin!(doing);
        loop {
            tokio::select! {
                done = &mut doing => return Some(done),
                command = self.commands.recv() => {
                    let command = command?;
                    self.unwritten.fetch_or(command.writes_record(), Ordering::Relaxed);
                    self.wiring.metrics.redis_dropped(command.operation());
                }
            }
        }
    }

    /// Asks over this connection until it fails, or nobody asks any more.
    async fn serve(&mut self, connection: Connection, rng: &mut StdRng) -> Result<(), LineError> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut wrote_again = Instant::now();
        loop {
            if self.commands.recv_many(&mut batch, BATCH).await == 0 {
                return Ok(());
            }
            self.carries_records |= batch.iter().any(Command::writes_record);
            self.ask(&connection, &mut batch, rng).await?;
            if self.commands.is_empty() && wrote_again.elapsed() >= WRITE_AGAIN_AFTER {
                self.write_again();
                wrote_again = Instant::now();
            }
        }
    }

    /// Asks the worker to write all records again, if any may be missing.
    fn write_again(&self) {
        if self.unwritten.swap(false, Ordering::Relaxed) && self.heard.try_send(Heard::Emptied).is_err() {
            self.unwritten.store(true, Ordering::Relaxed);
        }
    }

    /// Asks all of a batch at once, and waits for all answers.
    async fn ask(
        &self,
        connection: &Connection,
        batch: &mut Vec<Command>,
        rng: &mut StdRng,
    ) -> Result<(), LineError> {
        let mut messages = Vec::new();
        let (mut requests, mut records) = (Vec::new(), Vec::new());
        for command in batch.drain(..) {
            match command {
                Command::Publish {
                    channel,
                    message,
                    to_shard,
                } => messages.push((channel, message, to_shard)),
                Command::Pool { request, now } => {
                    let rng = StdRng::from_rng(rng);
                    requests.push(self.execute(connection.clone(), *request, now, rng));
                }
                Command::Record(ask) => records.push(self.record(connection.clone(), ask)),
            }
        }
        let publishing = self.publish(connection.clone(), messages);
        let (published, executed, recorded) =
            futures_util::future::join3(publishing, join_all(requests), join_all(records)).await;
        published?;
        executed.into_iter().chain(recorded).collect()
    }

    async fn publish(
        &self,
        mut connection: Connection,
        messages: Vec<(String, Vec<u8>, bool)>,
    ) -> Result<(), LineError> {
        if messages.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        match &mut connection {
            Connection::Single(single) => {
                let mut pipeline = Pipeline::with_capacity(messages.len());
                for (channel, message, _) in &messages {
                    pipeline.cmd("PUBLISH").arg(channel).arg(message).ignore();
                }
                pipeline.exec_async(single).await.map_err(LineError::Publish)?;
            }
            Connection::Cluster(cluster) => {
                let publishing = messages.iter().map(|(channel, message, to_shard)| {
                    publish_in_cluster(cluster.clone(), channel, message, *to_shard)
                });
                for published in join_all(publishing).await {
                    published.map_err(LineError::Publish)?;
                }
            }
        }
        let metrics = &self.wiring.metrics;
        metrics.redis_answered(RedisOperation::Publish, began.elapsed());
        Ok(())
    }

    async fn execute(
        &self,
        mut connection: Connection,
        request: Request,
        now: Millis,
        mut rng: StdRng,
    ) -> Result<(), LineError> {
        let began = Instant::now();
        let reply = self.pool.handle(&mut connection, request, now, &mut rng).await?;
        let metrics = &self.wiring.metrics;
        metrics.redis_answered(RedisOperation::Script, began.elapsed());
        if let Some(reply) = reply.map(|reply| self.with_own_times(reply)) {
            self.tell(Heard::Pool(reply), RedisOperation::Script);
        }
        Ok(())
    }

    async fn record(&self, mut connection: Connection, ask: Ask) -> Result<(), LineError> {
        let (began, operation) = (Instant::now(), Command::operation_of(&ask));
        let answer = self.records.handle(&mut connection, ask).await;
        self.wiring.metrics.redis_answered(operation, began.elapsed());
        if let Some(answer) = answer.map_err(LineError::Record)? {
            self.tell(answer, operation);
        }
        Ok(())
    }

    /// Hands an answer to the worker. Where it does not come after, it asks again.
    fn tell(&self, answer: Heard, operation: RedisOperation) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.heard.try_send(answer) {
            self.wiring.metrics.redis_dropped(operation);
        }
    }

    fn with_own_times(&self, mut reply: Reply) -> Reply {
        if let Reply::Claimed(claim) = &mut reply {
            for party in [&mut claim.first, &mut claim.second] {
                party.since = self.wiring.state.own(party.since);
            }
        }
        reply
    }
}

/// Publishes to the channel's shard where somebody hears that and the node has it, else to the whole cluster.
async fn publish_in_cluster(
    mut cluster: ClusterConnection,
    channel: &str,
    message: &[u8],
    to_shard: bool,
) -> Result<(), RedisError> {
    if to_shard {
        let mut publish = redis::cmd("SPUBLISH");
        publish.arg(channel).arg(message);
        match publish.exec_async(&mut cluster).await {
            Err(error) if shard::is_not_to_be_had(&error) => {}
            published => return published,
        }
    }
    let mut publish = redis::cmd("PUBLISH");
    publish.arg(channel).arg(message);
    publish.exec_async(&mut cluster).await
}

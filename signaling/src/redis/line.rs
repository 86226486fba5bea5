//! One connection and what is asked over it, in order.
//!
//! What has piled up while the last answer was awaited goes out together. A connection that fails is given up with all
//! that was asked over it, and made anew.

use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::vec::Drain;

use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use redis::{RedisError, RedisResult, Value};
use signaling_core::pairing::{Reply, Request};
use signaling_core::time::Millis;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::Heard;
use super::backoff::Backoff;
use super::call::{Call, ask_all};
use super::pool::{self, Pool, PoolError};
use super::records::{self, Ask, Records};
use super::server::{Connection, ServerError};
use super::wiring::Wiring;
use crate::metrics::RedisOperation;

/// How many commands may wait for a connection.
pub(super) const QUEUE: usize = 4096;
/// How many go out together.
const BATCH: usize = 256;
/// How many requests to the pool, or records, one call of a script takes at most: Redis does nothing else meanwhile.
const TOGETHER: usize = 32;
/// How soon all is written again once more, where Redis does not come after.
const WRITE_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What may be asked.
#[derive(Debug)]
pub(super) enum Command {
    /// To publish a message.
    Publish(Call),
    /// To execute a request to the pool; its times are Redis'.
    Pool { request: Box<Request>, now: Millis },
    /// To read or write a record.
    Record(Ask),
    /// To add to a user's statistics.
    Count(Call),
}

impl Command {
    pub(super) fn operation(&self) -> RedisOperation {
        match self {
            Self::Publish(_) => RedisOperation::Publish,
            Self::Pool { .. } => RedisOperation::Script,
            Self::Record(Ask::Load { .. }) => RedisOperation::Read,
            Self::Record(_) | Self::Count(_) => RedisOperation::Write,
        }
    }

    /// Whether something is missing in Redis if it is not done.
    pub(super) fn writes_record(&self) -> bool {
        matches!(self, Self::Record(Ask::Save(_) | Ask::Forget { .. }))
    }
}

/// What was asked, for whoever reads the answer.
enum Asked {
    Publish,
    Pool(pool::Asked),
    Record(records::Asked),
    Count,
}

impl Asked {
    fn operation(&self) -> RedisOperation {
        match self {
            Self::Publish => RedisOperation::Publish,
            Self::Pool(_) => RedisOperation::Script,
            Self::Record(asked) => asked.operation(),
            Self::Count => RedisOperation::Write,
        }
    }
}

/// Why a connection is given up.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("no answer: {0}")]
    Silent(#[source] RedisError),
    #[error("the Sentinels name another master")]
    NotMaster,
    #[error("cannot publish: {0}")]
    Publish(#[source] RedisError),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error("a record was not read or written: {0}")]
    Record(#[source] RedisError),
    #[error("statistics were not written: {0}")]
    Count(#[source] RedisError),
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
        loop {
            // Before it is asked for: which of two masters it is cannot be told afterwards.
            let masters = self.wiring.state.masters();
            let Some(connected) = self.connect().await else {
                return;
            };
            let began = Instant::now();
            match connected {
                Ok(connection) => {
                    self.wiring.state.connection_made();
                    self.write_again();
                    let served = self.serve(connection, masters, &mut rng).await;
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
    async fn serve(
        &mut self,
        mut connection: Connection,
        mut masters: watch::Receiver<u64>,
        rng: &mut StdRng,
    ) -> Result<(), LineError> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut wrote_again = Instant::now();
        loop {
            tokio::select! {
                biased;
                // One that is master no more takes and answers for a while, and forgets all of it.
                _ = masters.changed() => return Err(LineError::NotMaster),
                count = self.commands.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return Ok(());
                    }
                }
            }
            self.carries_records |= batch.iter().any(Command::writes_record);
            self.ask(&mut connection, &mut batch, rng).await?;
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
        connection: &mut Connection,
        batch: &mut Vec<Command>,
        rng: &mut StdRng,
    ) -> Result<(), LineError> {
        let mut calls = Vec::with_capacity(batch.len());
        let mut asked = Vec::with_capacity(batch.len());
        let mut commands = batch.drain(..).peekable();
        while let Some(command) = commands.next() {
            let (call, what) = self.call(command, &mut commands, rng)?;
            calls.push(call);
            asked.push(what);
        }
        drop(commands);
        let began = Instant::now();
        let answers = ask_all(calls, connection).await.map_err(LineError::Silent)?;
        let took = began.elapsed();
        // Of those that are answered, none may be lost because of another one that is not.
        let taken = asked.into_iter().zip(answers).map(|(what, answer)| {
            self.wiring.metrics.redis_answered(what.operation(), took);
            self.take(what, answer)
        });
        taken.fold(Ok(()), Result::and)
    }

    /// The call for a command and for those that follow, as far as one call can be for all of them.
    fn call(
        &self,
        command: Command,
        following: &mut Peekable<Drain<'_, Command>>,
        rng: &mut StdRng,
    ) -> Result<(Call, Asked), PoolError> {
        Ok(match command {
            Command::Publish(call) => (call, Asked::Publish),
            Command::Count(call) => (call, Asked::Count),
            Command::Pool { request, mut now } => {
                let mut requests = vec![*request];
                while requests.len() < TOGETHER
                    && let Some(command) = following.next_if(|next| matches!(next, Command::Pool { .. }))
                    && let Command::Pool { request, now: later } = command
                {
                    requests.push(*request);
                    now = later;
                }
                let (call, asked) = self.pool.ask(requests, now, rng)?;
                (call, Asked::Pool(asked))
            }
            Command::Record(Ask::Save(save)) => {
                let most = if self.wiring.server.is_cluster() {
                    1
                } else {
                    TOGETHER
                };
                let mut saves = vec![save];
                while saves.len() < most
                    && let Some(command) =
                        following.next_if(|next| matches!(next, Command::Record(Ask::Save(_))))
                    && let Command::Record(Ask::Save(save)) = command
                {
                    saves.push(save);
                }
                let (call, asked) = self.records.save(saves);
                (call, Asked::Record(asked))
            }
            Command::Record(ask) => {
                let (call, asked) = self.records.ask(ask);
                (call, Asked::Record(asked))
            }
        })
    }

    /// Takes an answer.
    fn take(&self, asked: Asked, answer: RedisResult<Value>) -> Result<(), LineError> {
        let operation = asked.operation();
        match asked {
            Asked::Publish => {
                answer.map_err(LineError::Publish)?;
            }
            Asked::Count => {
                answer.map_err(LineError::Count)?;
            }
            Asked::Pool(asked) => {
                for reply in asked.read(answer.map_err(PoolError::Script)?)? {
                    self.tell(Heard::Pool(self.with_own_times(reply)), operation);
                }
            }
            Asked::Record(asked) => {
                let heard = answer.and_then(|answer| asked.read(answer));
                for heard in heard.map_err(LineError::Record)? {
                    self.tell(heard, operation);
                }
            }
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

//! The budget of closed connections, which all pods that drain take from: a bucket of tokens in Redis.
//!
//! | key | |
//! |---|---|
//! | `prefix:drain` | when the next connection may be closed, by Redis' clock |

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::Script;
use redis::aio::ConnectionLike;
use tokio::time::{Instant, timeout};

use super::server::{Connection, Server};

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/budget.lua")));

/// For how long the bucket keeps what nobody takes: no longer than a pod may need to come round.
const KEPT: Duration = Duration::from_millis(200);
/// How long Redis may take to answer. Connections that are to be closed by a deadline do not wait for it.
const PATIENCE: Duration = Duration::from_millis(250);
/// How soon Redis is tried again that has not answered.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// One pod's way to the bucket.
pub struct Budget {
    server: Arc<Server>,
    key: String,
    connection: Option<Connection>,
    try_at: Instant,
}

impl Budget {
    /// The bucket of the service whose keys begin with `prefix`. Connects when it is first asked.
    #[must_use]
    pub fn new(server: Arc<Server>, prefix: &str) -> Self {
        Self {
            server,
            key: format!("{prefix}:drain"),
            connection: None,
            try_at: Instant::now(),
        }
    }

    /// Takes as many as there are, up to `wanted`, of a bucket that is filled with `per_second`; none when Redis does not
    /// answer.
    pub async fn take(&mut self, wanted: u64, per_second: u64) -> Option<u64> {
        if Instant::now() < self.try_at {
            return None;
        }
        // Taken out: one that has not answered is not asked again.
        let mut connection = match self.connection.take() {
            Some(connection) => Some(connection),
            None => timeout(PATIENCE, self.server.connect())
                .await
                .ok()
                .and_then(Result::ok),
        };
        let taken = match &mut connection {
            Some(connection) => {
                let taking = take(connection, &self.key, wanted, per_second);
                timeout(PATIENCE, taking).await.ok().and_then(Result::ok)
            }
            None => None,
        };
        match taken {
            Some(_) => self.connection = connection,
            None => self.try_at = Instant::now() + AGAIN_AFTER,
        }
        taken
    }
}

async fn take(
    connection: &mut impl ConnectionLike,
    key: &str,
    wanted: u64,
    per_second: u64,
) -> redis::RedisResult<u64> {
    let mut take = TAKE.key(key);
    take.arg(wanted)
        .arg(per_second)
        .arg(u64::try_from(KEPT.as_micros()).unwrap_or(u64::MAX));
    take.invoke_async(connection).await
}

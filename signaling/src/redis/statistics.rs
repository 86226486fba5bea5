//! Statistics of users whom a token names: for whoever runs the service; no pod reads them.
//!
//! | key | |
//! |---|---|
//! | `prefix:user:<user>` | hash: [`Counts`] and `lastSeenMs`; kept for `REDIS_TTL_USER_STATS` after the last change |

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::Script;
use signaling_core::time::Millis;
use signaling_core::worker::Statistic;

use super::call::Call;

static COUNT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/count.lua")));

/// What has been counted of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    sessions: u64,
    searches: u64,
    matches: u64,
    talked_ms: u64,
    blocks: u64,
    reports: u64,
}

impl Counts {
    /// Counts one more.
    pub fn count(&mut self, what: Statistic) {
        match what {
            Statistic::Session => self.sessions += 1,
            Statistic::Search => self.searches += 1,
            Statistic::Match => self.matches += 1,
            Statistic::Talked(lasted) => {
                let lasted = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
                self.talked_ms = self.talked_ms.saturating_add(lasted);
            }
            Statistic::Block => self.blocks += 1,
            Statistic::Report => self.reports += 1,
        }
    }

    /// What there is of it, by the names that it has in Redis.
    fn fields(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [
            ("sessions", self.sessions),
            ("searches", self.searches),
            ("matches", self.matches),
            ("talkedMs", self.talked_ms),
            ("blocks", self.blocks),
            ("reports", self.reports),
        ];
        all.into_iter().filter(|(_, count)| *count > 0)
    }
}

/// The statistics of a service's users.
#[derive(Clone, Debug)]
pub(super) struct Statistics {
    prefix: Arc<str>,
    ttl: Duration,
}

impl Statistics {
    pub(super) fn new(prefix: &str, ttl: Duration) -> Self {
        Self {
            prefix: prefix.into(),
            ttl,
        }
    }

    /// The call that adds to a user's.
    pub(super) fn add(&self, user: &str, counts: Counts, now: Millis) -> Call {
        let key = format!("{}:user:{user}", self.prefix);
        let ttl = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX);
        let add = Call::of(&COUNT, &[&key]).arg(ttl).arg(now.0);
        counts
            .fields()
            .fold(add, |add, (name, number)| add.arg(name).arg(number))
    }
}

//! What was counted of users and is not written down yet.

use std::collections::HashMap;
use std::sync::Arc;

use signaling_core::time::Millis;
use signaling_core::worker::Statistic;

use super::Chat;
use crate::redis::statistics::Counts;

/// Of how many users there may be something to write down.
const MAX_USERS: usize = 10_000;
/// Of how many users it is written down at once.
const BATCH: usize = 1024;

/// By users.
pub(super) type Counted = HashMap<Arc<str>, Counts>;

impl Chat {
    /// Counts something for a user, where there is a Redis to keep it. What finds no room while that is away is lost.
    pub(super) fn count(&mut self, user: Arc<str>, what: Statistic) {
        let Some(redis) = &self.redis else { return };
        if self.counted.len() < MAX_USERS || self.counted.contains_key(&user) {
            self.counted.entry(user).or_default().count(what);
        } else {
            redis.drop_statistic();
        }
    }

    /// Has it written down, some users at a time.
    pub(super) fn write_statistics(&mut self, now: Millis) {
        let Some(redis) = self.redis.as_ref().filter(|redis| redis.state().is_up()) else {
            return;
        };
        let some: Vec<Arc<str>> = self.counted.keys().take(BATCH).cloned().collect();
        for user in some {
            if let Some(counts) = self.counted.remove(&user) {
                redis.add_statistics(&user, counts, now);
            }
        }
    }
}

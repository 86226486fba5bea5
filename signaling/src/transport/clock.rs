//! The time of a pod.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use signaling_core::time::Millis;

/// A monotonic clock, set once by the wall clock: it never runs backwards within a process, and still tells the time of
/// day well enough to order what several processes do.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    started_at: u64,
}

impl Clock {
    /// Starts a clock. A pod has one.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            start: Instant::now(),
            started_at: whole_millis(since_epoch),
        }
    }

    /// Now, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> Millis {
        Millis(self.started_at + whole_millis(self.start.elapsed()))
    }

    /// The moment at which [`Self::now`] becomes `moment`; none when that is too far away to tell.
    #[must_use]
    pub fn instant(&self, moment: Millis) -> Option<Instant> {
        let after_start = Duration::from_millis(moment.0.saturating_sub(self.started_at));
        self.start.checked_add(after_start)
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_comes_at_its_instant() {
        let clock = Clock::start();
        let soon = clock.now() + Duration::from_millis(50);
        let wait = clock
            .instant(soon)
            .unwrap()
            .saturating_duration_since(Instant::now());
        assert!(
            wait <= Duration::from_millis(50) && wait >= Duration::from_millis(40),
            "{wait:?}"
        );
        assert!(clock.instant(Millis(0)).unwrap() <= Instant::now());
    }
}

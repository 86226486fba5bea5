//! How often a person may ask, so that the service's own limit is never met.

/// Microseconds between two requests in the long run: the service allows one a second.
const INTERVAL: u64 = 1_020_000;
/// How many may come at once: the service allows ten.
const BURST: u64 = 8;

/// What one person has asked so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    /// When all of it is forgiven, in microseconds.
    free_at: u64,
}

impl Budget {
    /// From when on another request is within the limit.
    pub(super) fn ready_at(&self) -> u64 {
        self.free_at.saturating_sub((BURST - 1) * INTERVAL)
    }

    /// Counts a request.
    pub(super) fn spend(&mut self, now: u64) {
        self.free_at = self.free_at.max(now) + INTERVAL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_one_in_each_interval() {
        let mut budget = Budget::default();
        let start = 50_000_000;
        for _ in 0..BURST {
            assert!(budget.ready_at() <= start);
            budget.spend(start);
        }
        assert_eq!(budget.ready_at(), start + INTERVAL);
        budget.spend(start + INTERVAL);
        assert_eq!(budget.ready_at(), start + 2 * INTERVAL);
    }
}

//! How long to wait before the next try.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Waits that double up to two seconds, each drawn anew between half of it and the whole: pods that lost the same server do
/// not come back in one moment. They begin anew once a connection has held for longer than the longest of them: one that
/// is made and refused at once is no better than none.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// The next wait, after a connection that held for so long.
    pub(super) fn after(&mut self, held: Duration) -> Duration {
        if held > LONGEST {
            self.0 = FIRST;
        }
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST);
        wait.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_until_a_connection_holds() {
        let mut backoff = Backoff::new();
        assert!(backoff.after(Duration::ZERO) <= FIRST);
        for _ in 0..10 {
            backoff.after(LONGEST / 2);
        }
        let wait = backoff.after(Duration::ZERO);
        assert!(wait >= LONGEST / 2 && wait <= LONGEST, "{wait:?}");
        assert!(backoff.after(LONGEST * 2) <= FIRST);
    }
}

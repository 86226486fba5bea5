//! Token buckets: how many events of a kind a session may send.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// A token bucket's size and speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come back each second; at least 1.
    pub per_second: u32,
    /// Tokens that a full bucket holds; at least 1.
    pub burst: u32,
}

/// What is left of one token bucket, in thousandths of a token.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Bucket {
    spent: u32,
    at: Millis,
}

impl Bucket {
    /// Takes one token, or tells how long until there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Millis) -> Result<(), Duration> {
        let back = now
            .0
            .saturating_sub(self.at.0)
            .saturating_mul(u64::from(rate.per_second));
        self.spent = self.spent.saturating_sub(u32::try_from(back).unwrap_or(u32::MAX));
        self.at = now;
        let full = rate.burst.saturating_mul(1000);
        if self.spent + 1000 <= full {
            self.spent += 1000;
            return Ok(());
        }
        let missing = u64::from(self.spent + 1000 - full);
        Err(Duration::from_millis(
            missing.div_ceil(u64::from(rate.per_second.max(1))),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_one_a_second() {
        let rate = Rate {
            per_second: 1,
            burst: 10,
        };
        let mut bucket = Bucket::default();
        let start = Millis(1_000_000);
        assert!((0..10).all(|_| bucket.take(rate, start).is_ok()));
        assert_eq!(bucket.take(rate, start), Err(Duration::from_secs(1)));
        assert_eq!(
            bucket.take(rate, Millis(start.0 + 400)),
            Err(Duration::from_millis(600))
        );
        assert_eq!(bucket.take(rate, Millis(start.0 + 1000)), Ok(()));
        assert!(bucket.take(rate, Millis(start.0 + 1000)).is_err());
    }

    #[test]
    fn a_bucket_never_holds_more_than_its_burst() {
        let rate = Rate {
            per_second: 50,
            burst: 2,
        };
        let mut bucket = Bucket::default();
        let later = Millis(9_999_999_999);
        assert!(bucket.take(rate, later).is_ok() && bucket.take(rate, later).is_ok());
        assert!(bucket.take(rate, later).is_err());
    }
}

//! When `status.connections` is written.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// The least time between two writes.
const INTERVAL: SignedDuration = SignedDuration::from_secs(30);
/// A change by less than this share of what was written, in percent, is none.
const CHANGE_PERCENT: u64 = 5;

/// What `status.connections` should be: `current`, where it has changed by more than 5 % and was not `written` within the
/// last 30 s, else what it `was`.
#[must_use]
pub fn connections(
    was: Option<i64>,
    written: Option<Timestamp>,
    current: Option<i64>,
    now: Timestamp,
) -> Option<i64> {
    let (Some(before), Some(current)) = (was, current) else {
        return current.or(was);
    };
    let is_due = written.is_none_or(|at| now.duration_since(at) >= INTERVAL || at > now);
    let change = u128::from(current.abs_diff(before)) * 100;
    let has_changed = change > u128::from(before.unsigned_abs()) * u128::from(CHANGE_PERCENT);
    if is_due && has_changed { Some(current) } else { was }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: i64, was: Option<i64>, current: Option<i64>) -> Option<i64> {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let written = Timestamp::from_second(1_000_000 - seconds).unwrap();
        connections(was, Some(written), current, now)
    }

    #[test]
    fn connections_are_written_every_30_s_at_most_and_on_a_change_above_5_percent() {
        for (seconds, was, current, expected) in [
            (30, Some(1000), Some(1051), Some(1051)),
            (30, Some(1000), Some(949), Some(949)),
            (3600, Some(1000), Some(1050), Some(1000)),
            (3600, Some(1000), Some(950), Some(1000)),
            (29, Some(1000), Some(5000), Some(1000)),
            (30, Some(0), Some(1), Some(1)),
            (30, Some(1), Some(0), Some(0)),
            (30, Some(0), Some(0), Some(0)),
            // What was never written is written at once, and what is not known changes nothing.
            (0, None, Some(7), Some(7)),
            (30, Some(7), None, Some(7)),
            (30, None, None, None),
        ] {
            assert_eq!(
                after(seconds, was, current),
                expected,
                "{seconds} {was:?} {current:?}"
            );
        }
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_stop_the_writes() {
        assert_eq!(after(-3600, Some(1), Some(9)), Some(9));
    }
}

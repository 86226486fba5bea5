//! What the histories are judged by, while things are broken on purpose.

use std::time::Duration;

use signaling_core::history::Rules;
use signaling_core::time::Millis;

use super::timers::Timers;

/// How long a partner without word from any owner is waited for on top of the window.
const GRACE: Duration = Duration::from_secs(10);
/// How long anything may take that should be immediate, on a machine that has much to do.
const PROMPT: Duration = Duration::from_secs(5);

/// The times by which a run is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    timers: Timers,
    longest: Duration,
}

impl Bounds {
    /// For a service with these times, of which nothing is broken for longer than `longest` at a time.
    pub(super) fn new(timers: Timers, longest: Duration) -> Self {
        Self { timers, longest }
    }

    /// The rules, when these were the moments of faults.
    pub(super) fn rules<'a>(&self, faults: &'a [Millis]) -> Rules<'a> {
        let Self { timers, longest } = self;
        // "A pod cut off alone may hold a one-sided match until it is back, and is then told": so long as something may
        // be cut off; and then the others must have taken note that it is lost, or that it is not.
        let told_within = PROMPT + *longest + timers.lost();
        Rules {
            faults,
            // Tickets of a pod that is gone are in the pool until it counts as lost, "after two lease periods", and each
            // may cost somebody a proposal.
            patience: PROMPT.max(timers.lost() + Duration::from_secs(1)),
            told_within,
            unmet_within: timers.ping + told_within,
            lost_within: timers.ping + timers.window + GRACE + told_within,
            answered_within: timers.search + timers.window + told_within,
            delivered_within: PROMPT,
            ..Rules::default()
        }
    }

    /// How long ago a match must be over for nobody to be told of it any more, not even out of an old copy of Redis.
    pub(super) fn settled_after(&self) -> Duration {
        self.rules(&[]).lost_within + Duration::from_secs(20)
    }
}

/// Whether the load test's own errors of this kind are no more than faults seen from a client: a connection that could not
/// be had or did not last, and a call that was broken into.
pub(super) fn is_consequence(error: &str) -> bool {
    [
        "lost: ",
        "connect: ",
        "silence",
        "a call that did not come about",
        "error: draining",
    ]
    .iter()
    .any(|start| error.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_short_times_people_wait_past_each_other_for_five_seconds_at_most() {
        let rules = Bounds::new(Timers::SCALED, Duration::from_secs(8)).rules(&[]);
        assert_eq!(rules.patience, Duration::from_secs(5));
    }

    #[test]
    fn what_no_fault_explains_is_no_consequence() {
        assert!(is_consequence("lost: no close frame"));
        assert!(!is_consequence("unexpected acknowledgement"));
        assert!(!is_consequence("signal: not_matched"));
    }
}

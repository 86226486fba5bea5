//! How fast a pod that goes away closes its connections: within the budget of the service, and by its deadline.

use std::time::Duration;

/// Over how long it is looked how much of the budget comes to this pod.
const USUAL_OVER: Duration = Duration::from_secs(2);
/// How much faster than usual it has to go before it takes the budget for too small: what comes to it is uneven.
const TOLERANCE: f64 = 1.25;
/// The shortest time in which anything is closed.
const SHORTEST: Duration = Duration::from_millis(50);

/// What the budget allows in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// The service's bucket has given so many.
    Granted(u64),
    /// The bucket cannot be asked: each of so many pods takes its part of the budget.
    Part {
        /// The pods that are known, this one included.
        of: u64,
    },
}

/// A drain under way. Times are counted from its beginning.
#[derive(Debug)]
pub(super) struct Pace {
    /// Closes a second that the whole service allows itself.
    budget: f64,
    /// When the last connection is to be closed.
    until: Duration,
    /// When the last step was.
    last: Duration,
    /// What was allowed and was less than one.
    part: f64,
    begun: bool,
    /// Closes a second that this pod was allowed lately.
    usual: f64,
    hurries: bool,
}

impl Pace {
    /// Closes all within `available`, by a budget of `per_second` of all pods.
    pub(super) fn new(per_second: u64, available: Duration) -> Self {
        let budget = count(per_second.max(1));
        Self {
            budget,
            until: available,
            last: Duration::ZERO,
            part: 0.0,
            begun: false,
            usual: budget,
            hurries: false,
        }
    }

    /// How many are to be closed now, of `left`. Where what is allowed does not suffice until the deadline, more than that.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of connections"
    )]
    pub(super) fn step(&mut self, allowed: Allowed, left: u64, at: Duration) -> u64 {
        let passed = at.saturating_sub(self.last).as_secs_f64();
        self.last = at;
        let allowed = match allowed {
            Allowed::Granted(number) => count(number),
            // The first one goes at once.
            Allowed::Part { .. } if !self.begun => 1.0,
            Allowed::Part { of } => self.budget / count(of.max(1)) * passed,
        };
        self.begun = true;
        if passed > 0.0 {
            let weight = (passed / USUAL_OVER.as_secs_f64()).min(1.0);
            self.usual += (allowed / passed - self.usual) * weight;
        }
        let needed = self.needed(left, at);
        self.hurries = needed > self.budget || needed > self.usual * TOLERANCE;
        self.part += match self.hurries {
            true => allowed.max(needed * passed),
            false => allowed,
        };
        let closes = (self.part as u64).min(left);
        self.part = (self.part - count(closes)).min(1.0);
        closes
    }

    /// Closes a second that the deadline asks for.
    pub(super) fn needed(&self, left: u64, at: Duration) -> f64 {
        count(left) / self.until.saturating_sub(at).max(SHORTEST).as_secs_f64()
    }

    /// Whether it goes faster than the budget allows.
    pub(super) fn hurries(&self) -> bool {
        self.hurries
    }
}

fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(50);

    /// Steps until all are closed: how many were after each second, and whether it ever hurried.
    fn drain(
        pace: &mut Pace,
        mut left: u64,
        mut allowed: impl FnMut(u32, u64) -> Allowed,
    ) -> (Vec<u64>, bool) {
        let (all, mut hurried, mut closed) = (left, false, Vec::new());
        for step in 0..10_000_u32 {
            if step % 20 == 0 {
                closed.push(all - left);
            }
            if left == 0 {
                break;
            }
            left -= pace.step(allowed(step, left), left, STEP * step);
            hurried |= pace.hurries();
        }
        (closed, hurried)
    }

    #[test]
    fn what_the_bucket_grants_is_closed() {
        let mut pace = Pace::new(40, Duration::from_secs(20));
        let (closed, hurried) = drain(&mut pace, 100, |_, _| Allowed::Granted(1));
        assert_eq!((closed, hurried), (vec![0, 20, 40, 60, 80, 100], false));
    }

    #[test]
    fn without_the_bucket_each_pod_takes_its_part() {
        let mut pace = Pace::new(40, Duration::from_secs(20));
        let (closed, hurried) = drain(&mut pace, 60, |_, _| Allowed::Part { of: 2 });
        assert_eq!((closed, hurried), (vec![0, 20, 40, 60], false));
    }

    #[test]
    fn the_first_goes_at_once_without_the_bucket_too() {
        let mut pace = Pace::new(1, Duration::from_secs(20));
        assert_eq!(pace.step(Allowed::Part { of: 10 }, 2, Duration::ZERO), 1);
        assert_eq!(pace.step(Allowed::Part { of: 10 }, 1, STEP), 0);
    }

    #[test]
    fn the_rate_rises_where_the_whole_budget_would_not_do() {
        let mut pace = Pace::new(10, Duration::from_secs(20));
        let (closed, hurried) = drain(&mut pace, 1_000, |step, _| {
            Allowed::Granted(u64::from(step % 2 == 0))
        });
        assert!(hurried);
        assert!(closed.len() <= 22, "{closed:?}");
        assert!(closed[10].abs_diff(500) < 20, "evenly: {closed:?}");
    }

    #[test]
    fn the_rate_rises_where_others_take_so_much_that_the_rest_would_not_do() {
        let mut pace = Pace::new(40, Duration::from_secs(20));
        let (closed, hurried) = drain(&mut pace, 400, |step, _| {
            Allowed::Granted(u64::from(step % 10 == 0))
        });
        assert!(hurried);
        assert!(closed.len() <= 22, "done by the deadline: {closed:?}");
        assert!(closed[5] < 300, "and not much sooner: {closed:?}");
    }

    #[test]
    fn a_bucket_that_is_away_for_a_while_is_made_up_for_by_the_pods_part() {
        let mut pace = Pace::new(40, Duration::from_secs(20));
        let (closed, hurried) = drain(&mut pace, 100, |step, _| match step {
            30..60 => Allowed::Part { of: 2 },
            _ => Allowed::Granted(2),
        });
        assert_eq!((closed, hurried), (vec![0, 40, 70, 90], false));
    }
}

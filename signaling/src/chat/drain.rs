//! How a pod that goes away closes its connections: all of them, and not all at once.

use std::time::Duration;

use signaling_core::time::Millis;
use signaling_core::worker::Input;

use super::Chat;
use crate::transport::Engine;

/// How often a draining worker closes some.
const STEP: Duration = Duration::from_millis(20);
/// When a client that is sent away should come back; by then its load balancer knows better.
const RECONNECT_IN: Duration = Duration::from_millis(500);

/// A drain: how many connections are to be closed by when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Connections closed each second.
    pub per_second: f64,
    /// Whether the deadline asks for more than the budget allows, which the log has to say.
    pub over_budget: bool,
}

impl Schedule {
    /// Plans to close `connections` within `available`, `budget` of them each second. When that does not suffice the rate
    /// rises, for every connection is closed before the deadline.
    #[must_use]
    pub fn plan(connections: u64, budget: u64, available: Duration) -> Self {
        let budget = count(budget.max(1));
        let needed = count(connections) / available.as_secs_f64().max(0.1);
        Self {
            per_second: budget.max(needed),
            over_budget: needed > budget,
        }
    }

    /// The part of a worker that has `own` of the pod's `all` connections: all workers are done at the same time. Nobody's
    /// part is nothing, for a connection may still be on its way.
    #[must_use]
    pub fn share(self, own: u64, all: u64) -> Self {
        Self {
            per_second: (self.per_second * count(own) / count(all.max(1))).max(1.0),
            ..self
        }
    }

    /// How many connections should be closed once `elapsed` has passed since the start.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of connections"
    )]
    pub fn closed_after(&self, elapsed: Duration) -> usize {
        (elapsed.as_secs_f64() * self.per_second).ceil() as usize
    }
}

fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A worker's drain under way.
#[derive(Debug)]
pub(super) struct Draining {
    schedule: Schedule,
    started: Millis,
    closed: usize,
    next: Option<Millis>,
}

impl Draining {
    pub(super) fn new(schedule: Schedule, now: Millis) -> Self {
        Self {
            schedule,
            started: now,
            closed: 0,
            next: Some(now),
        }
    }

    pub(super) fn due(&self) -> Option<Millis> {
        self.next
    }
}

impl Chat {
    /// Tells as many clients as it is time for when to come back, and closes their connections.
    pub(super) fn drain(&mut self, now: Millis, engine: &mut Engine) {
        let Some(draining) = self
            .draining
            .as_mut()
            .filter(|draining| draining.next.is_some_and(|at| at <= now))
        else {
            return;
        };
        let due = draining.schedule.closed_after(now.since(draining.started) + STEP);
        let some = due.saturating_sub(draining.closed);
        draining.next = Some(now + STEP);
        let mut left = self.undrained(engine);
        left.truncate(some);
        if let Some(draining) = &mut self.draining {
            // A connection that comes late finds what the others have left of the budget.
            draining.closed += left.len();
        }
        for connection in left {
            if let Some(socket) = self.sockets.get_mut(&connection) {
                socket.leaving = true;
            }
            self.run(
                Input::Drain {
                    connection,
                    reconnect_in: RECONNECT_IN,
                },
                engine,
            );
        }
    }

    fn undrained(&self, engine: &Engine) -> Vec<signaling_core::id::ConnectionId> {
        let stays = |id: &_| self.sockets.get(id).is_some_and(|socket| !socket.leaving);
        engine.ids().filter(stays).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_closes_at_its_budget() {
        let schedule = Schedule::plan(200, 50, Duration::from_secs(20));
        assert_eq!(
            schedule,
            Schedule {
                per_second: 50.0,
                over_budget: false
            }
        );
        assert_eq!(schedule.closed_after(Duration::from_secs(2)), 100);
        assert_eq!(schedule.share(50, 200).closed_after(Duration::from_secs(2)), 25);
    }

    #[test]
    fn a_worker_that_has_nearly_all_connections_is_done_with_the_others() {
        let schedule = Schedule::plan(1_000, 10, Duration::from_secs(20));
        assert_eq!(
            schedule.share(990, 1_000).closed_after(Duration::from_secs(20)),
            990
        );
        assert_eq!(schedule.share(0, 1_000).closed_after(Duration::from_secs(20)), 20);
    }

    #[test]
    fn the_rate_rises_when_the_deadline_asks_for_it() {
        let schedule = Schedule::plan(1_000, 10, Duration::from_secs(20));
        assert_eq!(
            schedule,
            Schedule {
                per_second: 50.0,
                over_budget: true
            }
        );
    }
}

//! A connection that goes on at another worker, as when a client's WebSocket reaches another pod than its polls did.

use rand::RngExt as _;
use signaling_core::id::ConnectionId;
use signaling_core::worker::{Connect, Departure, Input, Papers, User};

use super::line::Downward;
use super::{Happening, World};

/// How often a connection is asked for that cannot go yet, in milliseconds.
const AGAIN: u64 = 10;

/// A step of the way.
pub enum Step {
    /// The worker that it comes from is asked.
    Depart { to: usize },
    /// What that worker says has come to the other.
    Arrive { papers: Papers },
    /// The session is there: what the client has sent in the meantime is taken.
    Settle,
}

impl World {
    pub(super) fn go_on(&mut self, connection: ConnectionId, step: Step) {
        match step {
            Step::Depart { to } => self.depart(connection, to),
            Step::Arrive { papers } => self.arrive(connection, &papers),
            Step::Settle => {
                let Some(line) = self.lines.get_mut(&connection) else {
                    return;
                };
                line.settled = true;
                for (number, message) in line.held.take().unwrap_or_default() {
                    self.reach_worker(connection, message, number);
                }
            }
        }
    }

    fn depart(&mut self, connection: ConnectionId, to: usize) {
        let Some(from) = self.lines.get(&connection).map(|line| line.worker) else {
            return;
        };
        let now = self.now;
        let up = self.is_up(to);
        let Some(worker) = self.hosts[from].worker.as_mut().filter(|_| up) else {
            return self.close(connection);
        };
        let (step, after) = match worker.depart(connection, now) {
            Departure::NotYet => (Step::Depart { to }, AGAIN),
            Departure::Empty => {
                self.redirect(connection, to);
                (Step::Settle, 1)
            }
            Departure::Ready(papers) => {
                // It has a deadline now.
                self.input(from, Input::Deadline);
                self.redirect(connection, to);
                if self.chance(self.faults.upgrade_loss) {
                    return self.close(connection);
                }
                (Step::Arrive { papers }, self.rng.random_range(1..4))
            }
        };
        self.after(after, Happening::Upgrade { connection, step });
    }

    /// A worker, or who has a WebSocket for one, closes a connection. What came on its way is nobody's.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        if let Some(line) = self.lines.get_mut(&connection) {
            line.held = None;
        }
        self.downward(connection, Downward::Closed);
    }

    fn redirect(&mut self, connection: ConnectionId, to: usize) {
        if let Some(line) = self.lines.get_mut(&connection) {
            line.worker = to;
        }
    }

    fn arrive(&mut self, connection: ConnectionId, papers: &Papers) {
        let Some(to) = self.lines.get(&connection).map(|line| line.worker) else {
            return;
        };
        let connect = Connect {
            connection,
            token: Some(&papers.token),
            offset: None,
            seq: None,
            offsets: papers.offsets,
            user: papers.user.clone().map_or(User::Anonymous, User::Known),
            may_begin: false,
            from: Some(papers.from.clone()),
        };
        self.input(to, Input::Connect(connect));
    }
}

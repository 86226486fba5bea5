//! Being in the queue: the place, the time limit, and who is in sight of the pool.

use std::sync::Arc;

use super::client::millis;
use super::io::{Output, Outputs, Record, Statistic, WaitEnd};
use super::tell::{refuse, tell};
use super::{Key, Worker};
use crate::event::{ErrorCode, Rejection, ServerEvent};
use crate::id::{Epoch, SessionId};
use crate::pairing::{self, Criteria, Reply, Request, Ticket};
use crate::session::{Chat, Ended, Outcome, Presence, Shown, Stage, Waiting};
use crate::time::Millis;

impl Worker {
    pub(super) fn begin_waiting(
        &mut self,
        key: Key,
        criteria: Arc<Criteria>,
        now: Millis,
        out: &mut Outputs,
    ) {
        let session = &mut self.sessions[key];
        session.outcome = None;
        session.chat = Chat::Waiting(Box::new(Waiting {
            since: now,
            until: now + self.config.match_timeout,
            criteria,
            stage: Stage::Queued,
            ask_at: now,
            shown: None,
        }));
        out.record(Record::MatchRequested { session: session.id });
        out.count(session.user.as_ref(), Statistic::Search);
        self.changed(key);
        self.enter(key, now, out);
    }

    /// Puts or refreshes the ticket of someone who is in the queue.
    pub(super) fn enter(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let worker = &self.config.worker;
        let session = &mut self.sessions[key];
        let Chat::Waiting(waiting) = &mut session.chat else {
            return;
        };
        let anywhere_from = waiting.since + self.config.prefer_own_for;
        waiting.ask_at = (now + pairing::REFRESH_EVERY)
            .min(pairing::widens_after(waiting.since, anywhere_from, now).unwrap_or(Millis(u64::MAX)));
        let ticket = Ticket {
            session: session.id,
            worker: worker.clone(),
            epoch: session.epoch,
            since: waiting.since,
            anywhere_from,
            criteria: Arc::clone(&waiting.criteria),
            person: session.person,
            recent: session.recent.clone(),
            blocked: session.blocked.clone(),
        };
        out.push(Output::Pool(Request::Enter(Box::new(ticket))));
        self.reschedule(key);
    }

    /// Takes new criteria and keeps the place. A match that is only being asked about was found under the old ones and
    /// is called off; one that the partner has been promised stands.
    pub(super) fn change_criteria(&mut self, key: Key, criteria: Criteria, now: Millis, out: &mut Outputs) {
        let Some(waiting) = self.sessions[key].waiting() else {
            return;
        };
        let changed = *waiting.criteria != criteria;
        if changed {
            waiting.criteria = Arc::new(criteria);
            waiting.shown = waiting.shown.map(Shown::stale);
            self.changed(key);
        }
        let Some(waiting) = self.sessions[key].waiting() else {
            return;
        };
        match waiting.stage {
            Stage::Proposing(_) | Stage::Checking(_) if changed => {
                self.call_off(key, now, out);
                self.requeue(key, now, out);
            }
            Stage::Queued => self.enter(key, now, out),
            _ => {}
        }
    }

    /// Ends a wait, if there is one.
    pub(super) fn stop_waiting(&mut self, key: Key, how: WaitEnd, now: Millis, out: &mut Outputs) {
        if self.sessions[key].waiting().is_none() {
            return;
        }
        self.call_off(key, now, out);
        let session = &mut self.sessions[key];
        let Some(waiting) = session.waiting() else { return };
        let waited = now.since(waiting.since);
        session.chat = Chat::Idle;
        let (id, epoch) = (session.id, session.epoch);
        out.push(Output::Pool(Request::Leave { session: id, epoch }));
        out.record(Record::WaitEnded {
            session: id,
            how,
            waited,
        });
        self.changed(key);
        self.reschedule(key);
    }

    /// Ends the wait of someone for whom nobody came in time.
    fn time_out(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let Some(waiting) = self.sessions[key].waiting() else {
            return;
        };
        let waited_ms = millis(now.since(waiting.since));
        self.stop_waiting(key, WaitEnd::TimedOut, now, out);
        let session = &mut self.sessions[key];
        let version = session.bump();
        session.outcome = Some(Ended {
            outcome: Outcome::TimedOut { waited_ms },
            version,
            at: now,
        });
        tell(session, &ServerEvent::MatchTimeout { waited_ms }, out);
    }

    /// Back to the old place, or out of sight while the person is not connected.
    pub(super) fn requeue(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let session = &mut self.sessions[key];
        let here = matches!(session.presence, Presence::Here(_));
        let Some(waiting) = session.waiting() else { return };
        if here {
            waiting.stage = Stage::Queued;
            self.enter(key, now, out);
        } else {
            self.park(key, now, out);
        }
    }

    /// Keeps place and clock, but matches nobody until the next sign of life.
    pub(super) fn park(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        self.call_off(key, now, out);
        let session = &mut self.sessions[key];
        let (id, epoch) = (session.id, session.epoch);
        let Some(waiting) = session.waiting() else { return };
        waiting.stage = Stage::Parked;
        out.push(Output::Pool(Request::Leave { session: id, epoch }));
        self.reschedule(key);
    }

    pub(super) fn pool_replied(&mut self, reply: Reply, now: Millis, out: &mut Outputs) {
        match reply {
            Reply::Waiting {
                session,
                epoch,
                position,
                estimated_wait_ms,
            } => {
                self.show_place(session, epoch, (position, estimated_wait_ms), now, out);
            }
            Reply::Claimed(claim) => self.claimed(*claim, now, out),
            Reply::Blocked { session, of } => self.block_saved(session, of),
            Reply::Full { session, epoch } => {
                let Some(key) = self.queued(session, epoch) else {
                    return;
                };
                self.stop_waiting(key, WaitEnd::Cancelled, now, out);
                let rejection = Rejection::new(ErrorCode::Unavailable, "the queue is full; try again later");
                refuse(&self.sessions[key], None, &rejection, out);
            }
        }
    }

    /// The key of a session that is in the queue at this epoch.
    pub(super) fn queued(&mut self, session: SessionId, epoch: Epoch) -> Option<Key> {
        let key = *self.by_id.get(&session)?;
        let session = &mut self.sessions[key];
        (session.epoch == epoch && session.waiting().is_some_and(|waiting| waiting.queued())).then_some(key)
    }

    fn show_place(
        &mut self,
        session: SessionId,
        epoch: Epoch,
        (position, estimated_wait_ms): (u32, u64),
        now: Millis,
        out: &mut Outputs,
    ) {
        let Some(key) = self.queued(session, epoch) else {
            return;
        };
        let Some(waiting) = self.sessions[key].waiting() else {
            return;
        };
        let place = Shown {
            position,
            estimated_wait_ms,
            at: now,
        };
        if waiting.shown.is_none_or(|before| place.is_news_after(before)) {
            waiting.shown = Some(place);
            let timeout_ms = millis(waiting.until.since(now));
            let event = ServerEvent::Waiting {
                position,
                estimated_wait_ms,
                timeout_ms,
            };
            tell(&self.sessions[key], &event, out);
        }
    }

    /// A person in the queue has shown life.
    pub(super) fn waiting_alive(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let extended = now + self.config.reserve_for;
        let Some(waiting) = self.sessions[key].waiting() else {
            return;
        };
        match &mut waiting.stage {
            Stage::Parked => self.requeue(key, now, out),
            Stage::Proposing(proposal) if !proposal.alive => {
                proposal.alive = true;
                proposal.until = extended;
                self.reschedule(key);
                self.commit_if_ready(key, now, out);
            }
            Stage::Checking(_) => {
                let Stage::Checking(proposal) = std::mem::take(&mut waiting.stage) else {
                    return;
                };
                self.accept(key, proposal, now, out);
            }
            _ => {}
        }
    }

    /// A moment has come in someone's wait.
    pub(super) fn waiting_due(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let Some(waiting) = self.sessions[key].waiting() else {
            return;
        };
        let (over, ask) = (waiting.until <= now, waiting.ask_at <= now);
        match &waiting.stage {
            Stage::Parked | Stage::Queued if over => self.time_out(key, now, out),
            Stage::Queued if ask => self.enter(key, now, out),
            Stage::Proposing(proposal) if proposal.until <= now => {
                let silent = !proposal.alive;
                self.call_off(key, now, out);
                out.record(Record::ConfirmationFailed);
                if silent {
                    self.park(key, now, out)
                } else {
                    self.requeue(key, now, out)
                }
            }
            Stage::Checking(proposal) if proposal.until <= now => {
                out.record(Record::ConfirmationFailed);
                self.park(key, now, out);
            }
            Stage::Reserved(proposal) if proposal.until <= now => {
                waiting.stage = Stage::Queued;
                self.requeue(key, now, out);
            }
            _ => {}
        }
    }
}

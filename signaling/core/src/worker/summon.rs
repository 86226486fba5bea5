//! Looking for a session on other workers, and handing one over.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::connect::{Pending, PendingStage, Question, Returning, user_name};
use super::frame::{Frame, Summon};
use super::io::{Closed, Output, Outputs};
use super::moving::Unsaid;
use super::recover::Recorded;
use super::{Due, Key, Worker};
use crate::id::{ConnectionId, Epoch, SessionId, WorkerId};
use crate::session::{Chat, EndReason, Presence, Session};
use crate::time::Millis;

/// Where sessions went that were handed over: the newest 16,384 of them.
#[derive(Debug, Default)]
pub(super) struct Departed {
    to: HashMap<SessionId, WorkerId>,
    order: VecDeque<SessionId>,
}

impl Departed {
    const MAX: usize = 16_384;

    /// Where the session went.
    pub(super) fn worker(&self, session: SessionId) -> Option<&WorkerId> {
        self.to.get(&session)
    }

    pub(super) fn note(&mut self, session: SessionId, worker: WorkerId) {
        if self.to.insert(session, worker).is_none() {
            self.order.push_back(session);
        }
        if self.order.len() > Self::MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.to.remove(&oldest);
        }
    }

    fn back(&mut self, session: SessionId) {
        if self.to.remove(&session).is_some() {
            self.order.retain(|known| *known != session);
        }
    }
}

/// How often one worker is asked for a session in one search.
const MAX_TRIES: u8 = 3;

/// Who owns the session that a connection comes for, since which term: as it says itself, or else by the record.
fn known_owner(returning: &Returning, record: Option<&Recorded>) -> Option<(WorkerId, Epoch)> {
    let from = returning
        .from
        .as_ref()
        .map(|from| (from.owner.clone(), from.epoch));
    from.or_else(|| record.map(|record| (record.owner.clone(), record.epoch)))
}

impl Worker {
    /// Looks for a session elsewhere: first for its record, where there are records.
    pub(super) fn summon(
        &mut self,
        connection: ConnectionId,
        returning: Returning,
        now: Millis,
        out: &mut Outputs,
    ) {
        let Some(session) = returning.token.as_ref().map(|token| token.session) else {
            return;
        };
        let pending = Pending::new(PendingStage::Looking, returning);
        if self.config.save_every.is_none() || pending.returning.from.is_some() {
            return self.ask_owners(connection, pending, None, now, out);
        }
        self.await_answer(connection, pending, now);
        out.push(Output::Load { connection, session });
    }

    /// Keeps a connection waiting for an answer.
    pub(super) fn await_answer(&mut self, connection: ConnectionId, pending: Pending, now: Millis) {
        self.pending.insert(connection, pending);
        self.deadlines
            .set(&Due::Pending(connection), Some(now + self.config.summon_timeout));
    }

    /// Asks whoever should have a session for it: where its connection comes from, else by its record, else where it went
    /// from here, else the worker that made it, else everyone.
    pub(super) fn ask_owners(
        &mut self,
        connection: ConnectionId,
        mut pending: Pending,
        record: Option<Box<Recorded>>,
        now: Millis,
        out: &mut Outputs,
    ) {
        let Some(token) = pending.returning.token.clone() else {
            return;
        };
        let departed = || self.departed.worker(token.session);
        let recorded = || {
            let owner = record.as_ref().map(|record| &record.owner);
            owner.filter(|owner| **owner != self.config.worker)
        };
        let likely = pending.returning.from.as_ref().map(|from| &from.owner);
        let likely = likely.or_else(recorded).or_else(departed);
        let likely = likely.unwrap_or(&token.made_by).clone();
        let everyone: BTreeSet<WorkerId> = self.others().collect();
        let first = if everyone.contains(&likely) {
            BTreeSet::from([likely])
        } else {
            everyone
        };
        let summon = Summon {
            request: connection.0,
            token,
            user: user_name(&pending.returning.user).map(Arc::clone),
            since: pending.returning.since,
            moves: pending.returning.from.as_ref().map(|_| true),
            known: known_owner(&pending.returning, record.as_deref()),
        };
        let nobody = first.is_empty();
        pending.stage = PendingStage::Summoning {
            outstanding: first.iter().cloned().collect(),
            tried: first.iter().map(|worker| (worker.clone(), 1)).collect(),
            record,
        };
        if nobody {
            return self.not_handed(connection, pending, now, out);
        }
        self.await_answer(connection, pending, now);
        for worker in first {
            self.send(&worker, Frame::Summon(summon.clone()), now, out);
        }
    }

    fn others(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.workers
            .iter()
            .filter(|worker| **worker != self.config.worker)
            .cloned()
    }

    /// Another worker wants a session: it gets it whole, without its connection; unless a later connection has it. Where it
    /// is looked for as well, for an earlier connection, the question waits for what comes of that.
    pub(super) fn summoned(&mut self, from: &WorkerId, summon: Summon, now: Millis, out: &mut Outputs) {
        let Summon {
            request,
            ref token,
            ref user,
            since,
            moves,
            ref known,
        } = summon;
        if let Some((owner, epoch)) = known {
            self.superseded(token.session, *epoch, owner, now, out);
        }
        let held = self
            .holds(token, user.as_deref())
            .filter(|&key| !self.is_claimed_since(key, since));
        let Some(key) = held else {
            let worker = self.departed.worker(token.session).cloned();
            let search = self.summoning(token.session);
            if let Some(earlier) = search.filter(|search| search.returning.since < since) {
                return earlier.questions.push((from.clone(), Question::Summon(summon)));
            }
            return self.send(from, Frame::Elsewhere { request, worker }, now, out);
        };
        self.supersede(token.session, out);
        if let Chat::Waiting(_) = self.sessions[key].chat {
            // Proposals are this worker's own; the ticket is replaced by the new owner's.
            self.park(key, now, out);
        }
        let before = self.sessions[key].connection();
        let unsaid = before
            .and_then(|before| self.take_unsaid(before))
            .filter(|_| moves == Some(true));
        if before.is_some() && unsaid.is_none() {
            // Should the session be lost on its way, the partner does not wait for ever.
            self.tell_away(key, now, out);
        }
        let mut session = self.take_out(key);
        if let Presence::Here(connection) = session.presence {
            if unsaid.is_none() {
                out.push(Output::Disconnect(connection));
            }
            session.presence = Presence::Lost {
                until: now,
                // All that was sent to who goes on has arrived, or is in here.
                clean: unsaid.is_some(),
            };
        }
        self.departed.note(session.id, from.clone());
        let numbered_from = session.matched().map(|matched| matched.numbered_from);
        let frame = Frame::Handed {
            request,
            session: Box::new(session),
            unsaid,
            numbered_from: numbered_from.filter(|number| *number > 0),
        };
        self.send(from, frame, now, out);
    }

    /// A session comes that was asked for.
    pub(super) fn handed(
        &mut self,
        from: &WorkerId,
        request: u64,
        session: Session,
        unsaid: Option<Unsaid>,
        now: Millis,
        out: &mut Outputs,
    ) {
        // What is here may be a copy of before this worker was silent.
        self.superseded(session.id, session.epoch, from, now, out);
        if self.by_id.contains_key(&session.id) {
            return;
        }
        let connection = ConnectionId(request);
        if let Some(pending) = self.pending.get_mut(&connection)
            && pending.returning.from.is_some()
        {
            match unsaid {
                Some(unsaid) => pending.returning.unsaid = unsaid,
                // Its client has been somewhere else in the meantime, or has not been told everything: it comes back.
                None => {
                    self.pending_closed(connection, Closed::Lost, now, out);
                    out.push(Output::Close(connection));
                }
            }
        }
        self.arrived(connection, session, now, out);
    }

    /// A session is this worker's now; its client may still wait for it, or have gone.
    pub(super) fn arrived(
        &mut self,
        connection: ConnectionId,
        session: Session,
        now: Millis,
        out: &mut Outputs,
    ) {
        let key = self.take_in(session, now);
        let mut questions = Vec::new();
        match self.forget_pending(connection) {
            Some(pending) => {
                questions = pending.questions;
                match pending.stage {
                    PendingStage::Abandoned { left: true, .. } => self.remove(key, EndReason::Left, now, out),
                    PendingStage::Abandoned { left: false, .. } => self.keep(key, now, out),
                    _ => self.resume(key, connection, pending.returning, now, out),
                }
            }
            // Its client was told that there was nothing to come back to, and has begun anew.
            None if self.by_connection.contains_key(&connection) => {
                self.remove(key, EndReason::Timeout, now, out);
            }
            None => self.keep(key, now, out),
        }
        self.answer(questions, now, out);
    }

    /// Becomes the owner of a session, which has no connection yet.
    fn take_in(&mut self, mut session: Session, now: Millis) -> Key {
        let clean = matches!(session.presence, Presence::Lost { clean: true, .. });
        session.presence = Presence::Lost {
            until: now + self.config.resume_window,
            clean,
        };
        session.epoch = session.epoch.next(now);
        self.departed.back(session.id);
        let id = session.id;
        let key = self.sessions.insert(session);
        self.by_id.insert(id, key);
        self.changed(key);
        key
    }

    /// Keeps a session for a client who has gone again and may come back.
    fn keep(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        match &self.sessions[key].chat {
            Chat::Idle => {}
            Chat::Waiting(_) => self.park(key, now, out),
            Chat::Matched(matched) => {
                let moved = Frame::Moved {
                    match_id: matched.id,
                    gone: self.sessions[key].id,
                    worker: self.config.worker.clone(),
                };
                let worker = matched.partner.worker.clone();
                self.send(&worker, moved, now, out);
            }
        }
        self.reschedule(key);
    }

    /// The search for a session, while one is under way for one of this worker's connections.
    pub(super) fn summoning(&mut self, session: SessionId) -> Option<&mut Pending> {
        self.pending.values_mut().find(|pending| {
            let of = pending.returning.token.as_ref().map(|token| token.session);
            of == Some(session) && !matches!(pending.stage, PendingStage::Confirming { .. })
        })
    }

    pub(super) fn elsewhere(
        &mut self,
        from: &WorkerId,
        request: u64,
        worker: Option<WorkerId>,
        now: Millis,
        out: &mut Outputs,
    ) {
        let connection = ConnectionId(request);
        let everyone: Vec<WorkerId> = self.others().collect();
        let own = self.config.worker.clone();
        let Some(Pending {
            stage:
                PendingStage::Summoning {
                    outstanding,
                    tried,
                    record,
                },
            returning,
            ..
        }) = self.pending.get_mut(&connection)
        else {
            return;
        };
        if let Some(place) = outstanding.iter().position(|asked| asked == from) {
            outstanding.swap_remove(place);
        }
        let asked = |worker: &WorkerId| tried.get(worker).copied().unwrap_or(0);
        // Who said no before the session reached them is asked again, but not for ever.
        let pointed = |worker: &WorkerId| *worker != own && asked(worker) < MAX_TRIES;
        let mut next: Vec<WorkerId> = worker.into_iter().filter(pointed).collect();
        if next.is_empty() && outstanding.is_empty() {
            next = everyone.into_iter().filter(|worker| asked(worker) == 0).collect();
        }
        for worker in &next {
            *tried.entry(worker.clone()).or_default() += 1;
        }
        outstanding.extend(next.iter().cloned());
        let done = outstanding.is_empty();
        let summon = returning.token.clone().map(|token| Summon {
            request,
            token,
            user: user_name(&returning.user).map(Arc::clone),
            since: returning.since,
            moves: returning.from.as_ref().map(|_| true),
            known: known_owner(returning, record.as_deref()),
        });
        if done && let Some(pending) = self.forget_pending(connection) {
            return self.not_handed(connection, pending, now, out);
        }
        for worker in next {
            if let Some(summon) = summon.clone() {
                self.send(&worker, Frame::Summon(summon), now, out);
            }
        }
    }

    /// Nobody has the session; but where there is a record, it can be had from that.
    pub(super) fn not_handed(
        &mut self,
        connection: ConnectionId,
        mut pending: Pending,
        now: Millis,
        out: &mut Outputs,
    ) {
        match std::mem::replace(&mut pending.stage, PendingStage::Looking) {
            PendingStage::Summoning {
                record: Some(record), ..
            } => self.take(connection, pending, record, now, out),
            _ => self.not_recovered(connection, pending, now, out),
        }
    }

    /// A worker that was asked for sessions will not answer.
    pub(super) fn summons_lost(&mut self, worker: &WorkerId, now: Millis, out: &mut Outputs) {
        let asked = |pending: &Pending| match &pending.stage {
            PendingStage::Summoning { outstanding, .. } => outstanding.contains(worker),
            _ => false,
        };
        let waiting: Vec<ConnectionId> = self
            .pending
            .iter()
            .filter(|(_, pending)| asked(pending))
            .map(|(id, _)| *id)
            .collect();
        for connection in waiting {
            self.elsewhere(worker, connection.0, None, now, out);
        }
    }
}

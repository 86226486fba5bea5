//! Finding a partner: the pool proposes, owners decide.
//!
//! Whoever asked the pool and got a claim proposes the match to the partner's owner. That owner accepts only for a
//! person who waits, at that epoch, and is alive, and keeps them for this match alone; on the commit that follows each
//! owner tells its own person. Whatever fails on the way puts both back into their old places.

use std::borrow::Cow;
use std::sync::Arc;

use super::client::{millis, username};
use super::frame::{Frame, Side};
use super::io::{EndReason, Output, Outputs, Record, WaitEnd};
use super::tell::{refuse, tell};
use super::{Key, Worker};
use crate::event::{ErrorCode, Rejection, ServerEvent};
use crate::ice;
use crate::id::{ConnectionId, Epoch, MatchId, PeerId, SessionId, WorkerId};
use crate::pairing::{self, Claim, Criteria, Party, Reply, Request, Ticket};
use crate::session::{Chat, Ended, Match, Outcome, Partner, Presence, Proposal, Session, Stage, Waiting};
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
        self.enter(key, now, out);
    }

    /// Puts or refreshes the ticket of someone who is in the queue.
    pub(super) fn enter(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let worker = &self.config.worker;
        let session = &mut self.sessions[key];
        let Chat::Waiting(waiting) = &mut session.chat else {
            return;
        };
        waiting.ask_at = (now + self.config.ask_every)
            .min(pairing::widens_after(waiting.since, now).unwrap_or(Millis(u64::MAX)));
        let ticket = Ticket {
            session: session.id,
            worker: worker.clone(),
            epoch: session.epoch,
            since: waiting.since,
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
            waiting.shown = None;
        }
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
        self.reschedule(key);
    }

    /// Ends the wait of someone for whom nobody came in time.
    pub(super) fn time_out(&mut self, key: Key, now: Millis, out: &mut Outputs) {
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

    /// Gives up a proposal and tells the other owner. One that is reserved waits for the commit, which is then
    /// answered with the end of the match.
    pub(super) fn call_off(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let Some(waiting) = self.sessions[key].waiting() else {
            return;
        };
        let stage = std::mem::take(&mut waiting.stage);
        let (to, frame) = match stage {
            Stage::Proposing(Proposal {
                match_id, partner, ..
            }) => {
                let frame = Frame::End {
                    match_id,
                    to: partner.session,
                    reason: EndReason::Left,
                };
                (partner.worker, frame)
            }
            Stage::Checking(Proposal {
                match_id, partner, ..
            }) => (
                partner.worker,
                Frame::Refuse {
                    match_id,
                    to: partner.session,
                },
            ),
            Stage::Reserved(_) | Stage::Queued | Stage::Parked => return,
        };
        self.send(&to, frame, now, out);
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
    fn queued(&mut self, session: SessionId, epoch: Epoch) -> Option<Key> {
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
        let much = match waiting.shown {
            None => true,
            Some((_, _, at)) if now.since(at).as_secs() < 1 => false,
            Some((before, estimate, _)) => {
                before.abs_diff(position) * 5 > before || estimate.abs_diff(estimated_wait_ms) * 2 > estimate
            }
        };
        if much {
            waiting.shown = Some((position, estimated_wait_ms, now));
            let timeout_ms = millis(waiting.until.since(now));
            let event = ServerEvent::Waiting {
                position,
                estimated_wait_ms,
                timeout_ms,
            };
            tell(&self.sessions[key], &event, out);
        }
    }

    /// The pool has taken two out: ours, who asked, and a partner whose owner is to be asked.
    fn claimed(&mut self, claim: Claim, now: Millis, out: &mut Outputs) {
        let Claim {
            match_id,
            first,
            second,
            criteria,
        } = claim;
        let Some(key) = self.queued(first.session, first.epoch) else {
            let frame = Frame::Release {
                to: second.session,
                epoch: second.epoch,
            };
            return self.send(&second.worker, frame, now, out);
        };
        let Some(connection) = self.sessions[key].connection() else {
            let frame = Frame::Release {
                to: second.session,
                epoch: second.epoch,
            };
            self.send(&second.worker, frame, now, out);
            return self.park(key, now, out);
        };
        let peer_id = PeerId::random(&mut self.rng);
        let (alive, until) = self.check_life(key, connection, now, out);
        let session = &mut self.sessions[key];
        let from = side(session, peer_id);
        let Some(waiting) = session.waiting() else { return };
        let Party {
            session: to,
            epoch: to_epoch,
            worker,
            person,
            ..
        } = second;
        // The partner's name in the match comes with the acceptance.
        let partner = Partner {
            session: to,
            worker: worker.clone(),
            epoch: to_epoch,
            person,
            peer_id,
        };
        let criteria: Box<str> = criteria.into();
        let proposed = Cow::Owned(criteria.to_string());
        waiting.stage = Stage::Proposing(Proposal {
            match_id,
            partner,
            peer_id,
            criteria,
            until,
            alive,
            accepted: false,
        });
        self.reschedule(key);
        self.send(
            &worker,
            Frame::Propose {
                match_id,
                from,
                to,
                to_epoch,
                criteria: proposed,
            },
            now,
            out,
        );
    }

    /// Whether the last sign of life is young enough; else a ping asks for one. And until when to wait.
    fn check_life(
        &mut self,
        key: Key,
        connection: ConnectionId,
        now: Millis,
        out: &mut Outputs,
    ) -> (bool, Millis) {
        if now.since(self.sessions[key].last_alive) <= self.config.alive_within {
            return (true, now + self.config.alive_timeout + self.config.reserve_for);
        }
        out.push(Output::Ping(connection));
        (false, now + self.config.alive_timeout)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a frame's fields, and what every step takes"
    )]
    pub(super) fn proposed(
        &mut self,
        from: &WorkerId,
        match_id: MatchId,
        side: Side,
        (to, to_epoch): (SessionId, Epoch),
        criteria: &str,
        now: Millis,
        out: &mut Outputs,
    ) {
        let asked = self
            .queued(to, to_epoch)
            .and_then(|key| Some((key, self.sessions[key].connection()?)));
        let Some((key, connection)) = asked else {
            return self.send(
                from,
                Frame::Refuse {
                    match_id,
                    to: side.session,
                },
                now,
                out,
            );
        };
        let (alive, until) = self.check_life(key, connection, now, out);
        let proposal = Proposal {
            match_id,
            partner: Partner {
                session: side.session,
                worker: from.clone(),
                epoch: side.epoch,
                person: side.person,
                peer_id: side.peer_id,
            },
            peer_id: PeerId::random(&mut self.rng),
            criteria: criteria.into(),
            until,
            alive,
            accepted: false,
        };
        if alive {
            self.accept(key, proposal, now, out);
        } else if let Some(waiting) = self.sessions[key].waiting() {
            waiting.stage = Stage::Checking(proposal);
            self.reschedule(key);
        }
    }

    fn accept(&mut self, key: Key, mut proposal: Proposal, now: Millis, out: &mut Outputs) {
        proposal.until = now + self.config.reserve_for;
        let session = &mut self.sessions[key];
        let from = side(session, proposal.peer_id);
        let (match_id, to) = (proposal.match_id, proposal.partner.session);
        let worker = proposal.partner.worker.clone();
        let Some(waiting) = session.waiting() else { return };
        waiting.stage = Stage::Reserved(proposal);
        self.reschedule(key);
        self.send(&worker, Frame::Accept { match_id, from, to }, now, out);
    }

    pub(super) fn accepted(
        &mut self,
        from: &WorkerId,
        match_id: MatchId,
        side: Side,
        to: SessionId,
        now: Millis,
        out: &mut Outputs,
    ) {
        let key = self.by_id.get(&to).copied();
        let proposal = key.and_then(|key| match &mut self.sessions[key].waiting()?.stage {
            Stage::Proposing(proposal) if proposal.match_id == match_id => Some(proposal),
            _ => None,
        });
        let (Some(key), Some(proposal)) = (key, proposal) else {
            let end = Frame::End {
                match_id,
                to: side.session,
                reason: EndReason::Left,
            };
            return self.send(from, end, now, out);
        };
        proposal.accepted = true;
        proposal.partner.peer_id = side.peer_id;
        proposal.partner.epoch = side.epoch;
        self.commit_if_ready(key, now, out);
    }

    /// Makes the match once the partner's owner has accepted and the own person has shown life.
    fn commit_if_ready(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let Some(waiting) = self.sessions[key].waiting() else {
            return;
        };
        match &waiting.stage {
            Stage::Proposing(proposal) if proposal.accepted && proposal.alive => {}
            _ => return,
        }
        let Stage::Proposing(proposal) = std::mem::take(&mut waiting.stage) else {
            return;
        };
        let (match_id, to) = (proposal.match_id, proposal.partner.session);
        let worker = proposal.partner.worker.clone();
        let from = self.sessions[key].id;
        self.send(&worker, Frame::Commit { match_id, from, to }, now, out);
        self.make_match(key, proposal, true, now, out);
    }

    pub(super) fn refused(&mut self, match_id: MatchId, to: SessionId, now: Millis, out: &mut Outputs) {
        let Some(&key) = self.by_id.get(&to) else { return };
        match self.sessions[key].waiting() {
            Some(Waiting {
                stage: Stage::Proposing(proposal),
                ..
            }) if proposal.match_id == match_id => {}
            _ => return,
        }
        out.record(Record::ConfirmationFailed);
        if let Some(waiting) = self.sessions[key].waiting() {
            waiting.stage = Stage::Queued;
        }
        self.requeue(key, now, out);
    }

    pub(super) fn committed(
        &mut self,
        from: &WorkerId,
        match_id: MatchId,
        session: SessionId,
        to: SessionId,
        now: Millis,
        out: &mut Outputs,
    ) {
        if let Some(&key) = self.by_id.get(&to)
            && let Some(waiting) = self.sessions[key].waiting()
            && let Stage::Reserved(proposal) = &waiting.stage
            && proposal.match_id == match_id
            && let Stage::Reserved(proposal) = std::mem::take(&mut waiting.stage)
        {
            return self.make_match(key, proposal, false, now, out);
        }
        if self.in_match(to, match_id).is_none() {
            let end = Frame::End {
                match_id,
                to: session,
                reason: EndReason::Left,
            };
            self.send(from, end, now, out);
        }
    }

    fn make_match(&mut self, key: Key, proposal: Proposal, initiator: bool, now: Millis, out: &mut Outputs) {
        let same_worker = proposal.partner.worker == self.config.worker;
        let session = &mut self.sessions[key];
        let Some(since) = session.waiting().map(|waiting| waiting.since) else {
            return;
        };
        let found = session.bump();
        session.met(proposal.partner.person);
        let match_id = proposal.match_id;
        session.chat = Chat::Matched(Box::new(Match::new(proposal, initiator, now, found)));
        out.record(Record::MatchMade {
            match_id,
            session: session.id,
            initiator,
            waited: now.since(since),
            same_worker,
        });
        self.tell_match(key, now, out);
        self.reschedule(key);
    }

    /// Sends `match_found`, with credentials made for it.
    pub(super) fn tell_match(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let session = &mut self.sessions[key];
        let servers = ice::servers(&self.ice, &username(session), now);
        let Some(matched) = session.matched() else { return };
        matched.ice_refresh = servers.refresh_at;
        let (match_id, peer_id, initiator) = (matched.id, matched.partner.peer_id, matched.initiator);
        let criteria = matched.criteria.clone();
        let event = ServerEvent::MatchFound {
            match_id,
            peer_id,
            initiator,
            ice_servers: &servers.json,
            criteria: &criteria,
        };
        tell(session, &event, out);
    }

    pub(super) fn released(&mut self, to: SessionId, epoch: Epoch, now: Millis, out: &mut Outputs) {
        if let Some(key) = self.queued(to, epoch) {
            self.requeue(key, now, out);
        }
    }

    /// The other owner has given up a proposal; answers whether this was about one.
    pub(super) fn proposal_ended(
        &mut self,
        key: Key,
        match_id: MatchId,
        now: Millis,
        out: &mut Outputs,
    ) -> bool {
        let Some(waiting) = self.sessions[key].waiting() else {
            return false;
        };
        if waiting
            .proposal()
            .is_none_or(|proposal| proposal.match_id != match_id)
        {
            return false;
        }
        out.record(Record::ConfirmationFailed);
        waiting.stage = Stage::Queued;
        self.requeue(key, now, out);
        true
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

fn side(session: &Session, peer_id: PeerId) -> Side {
    Side {
        session: session.id,
        epoch: session.epoch,
        person: session.person,
        peer_id,
    }
}

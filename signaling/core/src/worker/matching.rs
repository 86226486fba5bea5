//! Finding a partner: the pool proposes, owners decide.
//!
//! Whoever asked the pool and got a claim proposes the match to the partner's owner. That owner accepts only for a
//! person who waits, at that epoch, and is alive, and keeps them for this match alone; on the commit that follows each
//! owner tells its own person. Whatever fails on the way puts both back into their old places.

use std::borrow::Cow;

use super::client::username;
use super::frame::{Frame, Propose, Side};
use super::io::{Output, Outputs, Record, Statistic};
use super::tell::tell_as_of;
use super::{Key, Worker};
use crate::event::ServerEvent;
use crate::ice;
use crate::id::{ConnectionId, Epoch, MatchId, PeerId, SessionId, WorkerId};
use crate::pairing::{Claim, Request};
use crate::session::{Chat, EndReason, Match, Partner, Proposal, Session, Stage, Waiting};
use crate::time::Millis;

impl Worker {
    /// Gives up a proposal and tells the other owner. One that is reserved waits for the commit, which is then
    /// answered with the end of the match.
    pub(super) fn call_off(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let epoch = self.sessions[key].epoch;
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
                    epoch: Some(epoch),
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

    /// The pool has taken two out: ours, who asked, and a partner whose owner is to be asked.
    pub(super) fn claimed(&mut self, claim: Claim, now: Millis, out: &mut Outputs) {
        let (first, second) = (&claim.first, &claim.second);
        let queued = self.queued(first.session, first.epoch);
        let connection = queued.and_then(|key| self.sessions[key].connection());
        let wanted = queued.is_some_and(|key| !self.sessions[key].shuns(second.person));
        let there = !self.lost.contains(&second.worker);
        match (queued, connection) {
            (Some(key), Some(connection)) if wanted && there => {
                self.propose(key, connection, claim, now, out);
            }
            (key, connection) => {
                let frame = Frame::Release {
                    to: second.session,
                    epoch: second.epoch,
                };
                self.send(&second.worker, frame, now, out);
                match (key, connection) {
                    (Some(key), Some(_)) => self.enter(key, now, out),
                    (Some(key), None) => self.park(key, now, out),
                    (None, _) => {}
                }
            }
        }
    }

    fn propose(&mut self, key: Key, connection: ConnectionId, claim: Claim, now: Millis, out: &mut Outputs) {
        let peer_id = PeerId::random(&mut self.rng);
        let (alive, until) = self.check_life(key, connection, now, out);
        let Claim {
            match_id,
            second,
            criteria,
            ..
        } = claim;
        let session = &mut self.sessions[key];
        let propose = Propose {
            match_id,
            from: side(session, peer_id),
            to: second.session,
            to_epoch: second.epoch,
            criteria: Cow::Owned(criteria.clone()),
        };
        let Some(waiting) = session.waiting() else { return };
        let worker = second.worker.clone();
        waiting.stage = Stage::Proposing(Proposal {
            match_id,
            partner: Partner {
                session: second.session,
                worker: second.worker,
                epoch: second.epoch,
                person: second.person,
                // The partner's name in the match comes with the acceptance.
                peer_id,
            },
            peer_id,
            criteria: criteria.into(),
            until,
            alive,
            accepted: false,
        });
        self.reschedule(key);
        self.send(&worker, Frame::Propose(propose), now, out);
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

    /// Another owner, or this one, asks for one of ours. Only who waits, at that epoch, may be had; and nobody for
    /// someone whom they have blocked, whatever the pool thinks.
    pub(super) fn proposed(
        &mut self,
        from: &WorkerId,
        propose: &Propose<'_>,
        now: Millis,
        out: &mut Outputs,
    ) {
        let (match_id, side) = (propose.match_id, propose.from);
        let queued = self.queued(propose.to, propose.to_epoch);
        let asked = queued
            .filter(|&key| !self.sessions[key].shuns(side.person))
            .and_then(|key| Some((key, self.sessions[key].connection()?)));
        let Some((key, connection)) = asked else {
            let to = side.session;
            self.send(from, Frame::Refuse { match_id, to }, now, out);
            // The pool has taken the ticket out in vain.
            if let Some(key) = queued {
                self.requeue(key, now, out);
            }
            return;
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
            criteria: (*propose.criteria).into(),
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

    pub(super) fn accept(&mut self, key: Key, mut proposal: Proposal, now: Millis, out: &mut Outputs) {
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
                epoch: self.epoch_of(to),
            };
            return self.send(from, end, now, out);
        };
        proposal.accepted = true;
        proposal.partner.peer_id = side.peer_id;
        proposal.partner.epoch = side.epoch;
        self.commit_if_ready(key, now, out);
    }

    /// Makes the match once the partner's owner has accepted and the own person has shown life.
    pub(super) fn commit_if_ready(&mut self, key: Key, now: Millis, out: &mut Outputs) {
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
                epoch: self.epoch_of(to),
            };
            self.send(from, end, now, out);
        }
    }

    fn make_match(&mut self, key: Key, proposal: Proposal, initiator: bool, now: Millis, out: &mut Outputs) {
        let same_pod = proposal.partner.worker.pod() == self.config.worker.pod();
        let session = &mut self.sessions[key];
        let Some(since) = session.waiting().map(|waiting| waiting.since) else {
            return;
        };
        // The ticket may have been put again while the pool was taking it out.
        let (id, epoch) = (session.id, session.epoch);
        out.push(Output::Pool(Request::Leave { session: id, epoch }));
        let found = session.bump();
        session.met(proposal.partner.person);
        let match_id = proposal.match_id;
        session.chat = Chat::Matched(Box::new(Match::new(proposal, initiator, now, found)));
        out.record(Record::MatchMade {
            match_id,
            session: session.id,
            initiator,
            waited: now.since(since),
            same_pod,
        });
        out.count(session.user.as_ref(), Statistic::Match);
        self.tell_match(key, found, now, out);
        self.changed(key);
        self.reschedule(key);
    }

    /// Sends `match_found`, with credentials made for it.
    pub(super) fn tell_match(&mut self, key: Key, version: u32, now: Millis, out: &mut Outputs) {
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
        tell_as_of(session, version, &event, out);
    }

    pub(super) fn released(&mut self, to: SessionId, epoch: Epoch, now: Millis, out: &mut Outputs) {
        if let Some(key) = self.queued(to, epoch) {
            self.requeue(key, now, out);
        }
    }

    /// The other owner has given up a proposal.
    pub(super) fn proposal_ended(&mut self, key: Key, match_id: MatchId, now: Millis, out: &mut Outputs) {
        let Some(waiting) = self.sessions[key].waiting() else {
            return;
        };
        if waiting
            .proposal()
            .is_none_or(|proposal| proposal.match_id != match_id)
        {
            return;
        }
        out.record(Record::ConfirmationFailed);
        waiting.stage = Stage::Queued;
        self.requeue(key, now, out);
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

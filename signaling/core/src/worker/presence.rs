//! Leaving and losing: who is there, who is waited for, and what their partners are told.

use std::time::Duration;

use super::client::millis;
use super::frame::Frame;
use super::io::{Closed, DropReason, Output, Outputs, Record, Statistic, WaitEnd};
use super::tell::tell;
use super::{Due, Key, Worker};
use crate::event::ServerEvent;
use crate::ice;
use crate::id::{ConnectionId, Epoch, MatchId, SessionId, WorkerId};
use crate::session::{Away, Chat, EndReason, Ended, Last, Match, Outcome, Presence};
use crate::time::Millis;

/// How much longer than the resume window a partner without word is waited for: their owner speaks first.
const GRACE: Duration = Duration::from_secs(10);

/// How many owners' word that a partner has moved on is followed.
const MAX_MOVES: u8 = 16;

impl Worker {
    /// A client has shown life; its session, if it has one.
    pub(super) fn alive(&mut self, connection: ConnectionId, now: Millis, out: &mut Outputs) -> Option<Key> {
        let key = *self.by_connection.get(&connection)?;
        let session = &mut self.sessions[key];
        if session.doubted && now < self.stale_until {
            // Said before this worker was stopped, and read only now.
            return Some(key);
        }
        session.last_alive = now;
        if let Chat::Waiting(_) = session.chat {
            self.waiting_alive(key, now, out);
        }
        Some(key)
    }

    pub(super) fn drain(&mut self, connection: ConnectionId, reconnect_in: Duration, out: &mut Outputs) {
        if let Some(&key) = self.by_connection.get(&connection) {
            let event = ServerEvent::Draining {
                reconnect_in_ms: millis(reconnect_in),
            };
            tell(&self.sessions[key], &event, out);
        }
        out.push(Output::Close(connection));
    }

    pub(super) fn closed(&mut self, connection: ConnectionId, how: Closed, now: Millis, out: &mut Outputs) {
        let Some(key) = self.by_connection.remove(&connection) else {
            return self.pending_closed(connection, how, now, out);
        };
        match how {
            Closed::Left => self.remove(key, EndReason::Left, now, out),
            Closed::Clean => self.lose(key, true, now, out),
            Closed::Lost => self.lose(key, false, now, out),
        }
    }

    /// The window opens: place, match and session are kept for a while.
    fn lose(&mut self, key: Key, clean: bool, now: Millis, out: &mut Outputs) {
        let session = &mut self.sessions[key];
        session.presence = Presence::Lost {
            until: now + self.config.resume_window,
            clean,
        };
        out.record(Record::SessionLost { session: session.id });
        self.changed(key);
        let session = &self.sessions[key];
        match &session.chat {
            Chat::Idle => {}
            Chat::Waiting(_) => self.park(key, now, out),
            Chat::Matched(_) => self.tell_away(key, now, out),
        }
        self.reschedule(key);
    }

    /// Tells the partner's owner, if there is a match, that this side has no connection.
    pub(super) fn tell_away(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let Chat::Matched(matched) = &self.sessions[key].chat else {
            return;
        };
        let (match_id, to) = (matched.id, matched.partner.session);
        let worker = matched.partner.worker.clone();
        self.send(&worker, Frame::Away { match_id, to }, now, out);
    }

    /// Ends a session for good.
    pub(super) fn remove(&mut self, key: Key, reason: EndReason, now: Millis, out: &mut Outputs) {
        self.stop_waiting(key, WaitEnd::Disconnected, now, out);
        self.leave(key, reason, now, out);
        let session = self.take_out(key);
        if self.config.save_every.is_some() {
            let (session, epoch) = (session.id, session.epoch);
            out.push(Output::Forget { session, epoch });
        }
        let left = reason == EndReason::Left;
        out.record(Record::SessionDisconnected {
            session: session.id,
            left,
        });
    }

    /// Takes a session out of all indexes.
    pub(super) fn take_out(&mut self, key: Key) -> crate::session::Session {
        let session = self.sessions.remove(key);
        self.by_id.remove(&session.id);
        if let Some(connection) = session.connection() {
            self.by_connection.remove(&connection);
        }
        self.deadlines.set(&Due::Session(key), None);
        self.forget_record(key, &session);
        session
    }

    /// Ends the match, if there is one, from this side.
    pub(super) fn leave(&mut self, key: Key, reason: EndReason, now: Millis, out: &mut Outputs) {
        let Chat::Matched(matched) = &self.sessions[key].chat else {
            return;
        };
        let frame = Frame::End {
            match_id: matched.id,
            to: matched.partner.session,
            reason,
            epoch: Some(self.sessions[key].epoch),
        };
        let worker = matched.partner.worker.clone();
        self.send(&worker, frame, now, out);
        self.end_match(key, reason, now, out);
    }

    /// Back to idle, with what is left of the match: its partner's name for a late block or report.
    fn end_match(&mut self, key: Key, reason: EndReason, now: Millis, out: &mut Outputs) -> Option<MatchId> {
        let session = &mut self.sessions[key];
        let Chat::Matched(matched) = std::mem::replace(&mut session.chat, Chat::Idle) else {
            return None;
        };
        session.last = Some(Last {
            match_id: matched.id,
            partner: matched.partner.session,
            person: matched.partner.person,
            ended: now,
            reason,
            heard: matched.heard,
        });
        let lasted = now.since(matched.began);
        out.record(Record::MatchEnded {
            match_id: matched.id,
            session: session.id,
            initiator: matched.initiator,
            reason,
            lasted,
        });
        out.count(session.user.as_ref(), Statistic::Talked(lasted));
        if matched.held.len() > 0 {
            out.dropped(DropReason::Unclaimed, matched.held.len());
        }
        self.changed(key);
        self.reschedule(key);
        Some(matched.id)
    }

    /// The partner's side of the match is over; tells this one.
    fn partner_left(&mut self, key: Key, reason: EndReason, now: Millis, out: &mut Outputs) {
        let Some(match_id) = self.end_match(key, reason, now, out) else {
            return;
        };
        let session = &mut self.sessions[key];
        let version = session.bump();
        let outcome = Outcome::PeerDisconnected { match_id, reason };
        session.outcome = Some(Ended {
            outcome,
            version,
            at: now,
        });
        tell(
            session,
            &ServerEvent::PeerDisconnected {
                match_id,
                reason: reason.as_str(),
            },
            out,
        );
        self.finish_confirming(key, true, now, out);
    }

    /// The partner's owner says that the match is over. The word of one who owned the partner before the present one is
    /// void, and so is that of one who has never owned it: they were asked, or stopped, while the partner moved on.
    pub(super) fn ended(
        &mut self,
        from: &WorkerId,
        match_id: MatchId,
        to: SessionId,
        (reason, epoch): (EndReason, Option<Epoch>),
        now: Millis,
        out: &mut Outputs,
    ) {
        // Who has moved asks for the match from where they are.
        let Some(&key) = self.by_id.get(&to) else { return };
        if self.in_match(to, match_id).is_some() {
            let current = |matched: &mut Match| match epoch {
                Some(epoch) => epoch >= matched.partner.epoch,
                None => matched.partner.worker == *from,
            };
            if self.sessions[key].matched().is_some_and(current) {
                self.partner_left(key, reason, now, out);
            }
        } else {
            self.proposal_ended(key, match_id, now, out);
        }
    }

    /// The partner has lost the connection, says an owner: the present one, or one whose word comes too late.
    pub(super) fn partner_away(
        &mut self,
        from: &WorkerId,
        match_id: MatchId,
        to: SessionId,
        now: Millis,
        out: &mut Outputs,
    ) {
        let Some(key) = self.in_match(to, match_id) else {
            return;
        };
        if self.sessions[key]
            .matched()
            .is_some_and(|matched| matched.partner.worker == *from)
        {
            self.wait_for_partner(key, now, out);
        }
    }

    /// Waits for a partner who may come back; who is waited for already is not waited for longer.
    pub(super) fn wait_for_partner(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let until = now + self.config.resume_window + GRACE;
        let session = &mut self.sessions[key];
        let Some(matched) = session.matched() else { return };
        if matched.away != Away::No {
            return;
        }
        matched.away = Away::Until(until);
        let match_id = matched.id;
        session.bump();
        tell(session, &ServerEvent::PeerReconnecting { match_id }, out);
        self.changed(key);
        self.reschedule(key);
    }

    pub(super) fn partner_back(
        &mut self,
        match_id: MatchId,
        to: SessionId,
        renegotiate: bool,
        out: &mut Outputs,
    ) {
        let Some(key) = self.in_match(to, match_id) else {
            return;
        };
        let session = &mut self.sessions[key];
        let Some(matched) = session.matched() else { return };
        let away = std::mem::replace(&mut matched.away, Away::No) != Away::No;
        if !away && !renegotiate {
            return;
        }
        let version = Some(session.bump());
        if let Some(matched) = session.matched() {
            matched.returned = version;
            matched.renegotiate = if renegotiate { version } else { matched.renegotiate };
        }
        tell(
            session,
            &ServerEvent::PeerResumed {
                match_id,
                renegotiate,
            },
            out,
        );
        self.changed(key);
        self.reschedule(key);
    }

    /// Signals that were acknowledged could not be handed on: both sides start the negotiation over.
    pub(super) fn ask_to_renegotiate(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let Chat::Matched(matched) = &self.sessions[key].chat else {
            return;
        };
        let (own, match_id) = (self.sessions[key].id, matched.id);
        let (worker, to) = (matched.partner.worker.clone(), matched.partner.session);
        self.partner_back(match_id, own, true, out);
        self.send(
            &worker,
            Frame::Back {
                match_id,
                to,
                renegotiate: true,
            },
            now,
            out,
        );
    }

    /// The partner's session has another owner, says the last one or the new one; others' word is old.
    pub(super) fn partner_moved(
        &mut self,
        from: &WorkerId,
        match_id: MatchId,
        gone: SessionId,
        worker: WorkerId,
        now: Millis,
        out: &mut Outputs,
    ) {
        let Some(key) = self.left_behind(match_id, gone) else {
            return;
        };
        let Some(matched) = self.sessions[key].matched() else {
            return;
        };
        let known = &matched.partner.worker;
        if *known == worker || from != known && *from != worker {
            return;
        }
        matched.partner.worker = worker;
        self.changed(key);
        let Some(matched) = self.sessions[key].matched() else {
            return;
        };
        let heard = matched.heard;
        let Some(asked) = &mut matched.confirming else {
            // The new owner may have the session from before the match.
            return self.ask_to_confirm(key, Some(heard), false, now, out);
        };
        asked.moves += 1;
        if asked.moves > MAX_MOVES {
            // Lost on the way from one owner to another, whom each takes for the other's.
            return self.partner_left(key, EndReason::Error, now, out);
        }
        self.ask_again(key, now, out);
    }

    /// The partner's session is not where it should be, nor anywhere else that is known, says who should have it.
    pub(super) fn partner_gone(
        &mut self,
        from: &WorkerId,
        match_id: MatchId,
        gone: SessionId,
        reason: EndReason,
        now: Millis,
        out: &mut Outputs,
    ) {
        if let Some(key) = self.left_behind(match_id, gone)
            && let Some(matched) = self.sessions[key].matched()
            && matched.partner.worker == *from
        {
            self.partner_left(key, reason, now, out);
        }
    }

    /// The other side of a match, by the side that is gone. Rare enough to walk over all.
    fn left_behind(&self, match_id: MatchId, gone: SessionId) -> Option<Key> {
        let side = |session: &crate::session::Session| match &session.chat {
            Chat::Matched(matched) => matched.id == match_id && matched.partner.session == gone,
            _ => false,
        };
        self.sessions
            .iter()
            .find(|(_, session)| side(session))
            .map(|(key, _)| key)
    }

    pub(super) fn reschedule(&mut self, key: Key) {
        let session = &self.sessions[key];
        let lost = match session.presence {
            Presence::Lost { until, .. } => Some(until),
            Presence::Here(_) => None,
        };
        let here = lost.is_none();
        let chat = match &session.chat {
            Chat::Idle => None,
            Chat::Waiting(waiting) => Some(waiting.due()),
            Chat::Matched(matched) => {
                let away = match matched.away {
                    Away::Until(until) => Some(until),
                    Away::No => None,
                };
                let refresh = matched.ice_refresh.filter(|_| here);
                let moments = [away, refresh, self.forget_at(session)];
                moments.into_iter().flatten().min()
            }
        };
        let save = (!session.unsaved.is_empty()).then_some(session.save_at);
        let at = lost.into_iter().chain(chat).chain(save).min();
        self.deadlines.set(&Due::Session(key), at);
    }

    pub(super) fn session_due(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        if let Presence::Lost { until, .. } = self.sessions[key].presence
            && until <= now
        {
            return self.remove(key, EndReason::Timeout, now, out);
        }
        if !self.sessions[key].unsaved.is_empty() && self.sessions[key].save_at <= now {
            self.save_blocks(key, now, out);
        }
        match &self.sessions[key].chat {
            Chat::Idle => {}
            Chat::Waiting(_) => self.waiting_due(key, now, out),
            Chat::Matched(_) => self.match_due(key, now, out),
        }
        self.reschedule(key);
    }

    fn match_due(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        self.forget_signals(key, now);
        let (here, epoch) = (
            self.sessions[key].connection().is_some(),
            self.sessions[key].epoch,
        );
        let Some(matched) = self.sessions[key].matched() else {
            return;
        };
        if let Away::Until(until) = matched.away
            && until <= now
        {
            let frame = Frame::End {
                match_id: matched.id,
                to: matched.partner.session,
                reason: EndReason::Timeout,
                epoch: Some(epoch),
            };
            let worker = matched.partner.worker.clone();
            self.send(&worker, frame, now, out);
            return self.partner_left(key, EndReason::Timeout, now, out);
        }
        // Who is not connected gets fresh credentials on return.
        if here && matched.ice_refresh.is_some_and(|at| at <= now) {
            let name = matched.peer_id.to_string();
            let servers = ice::servers(&self.ice, &name, now);
            matched.ice_refresh = servers.refresh_at;
            let event = ServerEvent::IceServers {
                ice_servers: &servers.json,
            };
            tell(&self.sessions[key], &event, out);
        }
    }
}

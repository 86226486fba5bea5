//! Coming, and coming back.
//!
//! A resume is answered only when it is known what the client comes back to: the session is looked for, on other workers
//! too ([`super::summon`]), and a match is confirmed by the partner's owner, who also replays what was missed. Until
//! then the connection is pending and the session counts as lost.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::frame::Frame;
use super::io::{Connect, EndReason, Output, Outputs, Record, User};
use super::tell::tell;
use super::{Due, Key, Worker};
use crate::event::{InMatch, ServerEvent, State};
use crate::id::{ConnectionId, Epoch, MatchId, Person, Secret, SessionId, WorkerId};
use crate::session::{Away, Bucket, Chat, Match, Offset, Outcome, Presence, Session, Token};
use crate::time::Millis;

/// A connection whose CONNECT is not answered yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) stage: PendingStage,
    pub(super) returning: Returning,
}

/// What the answer waits for.
#[derive(Debug)]
pub(super) enum PendingStage {
    /// For whoever has the session to hand it over.
    Summoning {
        outstanding: BTreeSet<WorkerId>,
        tried: BTreeSet<WorkerId>,
    },
    /// For the partner's owner to confirm the match.
    Confirming { session: SessionId, renegotiate: bool },
}

/// What a client says of itself when it connects.
#[derive(Clone, Debug)]
pub(super) struct Returning {
    pub(super) token: Option<Token>,
    pub(super) offset: Option<Offset>,
    pub(super) seq: Option<u64>,
    pub(super) offsets: bool,
    pub(super) user: User,
    /// Whether a new session may begin.
    pub(super) may_begin: bool,
    /// The session was taken from a connection that was still open.
    pub(super) taken_over: bool,
}

impl Worker {
    pub(super) fn connect(&mut self, connect: &Connect<'_>, now: Millis, out: &mut Outputs) {
        let returning = Returning {
            token: connect.token.and_then(Token::parse),
            offset: connect.offset.and_then(Offset::parse),
            seq: connect.seq,
            offsets: connect.offsets,
            user: connect.user.clone(),
            may_begin: connect.may_begin,
            taken_over: false,
        };
        let connection = connect.connection;
        match &returning.token {
            Some(token) => match self.holds(token, user_name(&returning.user)) {
                Some(key) => self.resume(key, connection, returning, now, out),
                None => self.summon(connection, returning, now, out),
            },
            None => {
                if connect.token.is_some() {
                    out.record(Record::ResumeFailed);
                }
                self.begin(connection, &returning, now, out);
            }
        }
    }

    /// The session that this token and user may resume.
    pub(super) fn holds(&self, token: &Token, user: Option<&str>) -> Option<Key> {
        let key = *self.by_id.get(&token.session)?;
        let session = &self.sessions[key];
        (session.secret == token.secret && session.user.as_deref() == user).then_some(key)
    }

    /// Begins a new session.
    pub(super) fn begin(
        &mut self,
        connection: ConnectionId,
        returning: &Returning,
        now: Millis,
        out: &mut Outputs,
    ) {
        if !returning.may_begin {
            return out.push(Output::Close(connection));
        }
        let user = match &returning.user {
            User::Anonymous => None,
            User::Known(sub) => Some(Arc::clone(sub)),
            User::Expired(_) => return out.push(Output::Refuse { connection }),
        };
        let id = SessionId::random(&mut self.rng);
        let person = user
            .as_deref()
            .map_or_else(|| Person::of_session(id), Person::of_user);
        let session = Session {
            id,
            secret: Secret::random(&mut self.rng),
            made_by: self.config.worker.clone(),
            epoch: Epoch(now.0),
            person,
            user,
            presence: Presence::Here(connection),
            offsets: returning.offsets,
            version: 0,
            last_alive: now,
            chat: Chat::Idle,
            recent: Vec::new(),
            blocked: Vec::new(),
            last_partner: None,
            outcome: None,
            requests: Bucket::default(),
            signals: Bucket::default(),
            text: Bucket::default(),
            limited_until: Millis(0),
        };
        let key = self.sessions.insert(session);
        self.by_id.insert(id, key);
        self.by_connection.insert(connection, key);
        out.record(Record::SessionConnected { session: id });
        self.welcome(key, connection, false, false, out);
    }

    /// Gives a session that is here a new connection, after its match, if any, has been confirmed.
    pub(super) fn resume(
        &mut self,
        key: Key,
        connection: ConnectionId,
        mut returning: Returning,
        now: Millis,
        out: &mut Outputs,
    ) {
        let clean = match self.sessions[key].presence {
            Presence::Lost { clean, .. } => clean,
            Presence::Here(before) => {
                returning.taken_over = true;
                self.by_connection.remove(&before);
                out.push(Output::Disconnect(before));
                false
            }
        };
        let id = self.sessions[key].id;
        self.supersede(id, out);
        let window = self.config.resume_window;
        let session = &mut self.sessions[key];
        session.offsets = returning.offsets;
        session.presence = Presence::Lost {
            until: now + window,
            clean,
        };
        returning.offset = returning.offset.filter(|offset| offset.tag == session.tag());
        let Some(matched) = session.matched() else {
            return self.come_back(key, connection, &returning, false, now, out);
        };
        let after = seen(matched, &returning);
        let sure = clean || matched.signalled() && matched.all_acknowledged;
        let renegotiate = !sure || after.is_none();
        let stage = PendingStage::Confirming {
            session: id,
            renegotiate,
        };
        self.pending.insert(connection, Pending { stage, returning });
        self.deadlines
            .set(&Due::Pending(connection), Some(now + self.config.confirm_timeout));
        self.ask_to_confirm(key, after, renegotiate, now, out);
    }

    /// An earlier connection that still waits for the same session has been overtaken.
    fn supersede(&mut self, id: SessionId, out: &mut Outputs) {
        let waits = |pending: &Pending| matches!(pending.stage, PendingStage::Confirming { session, .. } if session == id);
        let earlier = self
            .pending
            .iter()
            .find(|(_, pending)| waits(pending))
            .map(|(connection, _)| *connection);
        if let Some(connection) = earlier {
            self.forget_pending(connection);
            out.push(Output::Disconnect(connection));
        }
    }

    pub(super) fn forget_pending(&mut self, connection: ConnectionId) -> Option<Pending> {
        let pending = self.pending.remove(&connection)?;
        self.deadlines.set(&Due::Pending(connection), None);
        Some(pending)
    }

    /// Asks the partner's owner whether the match stands, and for what followed the partner's signal `after`.
    pub(super) fn ask_to_confirm(
        &mut self,
        key: Key,
        after: Option<u64>,
        renegotiate: bool,
        now: Millis,
        out: &mut Outputs,
    ) {
        let session = &mut self.sessions[key];
        let (from, epoch) = (session.id, session.epoch);
        let Some(matched) = session.matched() else { return };
        matched.confirming = true;
        let (match_id, to) = (matched.id, matched.partner.session);
        let worker = matched.partner.worker.clone();
        self.send(
            &worker,
            Frame::Confirm {
                match_id,
                from,
                epoch,
                to,
                after,
                renegotiate,
            },
            now,
            out,
        );
    }

    /// The partner has a new connection, perhaps a new owner.
    #[expect(
        clippy::too_many_arguments,
        reason = "a frame's fields, and what every step takes"
    )]
    pub(super) fn confirm(
        &mut self,
        from: &WorkerId,
        match_id: MatchId,
        (partner, epoch): (SessionId, Epoch),
        to: SessionId,
        (after, renegotiate): (Option<u64>, bool),
        now: Millis,
        out: &mut Outputs,
    ) {
        let Some(key) = self.in_match(to, match_id) else {
            if let Some(worker) = self.departed.worker(to).cloned() {
                return self.send(
                    from,
                    Frame::Moved {
                        match_id,
                        gone: to,
                        worker,
                    },
                    now,
                    out,
                );
            }
            let end = Frame::End {
                match_id,
                to: partner,
                reason: EndReason::Left,
            };
            return self.send(from, end, now, out);
        };
        let away = self.sessions[key].connection().is_none();
        let Some(matched) = self.sessions[key].matched() else {
            return;
        };
        if matched.partner.session != partner || epoch < matched.partner.epoch {
            return;
        }
        matched.partner.worker = from.clone();
        matched.partner.epoch = epoch;
        let (missed, complete) = matched.sent.after(after.unwrap_or(u64::MAX));
        let missed: Vec<(u64, Vec<u8>)> = missed.map(|(seq, signal)| (seq, signal.to_vec())).collect();
        let heard = missed.first().map_or(matched.sent.last(), |(seq, _)| seq - 1);
        let complete = complete || after.is_none();
        let renegotiate = renegotiate || !complete;
        self.partner_back(match_id, to, renegotiate, out);
        self.send(
            from,
            Frame::Confirmed {
                match_id,
                to: partner,
                heard,
                complete,
                away,
            },
            now,
            out,
        );
        for (seq, signal) in missed {
            let offer = signal.starts_with(b"[\"webrtc_offer\"");
            let frame = Frame::Signal {
                match_id,
                to: partner,
                seq,
                offer,
                body: Cow::Owned(signal),
            };
            self.send(from, frame, now, out);
        }
    }

    pub(super) fn confirmed(
        &mut self,
        match_id: MatchId,
        to: SessionId,
        heard: u64,
        (complete, away): (bool, bool),
        now: Millis,
        out: &mut Outputs,
    ) {
        let Some(key) = self.in_match(to, match_id) else {
            return;
        };
        let until = now + self.config.resume_window + super::presence::GRACE;
        let session = &mut self.sessions[key];
        let version = if complete { session.version } else { session.bump() };
        let Some(matched) = session.matched() else { return };
        if !matched.confirming {
            return;
        }
        matched.confirming = false;
        matched.heard = heard;
        matched.away = if away { Away::Until(until) } else { Away::No };
        if !complete {
            matched.renegotiate = Some(version);
        }
        self.finish_confirming(key, now, out);
        self.reschedule(key);
    }

    /// The partner's owner has spoken, or cannot: whoever waits for it comes back now.
    pub(super) fn finish_confirming(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let id = self.sessions[key].id;
        let waits = |pending: &Pending| match pending.stage {
            PendingStage::Confirming { session, renegotiate } if session == id => Some(renegotiate),
            _ => None,
        };
        let found = self
            .pending
            .iter()
            .find_map(|(connection, pending)| Some((*connection, waits(pending)?)));
        if let Some((connection, renegotiate)) = found
            && let Some(pending) = self.forget_pending(connection)
        {
            self.come_back(key, connection, &pending.returning, renegotiate, now, out);
        }
    }

    pub(super) fn pending_due(&mut self, connection: ConnectionId, now: Millis, out: &mut Outputs) {
        let Some(pending) = self.forget_pending(connection) else {
            return;
        };
        match pending.stage {
            PendingStage::Summoning { .. } => self.not_recovered(connection, &pending.returning, now, out),
            PendingStage::Confirming { session, .. } => {
                // The partner's owner is silent: what it would have replayed is not known.
                if let Some(&key) = self.by_id.get(&session) {
                    self.come_back(key, connection, &pending.returning, true, now, out);
                }
            }
        }
    }

    pub(super) fn not_recovered(
        &mut self,
        connection: ConnectionId,
        returning: &Returning,
        now: Millis,
        out: &mut Outputs,
    ) {
        out.record(Record::ResumeFailed);
        self.begin(connection, returning, now, out);
    }

    /// The client is back: it is told where it stands, and what it may not have seen.
    fn come_back(
        &mut self,
        key: Key,
        connection: ConnectionId,
        returning: &Returning,
        renegotiate: bool,
        now: Millis,
        out: &mut Outputs,
    ) {
        let session = &mut self.sessions[key];
        let alive_before = session.last_alive;
        session.presence = Presence::Here(connection);
        session.last_alive = now;
        self.by_connection.insert(connection, key);
        let seen = returning.offset.map(|offset| offset.version);
        let asked = match &self.sessions[key].chat {
            Chat::Matched(matched) => matched.renegotiate.is_some_and(|version| is_news(seen, version)),
            _ => false,
        };
        let renegotiate = renegotiate || asked;
        let (id, taken_over) = (self.sessions[key].id, returning.taken_over);
        out.record(Record::SessionResumed {
            session: id,
            taken_over,
            renegotiate,
        });
        self.welcome(key, connection, true, renegotiate, out);
        self.tell_again(key, seen, alive_before, now, out);
        self.reschedule(key);
    }

    /// What a client that is back may not have seen.
    fn tell_again(
        &mut self,
        key: Key,
        seen: Option<u32>,
        alive_before: Millis,
        now: Millis,
        out: &mut Outputs,
    ) {
        let session = &mut self.sessions[key];
        match &mut session.chat {
            Chat::Idle => {
                let Some(ended) = session.outcome else { return };
                // Without an offset, what came before the last sign of life was seen.
                if seen.map_or(ended.at < alive_before, |seen| {
                    !is_news(Some(seen), ended.version)
                }) {
                    return;
                }
                match ended.outcome {
                    Outcome::TimedOut { waited_ms } => {
                        tell(session, &ServerEvent::MatchTimeout { waited_ms }, out);
                    }
                    Outcome::PeerDisconnected { match_id, reason } => {
                        let reason = reason.as_str();
                        tell(session, &ServerEvent::PeerDisconnected { match_id, reason }, out);
                    }
                }
            }
            Chat::Waiting(waiting) => {
                waiting.shown = None;
                if waiting.queued() {
                    self.enter(key, now, out);
                } else {
                    self.waiting_alive(key, now, out);
                }
            }
            Chat::Matched(matched) => {
                let (match_id, away) = (matched.id, matched.away != Away::No);
                if !matched.signalled() && is_news(seen, matched.found) {
                    self.tell_match(key, now, out);
                }
                if away {
                    tell(
                        &self.sessions[key],
                        &ServerEvent::PeerReconnecting { match_id },
                        out,
                    );
                }
            }
        }
    }

    /// Answers CONNECT and sends `session`.
    fn welcome(
        &mut self,
        key: Key,
        connection: ConnectionId,
        resumed: bool,
        renegotiate: bool,
        out: &mut Outputs,
    ) {
        let session = &self.sessions[key];
        let token = session.token().to_string();
        let id = session.id;
        let written = out.write(|bytes| bytes.extend_from_slice(token.as_bytes()));
        out.push(Output::Accept {
            connection,
            session: id,
            token: written,
        });
        let (state, in_match) = match &session.chat {
            Chat::Idle => (State::Idle, None),
            Chat::Waiting(_) => (State::Waiting, None),
            Chat::Matched(matched) => {
                let (match_id, peer_id) = (matched.id, matched.partner.peer_id);
                let in_match = InMatch {
                    match_id,
                    peer_id,
                    initiator: matched.initiator,
                    renegotiate,
                };
                (State::Matched, Some(in_match))
            }
        };
        let resume_window_ms = super::client::millis(self.config.resume_window);
        let event = ServerEvent::Session {
            session_id: id,
            resume_token: &token,
            resumed,
            resume_window_ms,
            state,
            in_match,
        };
        tell(session, &event, out);
    }
}

/// The number of the partner's last signal that the client has seen in this match, if it can tell.
fn seen(matched: &Match, returning: &Returning) -> Option<u64> {
    match returning.offset {
        Some(offset) if is_news(Some(offset.version), matched.found) => Some(0),
        Some(offset) => Some(offset.seq),
        None => returning.seq,
    }
}

/// Whether a client that has seen version `seen` has not seen `version`.
fn is_news(seen: Option<u32>, version: u32) -> bool {
    seen.is_none_or(|seen| seen < version)
}

/// Whose session may be resumed.
pub(super) fn user_name(user: &User) -> Option<&str> {
    match user {
        User::Anonymous => None,
        User::Known(sub) | User::Expired(sub) => Some(sub),
    }
}

//! Coming, and coming back.
//!
//! A resume is answered only when it is known what the client comes back to: the session is looked for, in its record
//! ([`super::recover`]) and on other workers ([`super::summon`]), and a match is confirmed by the partner's owner ([`super::confirm`]), who also replays what was
//! missed. Until then the connection is pending and the session counts as lost. Then it is resumed ([`super::resume`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::frame::{Confirm, Summon};
use super::io::{Closed, Connect, Origin, Output, Outputs, Record, Statistic, User};
use super::moving::Unsaid;
use super::recover::Recorded;
use super::{Due, Key, Worker};
use crate::id::{ConnectionId, Epoch, Person, Secret, SessionId, WorkerId};
use crate::session::{Bucket, Chat, EndReason, Offset, Presence, Session, Token};
use crate::time::Millis;

/// A connection whose CONNECT is not answered yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) stage: PendingStage,
    pub(super) returning: Returning,
    /// What other workers have asked about the session that is looked for: one or two questions.
    pub(super) questions: Vec<(WorkerId, Question)>,
    /// The store was asked twice.
    asked_again: bool,
}

/// What another worker wants of a session that is on its way here, or nowhere.
#[derive(Debug)]
pub(super) enum Question {
    /// The partner's owner asks whether the match stands.
    Confirm(Confirm),
    /// A later connection has come to another worker.
    Summon(Summon),
}

impl Pending {
    pub(super) fn new(stage: PendingStage, returning: Returning) -> Self {
        Self {
            stage,
            returning,
            questions: Vec::new(),
            asked_again: false,
        }
    }
}

/// What the answer waits for.
#[derive(Debug)]
pub(super) enum PendingStage {
    /// For the session's record, which tells who has it.
    Looking,
    /// For whoever has the session to hand it over.
    Summoning {
        /// Whose answers are awaited.
        outstanding: Vec<WorkerId>,
        /// Who was asked, and how often.
        tried: BTreeMap<WorkerId, u8>,
        /// What to go by when nobody hands it over.
        record: Option<Box<Recorded>>,
    },
    /// For the session's record to name this worker as its owner.
    Taking,
    /// For the partner's owner to confirm the match.
    Confirming { session: SessionId, renegotiate: bool },
    /// For nothing: the connection has gone while the session was looked for. Should it come, it is kept for the client's
    /// next try, or not, if the client `left`.
    Abandoned { left: bool },
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
    /// Where the connection comes from, when its client goes on rather than comes back.
    pub(super) from: Option<Origin>,
    /// What its client has still to be told of where it comes from.
    pub(super) unsaid: Unsaid,
    /// When the connection asked.
    pub(super) since: Millis,
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
            from: connect.from.clone(),
            unsaid: Unsaid::new(),
            since: connect.from.as_ref().map_or(now, |from| from.since),
            taken_over: false,
        };
        let connection = connect.connection;
        if self.by_connection.contains_key(&connection) || self.pending.contains_key(&connection) {
            // It has asked before.
            return;
        }
        match &returning.token {
            Some(token) => {
                if let Some(from) = &returning.from
                    && !self.gives_way(token.session, from, now, out)
                {
                    return out.push(Output::Close(connection));
                }
                match self.holds(token, user_name(&returning.user).map(|user| &**user)) {
                    Some(key) if !self.sessions[key].doubted => {
                        self.resume(key, connection, returning, now, out);
                    }
                    _ => self.summon(connection, returning, now, out),
                }
            }
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
            connected: now,
            chat: Chat::Idle,
            recent: Vec::new(),
            blocked: Vec::new(),
            unsaved: Vec::new(),
            save_at: now,
            last: None,
            outcome: None,
            requests: Bucket::default(),
            signals: Bucket::default(),
            text: Bucket::default(),
            limited_until: [Millis(0); 3],
            saved: Millis(0),
            doubted: false,
        };
        let key = self.sessions.insert(session);
        self.by_id.insert(id, key);
        self.by_connection.insert(connection, key);
        out.record(Record::SessionConnected { session: id });
        out.count(self.sessions[key].user.as_ref(), Statistic::Session);
        self.changed(key);
        self.welcome(key, connection, (false, false), 0, out);
    }

    /// An earlier connection that still waits for the same session has been overtaken.
    pub(super) fn supersede(&mut self, session: SessionId, out: &mut Outputs) {
        if let Some((connection, _)) = self.confirming(session) {
            self.forget_pending(connection);
            out.push(Output::Disconnect(connection));
        }
    }

    pub(super) fn forget_pending(&mut self, connection: ConnectionId) -> Option<Pending> {
        let pending = self.pending.remove(&connection)?;
        self.deadlines.set(&Due::Pending(connection), None);
        Some(pending)
    }

    pub(super) fn pending_due(&mut self, connection: ConnectionId, now: Millis, out: &mut Outputs) {
        let Some(mut pending) = self.forget_pending(connection) else {
            return;
        };
        let session = pending.returning.token.as_ref().map(|token| token.session);
        match pending.stage {
            PendingStage::Looking | PendingStage::Taking if !pending.asked_again && session.is_some() => {
                // The connection on which the store was asked may have led nowhere, as after its restart: it is noticed by
                // that, and there is another one now.
                (pending.stage, pending.asked_again) = (PendingStage::Looking, true);
                self.await_answer(connection, pending, now);
                out.list
                    .extend(session.map(|session| Output::Load { connection, session }));
            }
            PendingStage::Looking => self.ask_owners(connection, pending, None, now, out),
            PendingStage::Summoning {
                record: Some(record), ..
            } => {
                let pending = Pending {
                    stage: PendingStage::Looking,
                    ..pending
                };
                self.take(connection, pending, record, now, out);
            }
            PendingStage::Summoning { record: None, .. } | PendingStage::Taking => {
                self.not_recovered(connection, pending, now, out);
            }
            PendingStage::Confirming { session, .. } => {
                // The partner's owner is silent: what it would have replayed is not known, nor whether anybody is there.
                if let Some(&key) = self.by_id.get(&session) {
                    self.wait_for_partner(key, now, out);
                    self.come_back(key, connection, &pending.returning, true, now, out);
                }
            }
            PendingStage::Abandoned { .. } => self.answer(pending.questions, now, out),
        }
    }

    /// The connection has gone before its CONNECT was answered.
    pub(super) fn pending_closed(
        &mut self,
        connection: ConnectionId,
        how: Closed,
        now: Millis,
        out: &mut Outputs,
    ) {
        let left = how == Closed::Left;
        match self
            .pending
            .get_mut(&connection)
            .map(|pending| &mut pending.stage)
        {
            Some(PendingStage::Looking) => {
                if let Some(pending) = self.forget_pending(connection) {
                    self.answer(pending.questions, now, out);
                }
            }
            Some(stage @ (PendingStage::Summoning { .. } | PendingStage::Taking)) => {
                *stage = PendingStage::Abandoned { left };
            }
            Some(PendingStage::Confirming { session, .. }) => {
                let session = *session;
                self.forget_pending(connection);
                if let Some(&key) = self.by_id.get(&session) {
                    if left {
                        self.remove(key, EndReason::Left, now, out);
                    } else {
                        // The partner's owner was asked as for somebody who is there.
                        self.tell_away(key, now, out);
                        self.reschedule(key);
                    }
                }
            }
            Some(PendingStage::Abandoned { .. }) | None => {}
        }
    }

    /// The session that the client wanted was not found. It may have come in the meantime, for an earlier connection.
    pub(super) fn not_recovered(
        &mut self,
        connection: ConnectionId,
        pending: Pending,
        now: Millis,
        out: &mut Outputs,
    ) {
        let Pending {
            returning, questions, ..
        } = pending;
        let token = returning.token.as_ref();
        if let Some(key) =
            token.and_then(|token| self.holds(token, user_name(&returning.user).map(|user| &**user)))
        {
            self.resume(key, connection, returning, now, out);
        } else {
            out.record(Record::ResumeFailed);
            self.begin(connection, &returning, now, out);
        }
        self.answer(questions, now, out);
    }
}

/// Whose session may be resumed.
pub(super) fn user_name(user: &User) -> Option<&Arc<str>> {
    match user {
        User::Anonymous => None,
        User::Known(sub) | User::Expired(sub) => Some(sub),
    }
}

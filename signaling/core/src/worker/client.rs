//! What clients ask for.

use std::sync::Arc;
use std::time::Duration;

use super::io::{Outputs, Record, Scope, Statistic, WaitEnd};
use super::tell::{ack_ok, refuse, tell};
use super::{Key, Worker};
use crate::event::{self, ClientEvent, ErrorCode, IceReport, Rejection, ServerEvent, Target};
use crate::ice;
use crate::id::{ConnectionId, Person, SessionId};
use crate::pairing::{self, Criteria, Request};
use crate::session::{Chat, EndReason, Session};
use crate::time::Millis;

/// An event whose sender is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct From {
    pub(super) key: Key,
    pub(super) connection: ConnectionId,
    pub(super) ack: Option<u64>,
}

impl Worker {
    pub(super) fn client_event(
        &mut self,
        connection: ConnectionId,
        args: &str,
        ack: Option<u64>,
        now: Millis,
        out: &mut Outputs,
    ) {
        let Some(key) = self.alive(connection, now, out) else {
            return;
        };
        let from = From { key, connection, ack };
        let event = event::parse(args, &self.config.limits);
        // What cannot be read counts as well, or garbage would be free.
        let scope = event.as_ref().map_or(Scope::Signal, scope);
        if let Err(retry_after) = self.take_token(key, scope, now) {
            return self.limited(from, scope, retry_after, now, out);
        }
        if let Err(rejection) = event.and_then(|event| self.act(from, event, now, out)) {
            refuse(&self.sessions[key], ack, &rejection, out);
        }
    }

    pub(super) fn binary_event(
        &mut self,
        connection: ConnectionId,
        ack: Option<u64>,
        now: Millis,
        out: &mut Outputs,
    ) {
        let Some(key) = self.alive(connection, now, out) else {
            return;
        };
        if let Err(retry_after) = self.take_token(key, Scope::Signal, now) {
            let from = From { key, connection, ack };
            return self.limited(from, Scope::Signal, retry_after, now, out);
        }
        let rejection = Rejection::new(ErrorCode::InvalidPayload, "no event takes binary data");
        refuse(&self.sessions[key], ack, &rejection, out);
    }

    fn act(
        &mut self,
        from: From,
        event: ClientEvent<'_>,
        now: Millis,
        out: &mut Outputs,
    ) -> Result<(), Rejection> {
        match event {
            ClientEvent::FindMatch { criteria } => self.find_match(from, criteria, now, out),
            ClientEvent::CancelMatch => self.cancel_match(from, now, out),
            ClientEvent::LeaveMatch { target } => self.leave_match(from, target, now, out),
            ClientEvent::NextMatch { criteria, target } => self.next_match(from, criteria, target, now, out),
            ClientEvent::Signal(signal) => self.signal(from, &signal, now, out),
            ClientEvent::IceState { report, target } => self.ice_state(from, report, target, out),
            ClientEvent::IceServers => {
                self.ice_servers(from, now, out);
                Ok(())
            }
            ClientEvent::BlockPeer { target } => self.block_peer(from, target, now, out),
            ClientEvent::ReportPeer { target } => self.report_peer(from, target, now, out),
        }
    }

    /// Counts an event against its limit, or tells how long until the next one passes.
    fn take_token(&mut self, key: Key, scope: Scope, now: Millis) -> Result<(), Duration> {
        let session = &mut self.sessions[key];
        match scope {
            Scope::Match => session.requests.take(self.config.request_rate, now),
            Scope::Signal => session.signals.take(self.config.signal_rate, now),
            Scope::Text => session.text.take(self.config.text_rate, now),
        }
    }

    /// Refuses an event that is one too many. `rate_limited` follows once in the time that it speaks of.
    fn limited(&mut self, from: From, scope: Scope, retry_after: Duration, now: Millis, out: &mut Outputs) {
        let words = format!(
            "too many events; wait {} ms before the next",
            retry_after.as_millis()
        );
        let rejection = Rejection::new(ErrorCode::RateLimited, words);
        let session = &mut self.sessions[from.key];
        refuse(session, from.ack, &rejection, out);
        let told_until = &mut session.limited_until[scope as usize];
        if *told_until > now {
            return;
        }
        *told_until = now + retry_after;
        let event = ServerEvent::RateLimited {
            scope: scope.as_str(),
            retry_after_ms: millis(retry_after),
        };
        tell(session, &event, out);
        out.record(Record::LimitHit {
            session: session.id,
            scope,
        });
    }

    fn find_match(
        &mut self,
        from: From,
        criteria: Criteria,
        now: Millis,
        out: &mut Outputs,
    ) -> Result<(), Rejection> {
        match &self.sessions[from.key].chat {
            Chat::Matched(_) => {
                return Err(Rejection::new(ErrorCode::AlreadyMatched, "leave the match first"));
            }
            Chat::Waiting(_) => {
                ack_ok(from.connection, from.ack, out);
                self.change_criteria(from.key, criteria, now, out);
            }
            Chat::Idle => {
                ack_ok(from.connection, from.ack, out);
                self.begin_waiting(from.key, Arc::new(criteria), now, out);
            }
        }
        Ok(())
    }

    fn cancel_match(&mut self, from: From, now: Millis, out: &mut Outputs) -> Result<(), Rejection> {
        if let Chat::Matched(_) = self.sessions[from.key].chat {
            return Err(Rejection::new(
                ErrorCode::AlreadyMatched,
                "the match was found before; leave it",
            ));
        }
        ack_ok(from.connection, from.ack, out);
        self.stop_waiting(from.key, WaitEnd::Cancelled, now, out);
        Ok(())
    }

    fn leave_match(
        &mut self,
        from: From,
        target: Target<'_>,
        now: Millis,
        out: &mut Outputs,
    ) -> Result<(), Rejection> {
        self.require_match(from.key, target)?;
        ack_ok(from.connection, from.ack, out);
        self.leave(from.key, EndReason::Left, now, out);
        Ok(())
    }

    fn next_match(
        &mut self,
        from: From,
        criteria: Criteria,
        target: Target<'_>,
        now: Millis,
        out: &mut Outputs,
    ) -> Result<(), Rejection> {
        if let Chat::Matched(_) = self.sessions[from.key].chat {
            self.require_match(from.key, target)?;
            ack_ok(from.connection, from.ack, out);
            self.leave(from.key, EndReason::Next, now, out);
            self.begin_waiting(from.key, Arc::new(criteria), now, out);
            return Ok(());
        }
        self.find_match(from, criteria, now, out)
    }

    fn ice_state(
        &mut self,
        from: From,
        report: IceReport,
        target: Target<'_>,
        out: &mut Outputs,
    ) -> Result<(), Rejection> {
        self.require_match(from.key, target)?;
        ack_ok(from.connection, from.ack, out);
        if let Chat::Matched(matched) = &self.sessions[from.key].chat {
            out.record(Record::IceState {
                match_id: matched.id,
                report,
            });
        }
        Ok(())
    }

    fn ice_servers(&mut self, from: From, now: Millis, out: &mut Outputs) {
        let session = &self.sessions[from.key];
        let servers = ice::servers(&self.ice, &username(session), now);
        match from.ack {
            Some(id) => {
                let body = out.write(|bytes| event::write_ack_ice_servers(&servers.json, bytes));
                out.push(super::Output::Ack {
                    connection: from.connection,
                    id,
                    body,
                });
            }
            None => tell(
                session,
                &ServerEvent::IceServers {
                    ice_servers: &servers.json,
                },
                out,
            ),
        }
    }

    fn block_peer(
        &mut self,
        from: From,
        target: Target<'_>,
        now: Millis,
        out: &mut Outputs,
    ) -> Result<(), Rejection> {
        let person = self.partner_of(from.key, target, now)?;
        ack_ok(from.connection, from.ack, out);
        self.never_again(from.key, person, now, out);
        let session = &self.sessions[from.key];
        out.record(Record::PeerBlocked { session: session.id });
        out.count(session.user.as_ref(), Statistic::Block);
        self.leave(from.key, EndReason::Left, now, out);
        Ok(())
    }

    fn report_peer(
        &mut self,
        from: From,
        target: Target<'_>,
        now: Millis,
        out: &mut Outputs,
    ) -> Result<(), Rejection> {
        let person = self.partner_of(from.key, target, now)?;
        ack_ok(from.connection, from.ack, out);
        self.never_again(from.key, person, now, out);
        let session = &self.sessions[from.key];
        out.record(Record::PeerReported { session: session.id });
        out.count(session.user.as_ref(), Statistic::Report);
        Ok(())
    }

    fn never_again(&mut self, key: Key, person: Person, now: Millis, out: &mut Outputs) {
        let session = &mut self.sessions[key];
        session.block(person);
        if session.user.is_some() && !session.unsaved.contains(&person) {
            // Outlives the session: the user's next one has it as well.
            session.unsaved.push(person);
            self.save_blocks(key, now, out);
        }
        self.changed(key);
        let Some(waiting) = self.sessions[key].waiting() else {
            return;
        };
        match waiting.proposal().map(|proposal| proposal.partner.person) {
            // About to be matched with the very one.
            Some(partner) if partner == person => {
                self.call_off(key, now, out);
                self.requeue(key, now, out);
            }
            None if waiting.queued() => self.enter(key, now, out),
            _ => {}
        }
    }

    /// Asks the pool to remember a user's blocks, again and again until it answers.
    pub(super) fn save_blocks(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        let session = &mut self.sessions[key];
        for &of in &session.unsaved {
            out.push(super::Output::Pool(Request::Block {
                session: session.id,
                by: session.person,
                of,
            }));
        }
        session.save_at = now + pairing::REFRESH_EVERY;
        self.reschedule(key);
    }

    pub(super) fn block_saved(&mut self, session: SessionId, of: Person) {
        if let Some(&key) = self.by_id.get(&session) {
            self.sessions[key].unsaved.retain(|unsaved| *unsaved != of);
            self.reschedule(key);
        }
    }

    /// The present partner, else the last one while they may still be blocked or reported.
    fn partner_of(&self, key: Key, target: Target<'_>, now: Millis) -> Result<Person, Rejection> {
        let session = &self.sessions[key];
        match (&session.chat, session.last) {
            (Chat::Matched(matched), _) if target.admits(matched.id) => Ok(matched.partner.person),
            (Chat::Matched(_), _) => Err(not_matched()),
            (_, Some(last))
                if target.admits(last.match_id) && now.since(last.ended) <= self.config.report_within =>
            {
                Ok(last.person)
            }
            _ => Err(not_matched()),
        }
    }

    /// Refuses what is not for the match that the session is in.
    pub(super) fn require_match(&self, key: Key, target: Target<'_>) -> Result<(), Rejection> {
        match &self.sessions[key].chat {
            Chat::Matched(matched) if target.admits(matched.id) => Ok(()),
            _ => Err(not_matched()),
        }
    }
}

/// Whom TURN credentials are for.
pub(super) fn username(session: &Session) -> String {
    match &session.chat {
        Chat::Matched(matched) => matched.peer_id.to_string(),
        _ => session.id.to_string(),
    }
}

pub(super) fn not_matched() -> Rejection {
    Rejection::new(ErrorCode::NotMatched, "there is no such match")
}

fn scope(event: &ClientEvent<'_>) -> Scope {
    match event {
        ClientEvent::FindMatch { .. }
        | ClientEvent::CancelMatch
        | ClientEvent::LeaveMatch { .. }
        | ClientEvent::NextMatch { .. } => Scope::Match,
        ClientEvent::Signal(signal) if signal.kind == event::SignalKind::ChatMessage => Scope::Text,
        _ => Scope::Signal,
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

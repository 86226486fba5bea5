//! Giving a session a new connection, and telling its client what it comes back to.

use super::connect::{Pending, PendingStage, Returning};
use super::io::{Output, Outputs, Record};
use super::tell::{tell, tell_as_of};
use super::{Due, Key, Worker};
use crate::event::{InMatch, ServerEvent, State};
use crate::id::ConnectionId;
use crate::session::{Away, Chat, Ended, Match, Outcome, Presence};
use crate::time::Millis;

impl Worker {
    /// Gives a session that is here a new connection, after its match, if any, has been confirmed. A connection that
    /// came later than this one keeps it.
    pub(super) fn resume(
        &mut self,
        key: Key,
        connection: ConnectionId,
        mut returning: Returning,
        now: Millis,
        out: &mut Outputs,
    ) {
        if self.is_claimed_since(key, returning.since) {
            return out.push(Output::Disconnect(connection));
        }
        let clean = match self.sessions[key].presence {
            Presence::Lost { clean, .. } => clean,
            Presence::Here(before) => {
                returning.taken_over = true;
                self.by_connection.remove(&before);
                out.push(Output::Disconnect(before));
                false
            }
        };
        self.supersede(self.sessions[key].id, out);
        let window = self.config.resume_window;
        let session = &mut self.sessions[key];
        session.doubted = false;
        session.connected = returning.since;
        session.offsets = returning.offsets;
        session.presence = Presence::Lost {
            until: now + window,
            clean,
        };
        returning.offset = match returning.from {
            None => returning.offset.filter(|offset| offset.tag == session.tag()),
            // Who goes on has been told all that there is.
            Some(_) => Some(session.offset()),
        };
        self.reschedule(key);
        let session = &mut self.sessions[key];
        let id = session.id;
        let heard_before = session.last.map_or(0, |last| last.heard);
        // Its client has been told more than is known here: this is an old record, and numbers may be of another match.
        let outdated = returning
            .offset
            .is_some_and(|offset| offset.version > session.version);
        let Some(matched) = session.matched() else {
            return self.come_back(key, connection, &returning, false, now, out);
        };
        let after = seen(matched, heard_before, &mut returning).filter(|_| !outdated);
        // What is told from now on goes by what the client has seen, not by what a dead connection was sent.
        matched.heard = match after {
            // Nobody knows better than the client what the owner before this one has handed to it.
            Some(after) if matched.is_from_record() => after,
            Some(after) => after.min(matched.heard),
            None => matched.heard,
        };
        matched.confirming = None;
        if self.lost.contains(&matched.partner.worker) {
            // There is nobody to ask; whoever comes back there asks in turn.
            self.wait_for_partner(key, now, out);
            return self.come_back(key, connection, &returning, true, now, out);
        }
        let sure = clean || matched.signalled() && matched.all_acknowledged;
        let renegotiate = !sure || after.is_none();
        let stage = PendingStage::Confirming {
            session: id,
            renegotiate,
        };
        self.pending.insert(connection, Pending::new(stage, returning));
        self.deadlines
            .set(&Due::Pending(connection), Some(now + self.config.confirm_timeout));
        self.ask_to_confirm(key, after, renegotiate, now, out);
    }

    /// Whether a connection that asked later than `since` has this session, or is about to.
    pub(super) fn is_claimed_since(&self, key: Key, since: Millis) -> bool {
        let session = &self.sessions[key];
        session.connected > since && (session.connection().is_some() || self.confirming(session.id).is_some())
    }

    /// The client is back: it is told where it stands, and what it may not have seen.
    pub(super) fn come_back(
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
        let untold = self.untold(key, returning, alive_before);
        let session = &self.sessions[key];
        let told = untold
            .first()
            .map_or(session.version, |first| first.wrapping_sub(1));
        if returning.from.is_some() {
            self.settle_in(key, connection, &returning.unsaid, (renegotiate, told), out);
        } else {
            out.record(Record::SessionResumed {
                session: session.id,
                taken_over: returning.taken_over,
                renegotiate,
            });
            self.welcome(key, connection, (true, renegotiate), told, out);
        }
        self.tell_again(key, &untold, now, out);
        self.changed(key);
        self.reschedule(key);
    }

    /// What a client that is back may not have seen.
    fn untold(&self, key: Key, returning: &Returning, alive_before: Millis) -> Untold {
        let session = &self.sessions[key];
        let seen = returning.offset.map(|offset| offset.version);
        let mut untold = Untold {
            moves: returning.from.is_some(),
            ..Untold::default()
        };
        match &session.chat {
            Chat::Idle => {
                // Without an offset, what came a whole ping before the last sign of life was seen: a later sign may have
                // been under way when it was told.
                let known = |ended: &Ended| match seen {
                    Some(seen) => seen >= ended.version,
                    None => ended.at + self.config.ping_time < alive_before,
                };
                let ended = session.outcome.filter(|ended| !known(ended));
                untold.ended = ended.map(|ended| ended.version);
            }
            Chat::Waiting(_) => {}
            Chat::Matched(matched) => {
                let found = is_news(seen, matched.found) && !has_signalled(matched, returning);
                untold.found = found.then_some(matched.found);
                untold.peer = match matched.away {
                    Away::Until(_) => Some(session.version),
                    Away::No => matched.returned.filter(|version| is_news(seen, *version)),
                };
            }
        }
        untold
    }

    /// Tells a client that is back what it may not have seen.
    fn tell_again(&mut self, key: Key, untold: &Untold, now: Millis, out: &mut Outputs) {
        let session = &mut self.sessions[key];
        let version = session.version;
        match &mut session.chat {
            Chat::Idle => {
                let Some(ended) = session.outcome.as_mut().filter(|_| untold.ended.is_some()) else {
                    return;
                };
                ended.at = now;
                let outcome = ended.outcome;
                match outcome {
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
                if !untold.moves {
                    waiting.shown = None;
                }
                if waiting.queued() {
                    self.enter(key, now, out);
                } else {
                    self.waiting_alive(key, now, out);
                }
            }
            Chat::Matched(matched) => {
                let (match_id, away) = (matched.id, matched.away != Away::No);
                let renegotiate = matched.renegotiate == matched.returned;
                if let Some(found) = untold.found {
                    let told = untold.peer.map_or(version, |_| found);
                    self.tell_match(key, told, now, out);
                }
                let session = &self.sessions[key];
                if away {
                    tell(session, &ServerEvent::PeerReconnecting { match_id }, out);
                } else if untold.peer.is_some() {
                    let event = ServerEvent::PeerResumed {
                        match_id,
                        renegotiate,
                    };
                    tell(session, &event, out);
                }
            }
        }
    }

    /// Answers CONNECT and sends `session`, with which the client has seen all up to `version`.
    pub(super) fn welcome(
        &mut self,
        key: Key,
        connection: ConnectionId,
        (resumed, renegotiate): (bool, bool),
        version: u32,
        out: &mut Outputs,
    ) {
        let session = &self.sessions[key];
        let (id, token) = (session.id, session.token().to_string());
        let token = out.write(|bytes| bytes.extend_from_slice(token.as_bytes()));
        out.push(Output::Accept {
            connection,
            session: id,
            token,
            resumed,
        });
        self.greet(key, (resumed, renegotiate), version, out);
    }

    /// Sends `session`.
    pub(super) fn greet(
        &self,
        key: Key,
        (resumed, renegotiate): (bool, bool),
        version: u32,
        out: &mut Outputs,
    ) {
        let session = &self.sessions[key];
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
            session_id: session.id,
            resume_token: &session.token().to_string(),
            resumed,
            resume_window_ms,
            state,
            in_match,
        };
        tell_as_of(session, version, &event, out);
    }
}

/// The versions of what a client may not have seen, in the order in which it is told.
#[derive(Clone, Copy, Debug, Default)]
struct Untold {
    /// How a wait or a match ended.
    ended: Option<u32>,
    /// `match_found`.
    found: Option<u32>,
    /// That the partner is away, or is back.
    peer: Option<u32>,
    /// Where they wait, they know.
    moves: bool,
}

impl Untold {
    /// The version of the first of them.
    fn first(&self) -> Option<u32> {
        self.ended.or(self.found).or(self.peer)
    }
}

/// The number of the partner's last signal that the client has seen in this match, if it can tell. Who resumes by token
/// and names no number takes itself to be outside a match; unless it has sent a signal, it knows nothing of this one. Its
/// number may still be that of the match before, of which it was handed `heard_before` signals: then it is taken back.
fn seen(matched: &Match, heard_before: u64, returning: &mut Returning) -> Option<u64> {
    if let Some(offset) = returning.offset {
        let unaware = is_news(Some(offset.version), matched.found);
        return Some(if unaware { 0 } else { offset.seq });
    }
    if returning.offsets || matched.signalled() {
        return returning.seq;
    }
    let Some(seq) = returning.seq.filter(|seq| *seq > 0) else {
        return Some(0);
    };
    // A record may be older than what its match has come to.
    let may_be_of_this = seq <= matched.heard || matched.is_from_record();
    match (may_be_of_this, seq <= heard_before) {
        (true, true) => None,
        (false, true) => {
            returning.seq = None;
            Some(0)
        }
        (_, false) => Some(seq),
    }
}

/// Whether the client has sent a signal in this match, so that a second `match_found` would make it rebuild its connection.
/// A candidate that is held and names no match counts, unless the client says that it knows nothing of this match: then
/// it is of the last one.
fn has_signalled(matched: &Match, returning: &Returning) -> bool {
    let unaware = match returning.offset {
        Some(offset) => is_news(Some(offset.version), matched.found),
        None => !returning.offsets && returning.seq.is_none(),
    };
    matched.signalled() || !unaware && matched.held.len() > 0
}

/// Whether a client that has seen version `seen` has not seen `version`.
fn is_news(seen: Option<u32>, version: u32) -> bool {
    seen.is_none_or(|seen| seen < version)
}

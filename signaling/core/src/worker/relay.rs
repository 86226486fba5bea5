//! Talking: a signal's way from one side of a match to the other.
//!
//! The sender's owner checks that the sender is in the match, numbers the signal, keeps it for a partner who may have to
//! come back for it, and hands it on: to the partner's connection when that lives here, else over the link.

use std::borrow::Cow;

use super::client::{From, not_matched};
use super::frame::{Frame, Relayed};
use super::io::{DropReason, Output, Outputs, Record};
use super::tell::{ack_ok, close_array, write_number};
use super::{Key, Worker};
use crate::event::{ErrorCode, Rejection, Signal, SignalKind};
use crate::id::{MatchId, SessionId, WorkerId};
use crate::link::WindowFull;
use crate::session::{Chat, Match, SIGNALS_PER_RECORD, Session, keep_for};
use crate::time::Millis;

impl Worker {
    pub(super) fn signal(
        &mut self,
        from: From,
        signal: &Signal<'_>,
        now: Millis,
        out: &mut Outputs,
    ) -> Result<(), Rejection> {
        let Chat::Matched(matched) = &mut self.sessions[from.key].chat else {
            return Err(not_matched());
        };
        if !signal.target.admits(matched.id) {
            return Err(not_matched());
        }
        if signal.kind == SignalKind::Answer && !matched.offered {
            return Err(Rejection::new(
                ErrorCode::InvalidState,
                "there is no offer to answer in this match",
            ));
        }
        matched.all_acknowledged &= from.ack.is_some();
        if signal.kind == SignalKind::Candidate && matched.held.must_wait(signal.ufrag()) {
            hold(matched, signal).inspect_err(|_| out.dropped(DropReason::HeldFull, 1))?;
            if signal.target.names_a_match() && !std::mem::replace(&mut matched.named, true) {
                self.changed(from.key);
            }
            ack_ok(from.connection, from.ack, out);
            return Ok(());
        }
        let first = matched.sent.oldest().is_none();
        if !matched.signalled() || matched.sent.next().is_multiple_of(SIGNALS_PER_RECORD) {
            // A later owner has to know that the client knows of the match, and about how far the numbers have come.
            self.changed(from.key);
        }
        self.relay(
            from,
            signal.kind,
            |bytes| signal.body.write_fields(bytes),
            now,
            out,
        )?;
        if signal.describes() {
            self.release_held(from, signal, now, out);
        }
        if first {
            self.reschedule(from.key);
        }
        Ok(())
    }

    /// A description has gone out: now the candidates that waited for it may.
    fn release_held(&mut self, from: From, signal: &Signal<'_>, now: Millis, out: &mut Outputs) {
        let Some(matched) = self.sessions[from.key].matched() else {
            return;
        };
        let held = matched.held.described(signal.ufrags());
        let from = From { ack: None, ..from };
        for candidate in held {
            let fields = |bytes: &mut Vec<u8>| bytes.extend_from_slice(&candidate);
            // They were acknowledged; with no room left on the link, both sides have to start over.
            if self.relay(from, SignalKind::Candidate, fields, now, out).is_err() {
                self.ask_to_renegotiate(from.key, now, out);
                return;
            }
        }
    }

    /// Numbers a signal and hands it on. Refused only while the link to the partner's owner is full.
    fn relay(
        &mut self,
        from: From,
        kind: SignalKind,
        write_fields: impl FnOnce(&mut Vec<u8>),
        now: Millis,
        out: &mut Outputs,
    ) -> Result<(), Rejection> {
        let session = &mut self.sessions[from.key];
        let id = session.id;
        let Chat::Matched(matched) = &mut session.chat else {
            return Err(not_matched());
        };
        let seq = matched.sent.next();
        let body = out.write(|bytes| write_signal(kind, matched, seq, write_fields, bytes));
        let offer = kind == SignalKind::Offer;
        let (match_id, to) = (matched.id, matched.partner.session);
        let local = matched.partner.worker == self.config.worker;
        if !local {
            let worker = matched.partner.worker.clone();
            let body = Cow::Borrowed(out.slice(&body));
            let frame = Frame::Signal(Relayed {
                match_id,
                to,
                seq,
                offer,
                body,
            });
            if self.send_signal(&worker, &frame, now).is_err() {
                out.dropped(DropReason::LinkFull, 1);
                let words = "the partner cannot be reached just now; try again";
                return Err(Rejection::new(ErrorCode::Unavailable, words));
            }
        }
        let Chat::Matched(matched) = &mut self.sessions[from.key].chat else {
            return Err(not_matched());
        };
        matched.sent.push(out.slice(&body), now);
        matched.named = true;
        out.record(Record::SignalRelayed {
            match_id,
            session: id,
            kind,
            bytes: body.len(),
        });
        if local {
            self.hand_over_signal(match_id, to, (seq, offer), body, out);
        }
        ack_ok(from.connection, from.ack, out);
        Ok(())
    }

    /// Puts a signal on the link to its partner's owner.
    fn send_signal(&mut self, to: &WorkerId, frame: &Frame<'_>, now: Millis) -> Result<(), WindowFull> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        frame.write(&mut scratch);
        let sent = self.link(to, now).send(&scratch);
        self.scratch = scratch;
        if sent.is_ok() {
            self.talk_to(to);
        }
        sent
    }

    /// Hands a signal, the last that was written to `out`, to the client of `to`.
    fn hand_over_signal(
        &mut self,
        match_id: MatchId,
        to: SessionId,
        (seq, offer): (u64, bool),
        body: std::ops::Range<usize>,
        out: &mut Outputs,
    ) {
        let Some(key) = self.in_match(to, match_id) else {
            return;
        };
        let session = &mut self.sessions[key];
        let connection = session.connection();
        let Some(matched) = session.matched() else { return };
        matched.offered |= offer;
        let Some(connection) = connection.filter(|_| matched.confirming.is_none()) else {
            return;
        };
        matched.heard = seq;
        debug_assert_eq!(
            body.end,
            out.bytes.len(),
            "the end of the array is written behind the signal"
        );
        close_array(session, session.version, &mut out.bytes);
        out.push(Output::Emit {
            connection,
            body: body.start..out.bytes.len(),
        });
    }

    /// A signal has come from the partner's owner.
    pub(super) fn signal_arrived(
        &mut self,
        from: &WorkerId,
        signal: &Relayed<'_>,
        now: Millis,
        out: &mut Outputs,
    ) {
        let Relayed {
            match_id,
            to,
            seq,
            offer,
            ..
        } = *signal;
        let Some(key) = self.in_match(to, match_id) else {
            // The sender has to know where it went, or that it is over.
            let whereabouts = self.whereabouts(match_id, to);
            if matches!(whereabouts, Frame::Over { .. }) {
                out.dropped(DropReason::Stale, 1);
            }
            return self.send(from, whereabouts, now, out);
        };
        let session = &mut self.sessions[key];
        let here = session.connection().is_some();
        let Some(matched) = session.matched() else { return };
        matched.offered |= offer;
        if !here || matched.confirming.is_some() || seq <= matched.heard {
            return;
        }
        if seq > matched.heard + 1 {
            // Something between was addressed to an owner that is gone: ask for all of it again.
            let after = matched.heard;
            return self.ask_to_confirm(key, Some(after), false, now, out);
        }
        let body = out.write(|bytes| bytes.extend_from_slice(&signal.body));
        self.hand_over_signal(match_id, to, (seq, offer), body, out);
    }

    /// When this side's signals are old enough to be forgotten.
    pub(super) fn forget_at(&self, session: &Session) -> Option<Millis> {
        match &session.chat {
            Chat::Matched(matched) => {
                let keep = keep_for(self.config.resume_window, self.config.ping_time);
                matched.sent.oldest().map(|oldest| oldest + keep)
            }
            _ => None,
        }
    }

    /// Forgets signals that nobody can ask for any more; half of the keeping time at once, to be rarely at it.
    pub(super) fn forget_signals(&mut self, key: Key, now: Millis) {
        let keep = keep_for(self.config.resume_window, self.config.ping_time);
        if let Some(matched) = self.sessions[key].matched() {
            matched.sent.forget(Millis((now - keep).0 + 1));
        }
    }
}

/// Keeps a candidate until its description comes.
fn hold(matched: &mut Match, signal: &Signal<'_>) -> Result<(), Rejection> {
    let mut fields = Vec::new();
    signal.body.write_fields(&mut fields);
    if matched.held.push(signal.ufrag(), &fields) {
        return Ok(());
    }
    Err(Rejection::new(
        ErrorCode::InvalidState,
        "too many candidates wait for a description that does not come",
    ))
}

/// `["webrtc_offer",{…,"matchId":"…","from":"…","seq":1}`, without the closing bracket.
fn write_signal(
    kind: SignalKind,
    matched: &Match,
    seq: u64,
    write_fields: impl FnOnce(&mut Vec<u8>),
    bytes: &mut Vec<u8>,
) {
    bytes.extend_from_slice(b"[\"");
    bytes.extend_from_slice(kind.event().as_bytes());
    bytes.extend_from_slice(b"\",");
    write_fields(bytes);
    bytes.extend_from_slice(b"\"matchId\":\"");
    bytes.extend_from_slice(&matched.id.text());
    bytes.extend_from_slice(b"\",\"from\":\"");
    bytes.extend_from_slice(&matched.peer_id.text());
    bytes.extend_from_slice(b"\",\"seq\":");
    write_number(seq, bytes);
    bytes.push(b'}');
}

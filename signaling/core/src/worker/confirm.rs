//! Confirming a match: somebody who comes back asks the partner's owner whether it stands, and for what was missed.
//!
//! Each question has a number, and only the last one's answer counts: an earlier one may have asked for less.

use std::borrow::Cow;

use super::connect::{PendingStage, Question};
use super::frame::{Confirm, Confirmed, Frame, Relayed};
use super::io::Outputs;
use super::{Key, Worker};
use crate::id::{ConnectionId, MatchId, SessionId, WorkerId};
use crate::session::{Asked, EndReason};
use crate::time::Millis;

impl Worker {
    /// Asks the partner's owner whether the match stands, and for what followed the partner's signal `after`.
    pub(super) fn ask_to_confirm(
        &mut self,
        key: Key,
        after: Option<u64>,
        renegotiate: bool,
        now: Millis,
        out: &mut Outputs,
    ) {
        self.asks += 1;
        let number = self.asks;
        let session = &mut self.sessions[key];
        let (from, epoch) = (session.id, session.epoch);
        let Some(matched) = session.matched() else { return };
        matched.confirming = Some(Asked {
            number,
            after,
            renegotiate,
            moves: matched.confirming.map_or(0, |asked| asked.moves),
        });
        let confirm = Confirm {
            match_id: matched.id,
            from,
            epoch,
            to: matched.partner.session,
            ask: number,
            after,
            renegotiate,
        };
        let worker = matched.partner.worker.clone();
        self.send(&worker, Frame::Confirm(confirm), now, out);
    }

    /// Puts an open question once more, for the partner has another owner.
    pub(super) fn ask_again(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        if let Some(Asked {
            after, renegotiate, ..
        }) = self.sessions[key]
            .matched()
            .and_then(|matched| matched.confirming)
        {
            self.ask_to_confirm(key, after, renegotiate, now, out);
        }
    }

    /// Asks for what should have come, for all that was under way is lost.
    pub(super) fn ask_for_the_lost(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        if let Some(matched) = self.sessions[key].matched() {
            let open = matched.confirming.map(|asked| asked.after);
            let after = open.unwrap_or(Some(matched.heard));
            self.ask_to_confirm(key, after, true, now, out);
        }
    }

    /// The partner has a new connection, perhaps a new owner.
    pub(super) fn confirm(&mut self, from: &WorkerId, asked: Confirm, now: Millis, out: &mut Outputs) {
        let Confirm { match_id, to, .. } = asked;
        let Some(key) = self.in_match(to, match_id) else {
            return self.deny(from, asked, now, out);
        };
        let session = &mut self.sessions[key];
        let away = session.connection().is_none();
        let Some(matched) = session.matched() else { return };
        if matched.partner.session != asked.from || asked.epoch < matched.partner.epoch {
            return;
        }
        // Our own question may have gone to where the partner was before.
        let ask_too = matched.confirming.is_some() && matched.partner.worker != *from;
        matched.partner.worker = from.clone();
        matched.partner.epoch = asked.epoch;
        self.changed(key);
        let Some(matched) = self.sessions[key].matched() else {
            return;
        };
        let got = matched.heard;
        let (missed, complete) = matched.sent.after(asked.after.unwrap_or(u64::MAX));
        let missed: Vec<(u64, Vec<u8>)> = missed.map(|(seq, signal)| (seq, signal.to_vec())).collect();
        if let Some(after) = asked.after {
            matched.sent.catch_up(after);
        }
        let heard = match missed.first() {
            Some((seq, _)) => seq - 1,
            None if matched.signalled() => matched.sent.last(),
            // Numbers that are left out after a record are no signals: who counts them would say that there were some.
            None => asked.after.unwrap_or(0).min(matched.sent.last()),
        };
        let complete = complete || asked.after.is_none();
        self.partner_back(match_id, to, asked.renegotiate || !complete, out);
        let answer = Confirmed {
            match_id,
            to: asked.from,
            ask: asked.ask,
            heard,
            complete,
            away,
            got: Some(got),
        };
        self.send(from, Frame::Confirmed(answer), now, out);
        for (seq, signal) in missed {
            let signal = Relayed {
                match_id,
                to: asked.from,
                seq,
                offer: signal.starts_with(b"[\"webrtc_offer\""),
                body: Cow::Owned(signal),
            };
            self.send(from, Frame::Signal(signal), now, out);
        }
        if ask_too {
            self.ask_again(key, now, out);
        }
    }

    /// The match that is asked about is not here: it is over, or its person has moved, or is just about to come; then the
    /// question waits.
    fn deny(&mut self, from: &WorkerId, asked: Confirm, now: Millis, out: &mut Outputs) {
        let Confirm { match_id, to, .. } = asked;
        if let Some(pending) = self.summoning(to) {
            return pending.questions.push((from.clone(), Question::Confirm(asked)));
        }
        let frame = match self.whereabouts(match_id, to) {
            Frame::Over { reason, .. } => Frame::End {
                match_id,
                to: asked.from,
                reason,
                epoch: self.epoch_of(to),
            },
            frame => frame,
        };
        self.send(from, frame, now, out);
    }

    /// Answers what was asked while a session was looked for, and has come now or not.
    pub(super) fn answer(&mut self, questions: Vec<(WorkerId, Question)>, now: Millis, out: &mut Outputs) {
        for (from, question) in questions {
            match question {
                Question::Confirm(asked) => self.confirm(&from, asked, now, out),
                Question::Summon(summon) => self.summoned(&from, summon, now, out),
            }
        }
    }

    /// What is known of somebody who is not in that match here.
    pub(super) fn whereabouts(&self, match_id: MatchId, gone: SessionId) -> Frame<'static> {
        if let Some(worker) = self.departed.worker(gone) {
            let worker = worker.clone();
            return Frame::Moved {
                match_id,
                gone,
                worker,
            };
        }
        let last = self.by_id.get(&gone).and_then(|&key| self.sessions[key].last);
        match last.filter(|last| last.match_id == match_id) {
            Some(last) => Frame::End {
                match_id,
                to: last.partner,
                reason: last.reason,
                epoch: self.epoch_of(gone),
            },
            None => Frame::Over {
                match_id,
                gone,
                reason: EndReason::Error,
            },
        }
    }

    pub(super) fn confirmed(&mut self, answer: Confirmed, now: Millis, out: &mut Outputs) {
        let Confirmed { match_id, to, .. } = answer;
        let Some(key) = self.in_match(to, match_id) else {
            return;
        };
        let Some(matched) = self.sessions[key].matched() else {
            return;
        };
        if matched.confirming.is_none_or(|asked| asked.number != answer.ask) {
            return;
        }
        matched.confirming = None;
        matched.heard = answer.heard;
        // What an owner sent who is gone has numbers of its own.
        let got = answer.got.unwrap_or(0);
        matched.named |= got > 0;
        matched.sent.skip_to(got);
        // Who is here is told what has changed; who is about to be, on return.
        self.partner_back(match_id, to, !answer.complete, out);
        if answer.away {
            self.wait_for_partner(key, now, out);
        }
        self.finish_confirming(key, true, now, out);
        if answer.away {
            self.tell_back(key, now, out);
        }
        self.reschedule(key);
    }

    /// The partner was asked while both were on their way back, and each owner took the other's person for away: says that
    /// this one is here.
    fn tell_back(&mut self, key: Key, now: Millis, out: &mut Outputs) {
        if self.sessions[key].connection().is_none() {
            return;
        }
        let Some(matched) = self.sessions[key].matched() else {
            return;
        };
        let back = Frame::Back {
            match_id: matched.id,
            to: matched.partner.session,
            renegotiate: false,
        };
        let worker = matched.partner.worker.clone();
        self.send(&worker, back, now, out);
    }

    /// The connection that waits for this session's match to be confirmed, and whether it is to renegotiate.
    pub(super) fn confirming(&self, session: SessionId) -> Option<(ConnectionId, bool)> {
        self.pending
            .iter()
            .find_map(|(connection, pending)| match pending.stage {
                PendingStage::Confirming {
                    session: of,
                    renegotiate,
                } if of == session => Some((*connection, renegotiate)),
                _ => None,
            })
    }

    /// The partner's owner has spoken, or cannot: whoever waits for it comes back now. Not `sure`: nobody knows what was
    /// missed.
    pub(super) fn finish_confirming(&mut self, key: Key, sure: bool, now: Millis, out: &mut Outputs) {
        if let Some((connection, renegotiate)) = self.confirming(self.sessions[key].id)
            && let Some(pending) = self.forget_pending(connection)
        {
            self.come_back(
                key,
                connection,
                &pending.returning,
                renegotiate || !sure,
                now,
                out,
            );
        }
    }
}

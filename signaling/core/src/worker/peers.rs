//! The other workers: the links to them, and what it means when one is lost or begins anew.

use std::ops::Range;

use super::frame::Frame;
use super::io::{Output, Outputs, Record};
use super::{Due, Key, Worker};
use crate::id::WorkerId;
use crate::link::{Link, Received};
use crate::session::{Chat, Stage};
use crate::time::Millis;

/// Frames in the order in which they came, in one buffer that is used again and again.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    bytes: Vec<u8>,
    frames: Vec<Range<usize>>,
}

impl Arrivals {
    /// How much memory a burst may leave behind.
    const KEEP: usize = 256 * 1024;

    fn push(&mut self, frame: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame);
        self.bytes.extend_from_slice(&Frame::ABSENT);
        self.frames.push(start..self.bytes.len());
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(Self::KEEP);
        self.frames.clear();
    }
}

impl Worker {
    /// Takes note of who may own sessions. Who is new is greeted: one that knew an earlier life of this worker learns at
    /// once that it is over.
    pub(super) fn know(&mut self, workers: &[WorkerId], now: Millis) {
        let known = std::mem::replace(&mut self.workers, workers.iter().cloned().collect());
        let own = self.config.worker.clone();
        let new = workers
            .iter()
            .filter(|worker| **worker != own && !known.contains(worker));
        for worker in new {
            self.link(worker, now).greet();
            self.talk_to(worker);
        }
        self.forget_lost();
    }

    /// Names that nobody bears any more need not be remembered as lost once nobody waits for somebody there: there is
    /// nothing left to hear from them.
    fn forget_lost(&mut self) {
        let (workers, links, sessions) = (&self.workers, &self.links, &self.sessions);
        self.lost.retain(|worker| {
            let awaited = |chat: &Chat| match chat {
                Chat::Matched(matched) => matched.partner.worker == *worker,
                _ => false,
            };
            workers.contains(worker)
                || links.contains_key(worker)
                || sessions.iter().any(|(_, session)| awaited(&session.chat))
        });
    }

    /// Says something to the owner of a session, which may be this worker.
    pub(super) fn send(&mut self, to: &WorkerId, frame: Frame<'static>, now: Millis, out: &mut Outputs) {
        if *to == self.config.worker {
            self.loopback.push_back(frame);
            return;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        frame.write(&mut scratch);
        let sent = self.link(to, now).send_control(&scratch).is_ok();
        self.scratch = scratch;
        if sent {
            self.talk_to(to);
        } else {
            // A peer that has not acknowledged a whole window is as good as gone, and both sides must be told.
            out.record(Record::LinkFull);
            self.worker_lost(&to.clone(), now, out);
        }
    }

    /// The link to a worker; a new one is a new life, which the other end takes note of.
    pub(super) fn link(&mut self, to: &WorkerId, now: Millis) -> &mut Link {
        let youngest = &mut self.incarnation;
        self.links.entry(to.clone()).or_insert_with(|| {
            youngest.0 = now.0.max(youngest.0 + 1);
            Link::new(*youngest)
        })
    }

    pub(super) fn packet(&mut self, from: &WorkerId, bytes: &[u8], now: Millis, out: &mut Outputs) {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        let received = self
            .link(from, now)
            .receive(bytes, now, &mut |frame| arrivals.push(frame));
        let received = received.unwrap_or_else(|_| {
            out.record(Record::Unreadable);
            Received::default()
        });
        self.talk_to(from);
        if self.lost.contains(from) {
            // A late packet of a worker that is gone proves nothing; one that answers to this life does.
            if received.met {
                self.lost.remove(from);
                self.workers.insert(from.clone());
                self.peer_restarted(from, now, out);
            }
        } else if received.peer_restarted {
            self.peer_restarted(from, now, out);
        }
        for frame in &arrivals.frames {
            match Frame::read(&arrivals.bytes[frame.clone()]) {
                Ok(frame) => self.frame(from, frame, now, out),
                Err(_) => out.record(Record::Unreadable),
            }
        }
        arrivals.clear();
        self.arrivals = arrivals;
    }

    fn frame(&mut self, from: &WorkerId, frame: Frame<'_>, now: Millis, out: &mut Outputs) {
        match frame {
            Frame::Propose(propose) => self.proposed(from, &propose, now, out),
            Frame::Accept {
                match_id,
                from: side,
                to,
            } => self.accepted(from, match_id, side, to, now, out),
            Frame::Refuse { match_id, to } => self.refused(match_id, to, now, out),
            Frame::Commit {
                match_id,
                from: session,
                to,
            } => self.committed(from, match_id, session, to, now, out),
            Frame::Release { to, epoch } => self.released(to, epoch, now, out),
            Frame::End {
                match_id,
                to,
                reason,
                epoch,
            } => self.ended(from, match_id, to, (reason, epoch), now, out),
            Frame::Signal(signal) => self.signal_arrived(from, &signal, now, out),
            Frame::Away { match_id, to } => self.partner_away(from, match_id, to, now, out),
            Frame::Back {
                match_id,
                to,
                renegotiate,
            } => self.partner_back(match_id, to, renegotiate, out),
            Frame::Moved {
                match_id,
                gone,
                worker,
            } => self.partner_moved(from, match_id, gone, worker, now, out),
            Frame::Over {
                match_id,
                gone,
                reason,
            } => self.partner_gone(from, match_id, gone, reason, now, out),
            Frame::Confirm(asked) => self.confirm(from, asked, now, out),
            Frame::Confirmed(answer) => self.confirmed(answer, now, out),
            Frame::Summon(summon) => self.summoned(from, summon, now, out),
            Frame::Handed {
                request,
                session,
                unsaid,
                numbered_from,
            } => {
                let mut session = *session;
                if let (Some(matched), Some(number)) = (session.matched(), numbered_from) {
                    matched.numbered_from = number;
                }
                self.handed(from, request, session, unsaid, now, out);
            }
            Frame::Elsewhere { request, worker } => self.elsewhere(from, request, worker, now, out),
        }
    }

    /// Handles the frames to itself.
    pub(super) fn settle(&mut self, now: Millis, out: &mut Outputs) {
        while let Some(frame) = self.loopback.pop_front() {
            let own = self.config.worker.clone();
            self.frame(&own, frame, now, out);
        }
    }

    /// Notes that the link to this worker has something to transmit.
    pub(super) fn talk_to(&mut self, peer: &WorkerId) {
        if !self.talking.contains(peer) {
            self.talking.push(peer.clone());
        }
    }

    pub(super) fn transmit_to(&mut self, peer: &WorkerId, now: Millis, out: &mut Outputs) {
        let Some(link) = self.links.get_mut(peer) else {
            return;
        };
        if link.is_unanswered(now) {
            return self.worker_lost(peer, now, out);
        }
        loop {
            let start = out.bytes.len();
            if !link.transmit(now, &mut out.bytes) {
                break;
            }
            out.push(Output::Packet {
                to: peer.clone(),
                body: start..out.bytes.len(),
            });
        }
        self.deadlines.set(&Due::Link(peer.clone()), link.deadline());
    }

    /// A worker is gone. Its sessions may come back elsewhere, so their partners wait; its promises are void.
    pub(super) fn worker_lost(&mut self, worker: &WorkerId, now: Millis, out: &mut Outputs) {
        self.links.remove(worker);
        self.lost.insert(worker.clone());
        self.workers.remove(worker);
        self.deadlines.set(&Due::Link(worker.clone()), None);
        for key in self.tied_to(worker, now, out) {
            self.wait_for_partner(key, now, out);
            self.finish_confirming(key, false, now, out);
        }
        self.summons_lost(worker, now, out);
    }

    /// The other end of a link has begun anew, and what was under way is lost: its owner is asked what still stands.
    fn peer_restarted(&mut self, worker: &WorkerId, now: Millis, out: &mut Outputs) {
        for key in self.tied_to(worker, now, out) {
            self.ask_for_the_lost(key, now, out);
        }
        self.summons_lost(worker, now, out);
    }

    /// Those in a match with someone of that worker; those who were about to be go back into the queue.
    fn tied_to(&mut self, worker: &WorkerId, now: Millis, out: &mut Outputs) -> Vec<Key> {
        let mut tied = Vec::new();
        let keys: Vec<Key> = self.sessions.iter().map(|(key, _)| key).collect();
        for key in keys {
            match &mut self.sessions[key].chat {
                Chat::Matched(matched) if matched.partner.worker == *worker => tied.push(key),
                Chat::Waiting(waiting)
                    if waiting
                        .proposal()
                        .is_some_and(|proposal| proposal.partner.worker == *worker) =>
                {
                    waiting.stage = Stage::Queued;
                    self.requeue(key, now, out);
                }
                _ => {}
            }
        }
        tied
    }
}

//! One person's way: split into stays and waits, and judged by what one person alone can tell.

use super::report::{Law, Report};
use super::{History, Kind, Rules, Seen, State};
use crate::id::{MatchId, PeerId};
use crate::time::Millis;

/// How a person's part in a match came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By their own wish.
    Left,
    /// The server said that it is over.
    Told,
    /// They never came back after this moment.
    Gone,
}

/// Something that was sent in a stay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) at: Millis,
    pub(super) kind: Kind,
    pub(super) body: u64,
    pub(super) acknowledged: bool,
}

/// Something that came in a stay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) at: Millis,
    pub(super) seq: u64,
    pub(super) body: u64,
    /// It was told since the signal before that some may be missing.
    pub(super) after_gap: bool,
}

/// One person's part in one match.
#[derive(Clone, Debug)]
pub(super) struct Stay {
    pub(super) person: usize,
    pub(super) match_id: MatchId,
    pub(super) peer_id: PeerId,
    pub(super) initiator: bool,
    pub(super) from: Millis,
    pub(super) end: Option<(Millis, End)>,
    /// Since when this person is without a transport.
    pub(super) away_since: Option<Millis>,
    /// When this person last came back.
    pub(super) back_at: Option<Millis>,
    /// It was told that the partner is away.
    pub(super) partner_away: bool,
    /// When it was last told that signals may be missing.
    pub(super) renegotiated: Option<Millis>,
    pub(super) sent: Vec<Sent>,
    pub(super) received: Vec<Received>,
    gap: bool,
}

/// A time in the queue with a live transport.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) person: usize,
    pub(super) from: Millis,
    pub(super) until: Millis,
}

/// What one history comes to.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) stays: Vec<Stay>,
    pub(super) waits: Vec<Wait>,
}

/// Walks along one history. `end` is the last moment of all of them.
pub(super) fn walk(
    person: usize,
    history: &History,
    end: Millis,
    rules: &Rules<'_>,
    report: &mut Report,
) -> Walk {
    let mut walker = Walker {
        person,
        walk: Walk::default(),
        matched: false,
        asked: None,
        in_queue: None,
        returned_to: None,
        report,
    };
    report_size(walker.report, history);
    let mut online = true;
    for observation in history.observations() {
        match observation.seen {
            Seen::TransportLost | Seen::Gone => online = false,
            Seen::Connected | Seen::Resumed { .. } => online = true,
            _ => {}
        }
        walker.see(observation.at, &observation.seen);
    }
    walker.leave_queue(end);
    if let Some(asked) = walker.asked
        && online
        && end.since(asked) > rules.answered_within
    {
        walker.report.breach(Law::Unanswered, asked, person, None, || {
            format!(
                "find_match has no answer after {} ms",
                end.since(asked).as_millis()
            )
        });
    }
    walker.walk
}

fn report_size(report: &mut Report, history: &History) {
    report.observations += history.observations().len();
    for observation in history.observations() {
        match observation.seen {
            Seen::Sent { acknowledged, .. } => {
                report.sent += 1;
                report.acknowledged += usize::from(acknowledged);
            }
            Seen::Received { .. } => report.received += 1,
            _ => {}
        }
    }
}

struct Walker<'a> {
    person: usize,
    walk: Walk,
    /// The last stay is not over.
    matched: bool,
    /// A question is open since then.
    asked: Option<Millis>,
    /// In the queue, with a transport, since then.
    in_queue: Option<Millis>,
    /// A match that was made while this person was away, and that is about to be told.
    returned_to: Option<MatchId>,
    report: &'a mut Report,
}

impl Walker<'_> {
    fn see(&mut self, at: Millis, seen: &Seen) {
        match *seen {
            Seen::Connected => self.connected(at),
            Seen::Asked => {
                self.asked.get_or_insert(at);
            }
            Seen::Waiting => {
                self.in_queue.get_or_insert(at);
            }
            Seen::Found {
                match_id,
                peer_id,
                initiator,
            } => self.found(at, match_id, peer_id, initiator),
            Seen::TimedOut => self.timed_out(at),
            Seen::Refused | Seen::Cancelled => {
                self.asked = None;
                self.leave_queue(at);
            }
            Seen::Sent {
                match_id,
                kind,
                body,
                acknowledged,
            } => {
                let sent = Sent {
                    at,
                    kind,
                    body,
                    acknowledged,
                };
                if let Some(stay) = self.present(match_id) {
                    stay.sent.push(sent);
                }
            }
            Seen::Received {
                match_id,
                from,
                seq,
                body,
                ..
            } => self.received(at, match_id, from, seq, body),
            Seen::PeerDisconnected { match_id } => self.end(at, match_id, End::Told),
            Seen::Left { match_id } => self.end(at, match_id, End::Left),
            Seen::PeerReconnecting { match_id } => {
                if let Some(stay) = self.present(match_id) {
                    stay.partner_away = true;
                }
            }
            Seen::PeerResumed {
                match_id,
                renegotiate,
            } => {
                if let Some(stay) = self.present(match_id) {
                    stay.partner_away = false;
                    stay.renegotiate(at, renegotiate);
                }
            }
            Seen::Resumed { state, renegotiate } => self.resumed(at, state, renegotiate),
            Seen::TransportLost => self.transport_lost(at),
            Seen::Gone => self.gone(at),
        }
    }

    /// The stay in this match, while it lasts.
    fn present(&mut self, match_id: MatchId) -> Option<&mut Stay> {
        let matched = self.matched;
        self.walk
            .stays
            .last_mut()
            .filter(|stay| matched && stay.match_id == match_id)
    }

    fn current(&mut self) -> Option<&mut Stay> {
        let matched = self.matched;
        self.walk.stays.last_mut().filter(|_| matched)
    }

    fn leave_queue(&mut self, at: Millis) {
        if let Some(from) = self.in_queue.take() {
            self.walk.waits.push(Wait {
                person: self.person,
                from,
                until: at,
            });
        }
    }

    /// Ends the present match, whichever it is.
    fn close(&mut self, at: Millis, end: End) {
        if let Some(stay) = self.current() {
            stay.end = Some((at, end));
        }
        self.matched = false;
    }

    fn end(&mut self, at: Millis, match_id: MatchId, end: End) {
        if self.present(match_id).is_some() {
            self.close(at, end);
        }
    }

    fn connected(&mut self, at: Millis) {
        let lost_at = self.current().and_then(|stay| stay.away_since);
        self.close(lost_at.unwrap_or(at), End::Gone);
        self.leave_queue(at);
        self.asked = None;
        self.returned_to = None;
    }

    fn gone(&mut self, at: Millis) {
        self.connected(at);
    }

    fn transport_lost(&mut self, at: Millis) {
        self.leave_queue(at);
        if let Some(stay) = self.current() {
            stay.away_since.get_or_insert(at);
        }
    }

    fn resumed(&mut self, at: Millis, state: State, renegotiate: bool) {
        self.leave_queue(at);
        match state {
            State::Matched(match_id) => {
                if let Some(stay) = self.present(match_id) {
                    stay.away_since = None;
                    stay.back_at = Some(at);
                    stay.renegotiate(at, renegotiate);
                    // A next_match that is still open never reached the server.
                    self.asked = None;
                } else {
                    self.close(at, End::Told);
                    self.returned_to = Some(match_id);
                }
            }
            State::Waiting => {
                self.close(at, End::Told);
                self.asked.get_or_insert(at);
                self.in_queue = Some(at);
            }
            State::Idle => {
                self.close(at, End::Told);
                self.asked = None;
            }
        }
    }

    fn found(&mut self, at: Millis, match_id: MatchId, peer_id: PeerId, initiator: bool) {
        let person = self.person;
        if let Some(stay) = self.present(match_id) {
            let same = stay.peer_id == peer_id && stay.initiator == initiator;
            if !same {
                self.report.breach(Law::Doubled, at, person, Some(match_id), || {
                    "match_found came again with another partner or role".into()
                });
            }
            return;
        }
        if let Some(other) = self.current().map(|stay| stay.match_id) {
            self.report.breach(Law::Doubled, at, person, Some(match_id), || {
                format!("matched while still in match {other}")
            });
        } else if self.asked.is_none() && self.returned_to != Some(match_id) {
            self.report
                .breach(Law::Unanswered, at, person, Some(match_id), || {
                    "match_found without an open find_match".into()
                });
        }
        self.close(at, End::Told);
        self.leave_queue(at);
        (self.asked, self.returned_to) = (None, None);
        self.matched = true;
        self.walk.stays.push(Stay {
            person,
            match_id,
            peer_id,
            initiator,
            from: at,
            end: None,
            away_since: None,
            back_at: None,
            partner_away: false,
            renegotiated: None,
            sent: Vec::new(),
            received: Vec::new(),
            gap: false,
        });
    }

    fn timed_out(&mut self, at: Millis) {
        if self.asked.take().is_none() {
            self.report.breach(Law::Unanswered, at, self.person, None, || {
                "match_timeout without an open find_match".into()
            });
        }
        self.leave_queue(at);
    }

    fn received(&mut self, at: Millis, match_id: MatchId, from: PeerId, seq: u64, body: u64) {
        let person = self.person;
        let Some(stay) = self.present(match_id) else {
            let present = self.current().map(|stay| stay.match_id);
            self.report
                .breach(Law::Crossed, at, person, Some(match_id), || match present {
                    Some(present) => format!("signal {seq} of another match came in match {present}"),
                    None => format!("signal {seq} came outside its match"),
                });
            return;
        };
        if stay.peer_id != from {
            self.report.breach(Law::Crossed, at, person, Some(match_id), || {
                format!("signal {seq} is from {from}, who is not the partner")
            });
            return;
        }
        let after_gap = std::mem::take(&mut stay.gap);
        stay.received.push(Received {
            at,
            seq,
            body,
            after_gap,
        });
    }
}

impl Stay {
    fn renegotiate(&mut self, at: Millis, renegotiate: bool) {
        if renegotiate {
            self.renegotiated = Some(at);
            self.gap = true;
        }
    }
}

//! One person's way: split into stays and waits, and judged by what one person alone can tell.

use std::collections::HashMap;

use super::report::{Law, Report};
use super::{Kind, Rules, Seen, State};
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
    /// When this person last went on by another transport.
    pub(super) upgraded_at: Option<Millis>,
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

/// A match that somebody is in again who had left it: its owner was lost before it could write that down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Revival {
    pub(super) person: usize,
    pub(super) match_id: MatchId,
    pub(super) left: Millis,
    pub(super) at: Millis,
}

/// What the ways of all people leave behind, to be judged together.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    /// Stays that are over, by their match.
    pub(super) over: HashMap<MatchId, Vec<Stay>>,
    /// Waits that are over.
    pub(super) waits: Vec<Wait>,
    /// Matches that were left and are entered again.
    pub(super) revivals: Vec<Revival>,
    /// What one person alone could tell.
    pub(super) report: Report,
}

/// Walks along one history, observation by observation.
#[derive(Clone, Debug)]
pub(super) struct Walker {
    person: usize,
    /// The match that this person is in.
    stay: Option<Stay>,
    /// There is a transport, as far as is known.
    online: bool,
    /// A question is open since then.
    asked: Option<Millis>,
    /// The session was idle when it was resumed: how the last question ended may be told again.
    returned_idle: bool,
    /// In the queue, with a transport, since then.
    in_queue: Option<Millis>,
    /// A match that was made while this person was away, and that is about to be told; and whether signals in it may be
    /// missing.
    returned_to: Option<(MatchId, bool)>,
    /// When this person last went on by another transport.
    upgraded_at: Option<Millis>,
}

impl Walker {
    pub(super) fn new(person: usize) -> Self {
        Self {
            person,
            stay: None,
            online: true,
            asked: None,
            returned_idle: false,
            in_queue: None,
            returned_to: None,
            upgraded_at: None,
        }
    }

    /// Ends the walk at the last moment of all histories; answers the stay that is not over.
    pub(super) fn finish(mut self, end: Millis, rules: &Rules<'_>, trail: &mut Trail) -> Option<Stay> {
        self.leave_queue(end, trail);
        if let Some(asked) = self.asked
            && self.online
            && end.since(asked) > rules.answered_within
        {
            let waited = end.since(asked).as_millis();
            let what = || format!("find_match has no answer after {waited} ms");
            trail
                .report
                .breach(Law::Unanswered, asked, self.person, None, what);
        }
        self.stay
    }

    /// The match that this person is in.
    pub(super) fn in_match(&self) -> Option<MatchId> {
        self.stay.as_ref().map(|stay| stay.match_id)
    }

    /// What was sent there has been acknowledged; `false` when it was not sent in the present match.
    pub(super) fn acknowledge(&mut self, match_id: MatchId, body: u64) -> bool {
        self.present(match_id).is_some_and(|stay| stay.acknowledge(body))
    }

    pub(super) fn see(&mut self, at: Millis, seen: &Seen, trail: &mut Trail) {
        trail.report.observe(seen);
        match *seen {
            Seen::Connected => self.connected(at, trail),
            Seen::Asked => {
                self.asked.get_or_insert(at);
                self.returned_idle = false;
            }
            Seen::Waiting => {
                self.in_queue.get_or_insert(at);
            }
            Seen::Found {
                match_id,
                peer_id,
                initiator,
            } => self.found(at, (match_id, peer_id, initiator), trail),
            Seen::TimedOut => self.timed_out(at, trail),
            Seen::Refused | Seen::Cancelled => {
                self.asked = None;
                self.leave_queue(at, trail);
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
            } => self.received(at, (match_id, from), (seq, body), trail),
            Seen::PeerDisconnected { match_id } => self.end(at, match_id, End::Told, trail),
            Seen::Left { match_id } => self.end(at, match_id, End::Left, trail),
            Seen::PeerReconnecting { match_id } => self.partner_away(match_id),
            Seen::PeerResumed {
                match_id,
                renegotiate,
            } => self.partner_back(at, match_id, renegotiate),
            Seen::Resumed { state, renegotiate } => self.resumed(at, state, renegotiate, trail),
            Seen::TransportLost => self.transport_lost(at, trail),
            Seen::Upgraded => {
                self.upgraded_at = Some(at);
                if let Some(stay) = &mut self.stay {
                    stay.upgraded_at = Some(at);
                }
            }
            Seen::Gone => self.gone(at, trail),
        }
    }

    /// The stay in this match, while it lasts.
    fn present(&mut self, match_id: MatchId) -> Option<&mut Stay> {
        self.stay.as_mut().filter(|stay| stay.match_id == match_id)
    }

    fn leave_queue(&mut self, at: Millis, trail: &mut Trail) {
        if let Some(from) = self.in_queue.take() {
            trail.waits.push(Wait {
                person: self.person,
                from,
                until: at,
            });
        }
    }

    /// Ends the present match, whichever it is.
    fn close(&mut self, at: Millis, end: End, trail: &mut Trail) {
        if let Some(mut stay) = self.stay.take() {
            stay.end = Some((at, end));
            trail.over.entry(stay.match_id).or_default().push(stay);
        }
    }

    fn end(&mut self, at: Millis, match_id: MatchId, end: End, trail: &mut Trail) {
        if self.present(match_id).is_some() {
            self.close(at, end, trail);
        }
    }

    fn connected(&mut self, at: Millis, trail: &mut Trail) {
        let lost_at = self.stay.as_ref().and_then(|stay| stay.away_since);
        self.close(lost_at.unwrap_or(at), End::Gone, trail);
        self.leave_queue(at, trail);
        self.online = true;
        self.asked = None;
        self.returned_to = None;
    }

    fn gone(&mut self, at: Millis, trail: &mut Trail) {
        self.connected(at, trail);
        self.online = false;
    }

    fn transport_lost(&mut self, at: Millis, trail: &mut Trail) {
        self.online = false;
        self.leave_queue(at, trail);
        if let Some(stay) = &mut self.stay {
            stay.away_since.get_or_insert(at);
        }
    }

    fn partner_away(&mut self, match_id: MatchId) {
        if let Some(stay) = self.present(match_id) {
            stay.partner_away = true;
        }
    }

    fn partner_back(&mut self, at: Millis, match_id: MatchId, renegotiate: bool) {
        if let Some(stay) = self.present(match_id) {
            stay.partner_away = false;
            stay.renegotiate(at, renegotiate);
        }
    }

    fn resumed(&mut self, at: Millis, state: State, renegotiate: bool, trail: &mut Trail) {
        if self.online {
            return self.moved(at, state, renegotiate);
        }
        self.online = true;
        self.returned_idle = state == State::Idle;
        self.leave_queue(at, trail);
        match state {
            State::Matched(match_id) => {
                if let Some(stay) = self.present(match_id) {
                    stay.away_since = None;
                    stay.back_at = Some(at);
                    stay.renegotiate(at, renegotiate);
                    // A next_match that is still open never reached the server.
                    self.asked = None;
                } else {
                    self.close(at, End::Told, trail);
                    // Whatever was asked for, the server says what came of it.
                    self.asked = None;
                    self.returned_to = Some((match_id, renegotiate));
                    self.revive(at, match_id, renegotiate, trail);
                }
            }
            State::Waiting => {
                self.close(at, End::Told, trail);
                self.asked.get_or_insert(at);
                self.in_queue = Some(at);
            }
            State::Idle => {
                self.close(at, End::Told, trail);
                self.asked = None;
            }
        }
    }

    /// The session went to another pod with its transport (an upgrade): what is under way is answered there.
    fn moved(&mut self, at: Millis, state: State, renegotiate: bool) {
        if let State::Matched(match_id) = state
            && let Some(stay) = self.present(match_id)
        {
            stay.renegotiate(at, renegotiate);
        }
    }

    /// Goes on with a match that this person had left.
    fn revive(&mut self, at: Millis, match_id: MatchId, renegotiate: bool, trail: &mut Trail) {
        let person = self.person;
        let Some(sides) = trail.over.get_mut(&match_id) else {
            return;
        };
        let left =
            |stay: &Stay| stay.person == person && matches!(stay.end, Some((_, End::Left | End::Told)));
        let Some(place) = sides.iter().position(left) else {
            return;
        };
        let mut stay = sides.swap_remove(place);
        if let Some((left, _)) = stay.end.take() {
            trail.revivals.push(Revival {
                person,
                match_id,
                left,
                at,
            });
        }
        (stay.away_since, stay.back_at, stay.partner_away) = (None, Some(at), false);
        // Who had done with the match says that nothing of it was seen, and sees it again.
        stay.received.clear();
        stay.renegotiate(at, renegotiate);
        self.asked = None;
        self.stay = Some(stay);
    }

    fn found(
        &mut self,
        at: Millis,
        (match_id, peer_id, initiator): (MatchId, PeerId, bool),
        trail: &mut Trail,
    ) {
        let person = self.person;
        let mut breach = |law, what: String| trail.report.breach(law, at, person, Some(match_id), || what);
        if let Some(stay) = self.present(match_id) {
            if stay.peer_id != peer_id || stay.initiator != initiator {
                let what = "match_found came again with another partner or role";
                breach(Law::Doubled, what.into());
            }
            stay.begin_anew();
            return;
        }
        let returned_to = self
            .returned_to
            .filter(|(returned_to, _)| *returned_to == match_id);
        if let Some(other) = self.stay.as_ref().map(|stay| stay.match_id) {
            breach(Law::Doubled, format!("matched while still in match {other}"));
        } else if self.asked.is_none() && returned_to.is_none() {
            breach(Law::Unanswered, "match_found without an open find_match".into());
        }
        self.close(at, End::Told, trail);
        self.leave_queue(at, trail);
        (self.asked, self.returned_to) = (None, None);
        let mut stay = Stay::new(person, match_id, peer_id, initiator, at);
        stay.upgraded_at = self.upgraded_at;
        stay.renegotiate(at, returned_to.is_some_and(|(_, renegotiate)| renegotiate));
        self.stay = Some(stay);
    }

    fn timed_out(&mut self, at: Millis, trail: &mut Trail) {
        let again = std::mem::take(&mut self.returned_idle);
        if self.asked.take().is_none() && !again {
            let what = || "match_timeout without an open find_match".into();
            trail.report.breach(Law::Unanswered, at, self.person, None, what);
        }
        self.leave_queue(at, trail);
    }

    fn received(
        &mut self,
        at: Millis,
        (match_id, from): (MatchId, PeerId),
        (seq, body): (u64, u64),
        trail: &mut Trail,
    ) {
        let crossed = match &mut self.stay {
            None => format!("signal {seq} came outside its match"),
            Some(present) if present.match_id != match_id => {
                let present = present.match_id;
                format!("signal {seq} of another match came in match {present}")
            }
            Some(stay) if stay.peer_id != from => {
                format!("signal {seq} is from {from}, who is not the partner")
            }
            Some(stay) => {
                let after_gap = std::mem::take(&mut stay.gap);
                return stay.received.push(Received {
                    at,
                    seq,
                    body,
                    after_gap,
                });
            }
        };
        let person = self.person;
        trail
            .report
            .breach(Law::Crossed, at, person, Some(match_id), || crossed);
    }
}

impl Stay {
    fn new(person: usize, match_id: MatchId, peer_id: PeerId, initiator: bool, from: Millis) -> Self {
        Self {
            person,
            match_id,
            peer_id,
            initiator,
            from,
            end: None,
            away_since: None,
            back_at: None,
            upgraded_at: None,
            partner_away: false,
            renegotiated: None,
            sent: Vec::new(),
            received: Vec::new(),
            gap: false,
        }
    }

    /// The last thing with this content that was sent has been acknowledged; `false` when there is none.
    pub(super) fn acknowledge(&mut self, body: u64) -> bool {
        let sent = self.sent.iter_mut().rev().find(|sent| sent.body == body);
        sent.map(|sent| sent.acknowledged = true).is_some()
    }

    /// `match_found` has come again. Where it follows a resume that says that signals may be missing, an owner has died
    /// before it could write down what its person had sent and seen ("what died unwritten is told"): the client begins its
    /// call anew, and is told everything again.
    fn begin_anew(&mut self) {
        if self.renegotiated.is_some() && self.renegotiated == self.back_at {
            self.received.clear();
            self.gap = true;
        }
    }

    fn renegotiate(&mut self, at: Millis, renegotiate: bool) {
        if renegotiate {
            self.renegotiated = Some(at);
            self.gap = true;
        }
    }
}

//! What a person makes of what the server tells.

use signaling_core::history::{Kind, Seen, State as Known};
use signaling_core::id::MatchId;

use super::requests::{Pending, What};
use super::{FAREWELL, MILLISECOND, PATIENCE, Person, Stage};
use crate::load_test::call::Call;
use crate::load_test::signal;
use crate::load_test::told::{Draining, Failure, Found, Peer, Session, State};
use crate::load_test::world::Turn;

impl Person {
    /// Takes an event; none when it cannot be understood.
    pub(super) fn told(&mut self, name: &str, payload: &str, turn: &mut Turn<'_, '_>) -> Option<()> {
        match name {
            "webrtc_ice_candidate" => self.received(Kind::Candidate, payload, turn)?,
            "webrtc_offer" => self.received(Kind::Offer, payload, turn)?,
            "webrtc_answer" => self.received(Kind::Answer, payload, turn)?,
            "chat_message" => self.received(Kind::Text, payload, turn)?,
            "session" => self.welcomed(&serde_json::from_str(payload).ok()?, turn)?,
            "waiting" => self.waits(turn),
            "match_found" => self.found(&serde_json::from_str(payload).ok()?, turn)?,
            "match_timeout" => {
                turn.see(self.place, Seen::TimedOut);
                turn.world.tally.match_timeouts += 1;
                self.be_idle(turn);
            }
            "peer_disconnected" => self.parted(&serde_json::from_str(payload).ok()?, turn)?,
            "peer_reconnecting" | "peer_resumed" => {
                let Peer {
                    match_id,
                    renegotiate,
                } = serde_json::from_str(payload).ok()?;
                let match_id = match_id.parse().ok()?;
                let resumed = name == "peer_resumed";
                turn.see(
                    self.place,
                    if resumed {
                        Seen::PeerResumed {
                            match_id,
                            renegotiate,
                        }
                    } else {
                        Seen::PeerReconnecting { match_id }
                    },
                );
                if let Some(call) = self.call(match_id) {
                    call.excused |= !resumed || renegotiate;
                    // Who need not wait for the partner's signals any longer begins to talk.
                    if call.excused && call.talk_until.is_none() {
                        self.due = Some(turn.now);
                        self.on_time(turn);
                    }
                }
            }
            "draining" => {
                let Draining { reconnect_in_ms } = serde_json::from_str(payload).ok()?;
                self.reconnect_in = Some(reconnect_in_ms * MILLISECOND);
            }
            "error" => {
                let Failure { code } = serde_json::from_str(payload).ok()?;
                let words = || format!("person {} was told {payload:.200}", self.place);
                turn.world.tally.fault(format!("error: {code}"), words);
            }
            "rate_limited" => {
                let words = || format!("person {} was told {payload:.200}", self.place);
                turn.world.tally.fault("rate_limited", words);
            }
            _ => {}
        }
        Some(())
    }

    fn welcomed(&mut self, session: &Session<'_>, turn: &mut Turn<'_, '_>) -> Option<()> {
        self.resume_token = Some((*session.resume_token).into());
        let moved = std::mem::replace(&mut self.welcomed, true);
        self.works(turn.now);
        turn.world.note(turn.now, self.place, || {
            format!("welcomed in session {}", session.session_id)
        });
        if !session.resumed {
            turn.see(self.place, Seen::Connected);
            self.be_idle(turn);
            return Some(());
        }
        turn.world.tally.resumed += 1;
        let renegotiate = session.renegotiate;
        let match_id = session.match_id.map(str::parse::<MatchId>).transpose().ok()?;
        let state = match (session.state, match_id) {
            (State::Idle, _) => Known::Idle,
            (State::Waiting, _) => Known::Waiting,
            (State::Matched, match_id) => Known::Matched(match_id?),
        };
        turn.see(self.place, Seen::Resumed { state, renegotiate });
        if moved {
            // Together with the connection, by an upgrade: what is under way is answered all the same.
            if let Known::Matched(match_id) = state
                && let Some(call) = self.call(match_id)
            {
                call.excused |= renegotiate;
            }
            return Some(());
        }
        match state {
            Known::Idle => self.be_idle(turn),
            Known::Waiting => self.stage = Stage::Asked,
            Known::Matched(match_id) => match self.call(match_id) {
                Some(call) => {
                    call.leaving = false;
                    call.excused |= renegotiate;
                    call.deadline = turn.now + PATIENCE;
                    self.due = Some(turn.now);
                }
                // It was found while the connection was gone, and is about to be told.
                None => self.stage = Stage::Asked,
            },
        }
        if turn.world.stopping {
            self.stop(turn);
        }
        Some(())
    }

    fn waits(&mut self, turn: &mut Turn<'_, '_>) {
        turn.see(self.place, Seen::Waiting);
        self.works(turn.now);
        self.check_order("waiting", turn);
        if matches!(self.stage, Stage::Asked) {
            self.stage = Stage::Waiting;
            if turn.world.stopping {
                self.cancel(turn);
            }
        }
    }

    fn found(&mut self, found: &Found<'_>, turn: &mut Turn<'_, '_>) -> Option<()> {
        let (match_id, peer_id) = (found.match_id.parse().ok()?, found.peer_id.parse().ok()?);
        let initiator = found.initiator;
        turn.see(
            self.place,
            Seen::Found {
                match_id,
                peer_id,
                initiator,
            },
        );
        self.works(turn.now);
        self.check_order("match_found", turn);
        if self.call(match_id).is_some() {
            return Some(());
        }
        turn.world.tally.match_wait.record(turn.now - self.asked_at);
        let deadline = turn.now + PATIENCE;
        self.stage = Stage::Matched(Box::new(Call::new(match_id, initiator, turn.now, deadline)));
        self.due = Some(deadline);
        if initiator {
            self.due = Some(turn.now);
            self.on_time(turn);
        } else if turn.world.stopping {
            self.due = Some(turn.now + FAREWELL);
        }
        Some(())
    }

    fn received(&mut self, kind: Kind, object: &str, turn: &mut Turn<'_, '_>) -> Option<()> {
        let relayed = signal::read(kind, object)?;
        let (match_id, from) = (relayed.match_id.parse().ok()?, relayed.from.parse().ok()?);
        let body = signal::fingerprint(kind, relayed.body.as_bytes());
        let seq = relayed.seq;
        turn.see(
            self.place,
            Seen::Received {
                match_id,
                from,
                seq,
                kind,
                body,
            },
        );
        turn.world
            .tally
            .signal
            .record(turn.now.saturating_sub(relayed.number));
        self.works(relayed.number);
        let Some(call) = self.call(match_id) else {
            return Some(());
        };
        call.received += u32::from(kind != Kind::Text);
        call.last_seq = seq;
        if kind == Kind::Offer && call.description.is_none() {
            self.due = Some(turn.now);
            self.on_time(turn);
        } else {
            self.look_whether_set_up(turn);
        }
        Some(())
    }

    fn parted(&mut self, peer: &Peer<'_>, turn: &mut Turn<'_, '_>) -> Option<()> {
        let match_id = peer.match_id.parse().ok()?;
        turn.see(self.place, Seen::PeerDisconnected { match_id });
        if self.call(match_id).is_some() {
            let asked = self
                .pending
                .iter()
                .any(|pending| matches!(pending.what, What::Next(_)));
            if asked {
                (self.stage, self.due) = (Stage::Asked, None);
            } else {
                self.be_idle(turn);
            }
        }
        Some(())
    }

    /// The acknowledgement comes before the events that it causes.
    fn check_order(&self, event: &str, turn: &mut Turn<'_, '_>) {
        let asked = |pending: &Pending| matches!(pending.what, What::Find | What::Next(_));
        if self.pending.iter().any(asked) {
            let words = || format!("{event} came to person {} before the acknowledgement", self.place);
            turn.world.tally.fault("event before its acknowledgement", words);
        }
    }
}

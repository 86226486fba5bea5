//! What a person asks for, and what becomes of it.

use signaling_core::history::Seen;
use signaling_core::id::MatchId;

use super::{Person, Stage};
use crate::load_test::told::acknowledged;
use crate::load_test::world::{Turn, World};

/// A request that is not acknowledged yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ack: u64,
    pub(super) at: u64,
    pub(super) what: What,
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Find,
    Cancel,
    Leave(MatchId),
    Next(MatchId),
    Signal(MatchId, u64),
}

impl Person {
    /// Asks, to be acknowledged.
    pub(super) fn request(&mut self, what: What, turn: &mut Turn<'_, '_>) {
        self.budget.spend(turn.now);
        let text = match what {
            What::Leave(match_id) | What::Next(match_id) => Some(match_id.text()),
            _ => None,
        };
        let named = text.as_ref().map(|text| &text[..]);
        let ack = turn.request(what.name(), named.filter(|_| self.place.is_multiple_of(2)));
        self.pending.push_back(Pending {
            ack,
            at: turn.now,
            what,
        });
    }

    /// Looks whether something was not acknowledged for too long.
    pub(in crate::load_test) fn look_for_silence(&mut self, now: u64, world: &mut World) {
        let within = world.habits.acknowledged_within;
        let patience = u64::try_from(within.as_micros()).unwrap_or(u64::MAX);
        while let Some(oldest) = self.pending.pop_front_if(|oldest| oldest.at + patience < now) {
            let what = oldest.what.name();
            let words = || {
                format!(
                    "{what} of person {} is not acknowledged after {within:?}",
                    self.place
                )
            };
            world.tally.fault(format!("no acknowledgement: {what}"), words);
        }
    }

    pub(super) fn acknowledged(&mut self, ack: u64, args: &str, turn: &mut Turn<'_, '_>) {
        let place = self.pending.iter().position(|pending| pending.ack == ack);
        let Some(pending) = place.and_then(|place| self.pending.remove(place)) else {
            let words = || {
                format!(
                    "person {} got acknowledgement {ack} again, or of nothing",
                    self.place
                )
            };
            turn.world.tally.fault("unexpected acknowledgement", words);
            return;
        };
        turn.world.tally.acknowledgement.record(turn.now - pending.at);
        self.works(pending.at);
        match acknowledged(args) {
            Ok(()) => self.granted(pending.what, turn),
            Err(code) => self.refused(pending.what, &code, turn),
        }
    }

    fn granted(&mut self, what: What, turn: &mut Turn<'_, '_>) {
        match what {
            What::Find => {}
            What::Cancel => {
                turn.see(self.place, Seen::Cancelled);
                if self.is_waiting() {
                    self.be_idle(turn);
                }
            }
            What::Leave(match_id) => {
                if self.call(match_id).is_some() {
                    turn.see(self.place, Seen::Left { match_id });
                    self.be_idle(turn);
                }
            }
            What::Next(match_id) => {
                if self.call(match_id).is_some() {
                    turn.see(self.place, Seen::Left { match_id });
                    (self.stage, self.due) = (Stage::Asked, None);
                }
            }
            What::Signal(match_id, body) => turn.world.acknowledge(turn.now, self.place, match_id, body),
        }
    }

    fn refused(&mut self, what: What, code: &str, turn: &mut Turn<'_, '_>) {
        // What crosses the partner's leaving on its way is refused, and that is no error.
        let late = match what {
            What::Leave(match_id) | What::Signal(match_id, _) => {
                code == "not_matched" && self.call(match_id).is_none()
            }
            What::Cancel => code == "already_matched" && self.is_matched(),
            What::Find | What::Next(_) => false,
        };
        if late {
            return;
        }
        let words = || format!("{} of person {} was refused: {code}", what.name(), self.place);
        turn.world.note(turn.now, self.place, words);
        turn.world.tally.fault(format!("{}: {code}", what.name()), words);
        match what {
            What::Find | What::Next(_) => {
                turn.see(self.place, Seen::Refused);
                if self.is_waiting() {
                    self.be_idle(turn);
                } else {
                    self.leave_later(turn);
                }
            }
            What::Leave(_) => self.leave_later(turn),
            What::Cancel | What::Signal(..) => {}
        }
    }
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Find => "find_match",
            Self::Cancel => "cancel_match",
            Self::Leave(_) => "leave_match",
            Self::Next(_) => "next_match",
            Self::Signal(..) => "signal",
        }
    }
}

//! A person's part in a call.

use rand::RngExt as _;
use signaling_core::history::{Kind, Seen};
use signaling_core::id::MatchId;

use super::requests::{Pending, What};
use super::{MILLISECOND, PATIENCE, Person, Stage};
use crate::load_test::signal::CANDIDATES;
use crate::load_test::world::{Sending, Turn};

/// How many candidates go at once, and how long after each other: as a browser gathers them.
const BATCH: u32 = 5;
const BETWEEN_BATCHES: u64 = 50 * MILLISECOND;
/// How much may be unacknowledged before somebody says no more: what a stopped pod reads at once when it goes on is within
/// the service's limit of 20 texts.
const UNANSWERED: usize = 12;

impl Person {
    /// The next step of a call.
    pub(super) fn go_on(&mut self, turn: &mut Turn<'_, '_>) {
        let Stage::Matched(call) = &self.stage else { return };
        if call.leaving {
            return;
        }
        let over = call.talk_until.is_some_and(|until| until <= turn.now);
        let may_speak = call.initiator || call.received > 0;
        if over || turn.world.stopping {
            self.end_call(turn);
        } else if may_speak && call.candidates < CANDIDATES && !call.excused {
            self.speak(turn);
        } else if call.talk_until.is_some() {
            self.go_on_talking(turn);
        } else if call.excused {
            self.talk(turn);
        } else if turn.now < call.deadline {
            self.due = Some(call.deadline);
        } else {
            let words = || {
                let (place, sent, received) = (self.place, call.candidates, call.received);
                format!("person {place} has sent {sent} candidates and got {received} signals after 10 s")
            };
            turn.world.tally.fault("a call that did not come about", words);
            self.end_call(turn);
        }
    }

    /// Sends the description, when it is not sent yet, and some candidates.
    fn speak(&mut self, turn: &mut Turn<'_, '_>) {
        let place = self.place;
        let Stage::Matched(call) = &self.stage else {
            return;
        };
        let (match_id, text) = (call.match_id, call.match_id.text());
        let (said, kind, begun) = (call.description, call.description_kind(), call.candidates);
        // Half of all clients name the match with what they send, as is advised, and the others know nothing of it.
        let named = place.is_multiple_of(2).then_some(&text[..]);
        let description = match said {
            Some(description) => description,
            None => {
                let sending = turn.send_description(kind, named);
                self.note_sent(match_id, kind, sending, turn);
                sending.number
            }
        };
        let until = CANDIDATES.min(begun + BATCH);
        for index in begun..until {
            let sending = turn.send_candidate(description, index, named);
            self.note_sent(match_id, Kind::Candidate, sending, turn);
        }
        let Stage::Matched(call) = &mut self.stage else {
            return;
        };
        call.description = Some(description);
        call.candidates = until;
        let next = turn.now + BETWEEN_BATCHES;
        self.due = Some(if until < CANDIDATES { next } else { call.deadline });
        self.look_whether_set_up(turn);
    }

    /// Begins to talk once all signals have gone both ways.
    pub(super) fn look_whether_set_up(&mut self, turn: &mut Turn<'_, '_>) {
        let Stage::Matched(call) = &mut self.stage else {
            return;
        };
        if !call.is_set_up() || call.talk_until.is_some() || call.leaving || turn.world.stopping {
            return;
        }
        if call.initiator {
            turn.world.tally.calls += 1;
            turn.world.tally.setup.record(turn.now - call.found_at);
        }
        self.talk(turn);
    }

    /// Talks for a while, and leaves then.
    fn talk(&mut self, turn: &Turn<'_, '_>) {
        let Stage::Matched(call) = &mut self.stage else {
            return;
        };
        let mut until = turn.now + self.rng.random_range(turn.world.habits.talk.clone());
        if !call.initiator {
            // The other one ends it. Only who has been forgotten leaves alone.
            until += PATIENCE;
        }
        call.talk_until = Some(until);
        let first = turn.world.habits.texts.clone();
        call.text_at = first.map(|range| turn.now + self.rng.random_range(range));
        self.due = call.text_at.into_iter().chain([until]).min();
    }

    /// Says something when it is time, until the talk is over.
    fn go_on_talking(&mut self, turn: &mut Turn<'_, '_>) {
        let Stage::Matched(call) = &mut self.stage else {
            return;
        };
        if let (Some(range), Some(at)) = (turn.world.habits.texts.clone(), call.text_at)
            && at <= turn.now
            && self.pending.len() < UNANSWERED
        {
            call.text_at = Some(turn.now + self.rng.random_range(range));
            let (match_id, text) = (call.match_id, call.match_id.text());
            let named = self.place.is_multiple_of(2).then_some(&text[..]);
            let sending = turn.send_text(named);
            self.note_sent(match_id, Kind::Text, sending, turn);
        }
        if let Stage::Matched(call) = &self.stage {
            let later = call.text_at.map(|at| at.max(turn.now + BETWEEN_BATCHES));
            self.due = later.into_iter().chain(call.talk_until).min();
        }
    }

    /// Writes down what was sent, and waits for its acknowledgement.
    fn note_sent(&mut self, match_id: MatchId, kind: Kind, sending: Sending, turn: &mut Turn<'_, '_>) {
        turn.see(
            self.place,
            Seen::Sent {
                match_id,
                kind,
                body: sending.body,
                acknowledged: false,
            },
        );
        self.pending.push_back(Pending {
            ack: sending.ack,
            at: turn.now,
            what: What::Signal(match_id, sending.body),
        });
    }

    /// Leaves, or moves on to the next at once.
    fn end_call(&mut self, turn: &mut Turn<'_, '_>) {
        let ready_at = self.budget.ready_at();
        if ready_at > turn.now && !turn.world.stopping {
            self.due = Some(ready_at);
            return;
        }
        let moves_on = !turn.world.stopping && self.rng.random_bool(0.5);
        let Stage::Matched(call) = &mut self.stage else {
            return;
        };
        call.leaving = true;
        let match_id = call.match_id;
        if moves_on {
            turn.see(self.place, Seen::Asked);
            self.asked_at = turn.now;
            self.request(What::Next(match_id), turn);
        } else {
            self.request(What::Leave(match_id), turn);
        }
    }

    /// What was refused is tried again a second later.
    pub(super) fn leave_later(&mut self, turn: &mut Turn<'_, '_>) {
        if let Stage::Matched(call) = &mut self.stage {
            call.leaving = false;
            self.due = Some(turn.now + 1_000 * MILLISECOND);
        }
    }
}

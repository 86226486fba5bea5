//! What all people of a load test share.

use signaling_core::history::{Kind, Ledger, Seen};
use signaling_core::id::MatchId;
use signaling_core::time::Millis;

use super::chronicle::Chronicle;
use super::habits::Habits;
use super::signal;
use super::tally::Tally;
use crate::connection::Emitter;

/// What everybody saw, and what is counted of it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) tally: Tally,
    pub(crate) habits: Habits,
    /// What is shown around what is found wrong.
    pub(crate) chronicle: Option<Chronicle>,
    /// The time is over: everybody leaves.
    pub(crate) stopping: bool,
    /// The number that was last given to a signal.
    number: u64,
    /// A payload in the making; kept for its memory.
    payload: Vec<u8>,
}

/// A moment in which a person may act.
pub(crate) struct Turn<'a, 'b> {
    /// Microseconds since the start of the test.
    pub(crate) now: u64,
    pub(crate) world: &'a mut World,
    pub(crate) emitter: &'a mut Emitter<'b>,
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    /// The acknowledgement's id.
    pub(crate) ack: u64,
    /// The fingerprint of the content.
    pub(crate) body: u64,
    /// The number in the content.
    pub(crate) number: u64,
}

impl World {
    pub(crate) fn new(people: usize, habits: Habits) -> Self {
        Self {
            ledger: Ledger::new(people),
            tally: Tally::default(),
            habits,
            chronicle: None,
            stopping: false,
            number: 0,
            payload: Vec::with_capacity(4096),
        }
    }

    /// Writes down what a person saw.
    pub(crate) fn see(&mut self, now: u64, person: usize, seen: Seen) {
        self.ledger.see(person, millis(now), seen);
        if let Some(chronicle) = &mut self.chronicle {
            chronicle.see(millis(now), person, seen);
        }
    }

    /// Writes down that what a person sent in this match was acknowledged.
    pub(crate) fn acknowledge(&mut self, now: u64, person: usize, match_id: MatchId, body: u64) {
        self.ledger.acknowledge(person, match_id, body);
        if let Some(chronicle) = &mut self.chronicle {
            chronicle.acknowledge(millis(now), person, match_id, body);
        }
    }

    /// Writes down what else happened to a person, where that is to be shown.
    pub(crate) fn note(&mut self, now: u64, person: usize, words: impl FnOnce() -> String) {
        if let Some(chronicle) = &mut self.chronicle {
            chronicle.note(millis(now), person, words());
        }
    }

    /// The present moment as a number that no other signal has.
    fn number(&mut self, now: u64) -> u64 {
        self.number = now.max(self.number + 1);
        self.number
    }
}

/// The ledger's clock.
pub(crate) fn millis(micros: u64) -> Millis {
    Millis(micros / 1000)
}

impl Turn<'_, '_> {
    pub(crate) fn see(&mut self, person: usize, seen: Seen) {
        self.world.see(self.now, person, seen);
    }

    /// Sends a request that has no more to say than the match that it is about.
    pub(crate) fn request(&mut self, name: &str, match_id: Option<&[u8]>) -> u64 {
        self.world.tally.events_sent += 1;
        match match_id {
            Some(match_id) => self
                .emitter
                .emit_with_ack(name, &[br#"{"matchId":""#, match_id, br#""}"#]),
            None => self.emitter.emit_with_ack(name, &[]),
        }
    }

    /// Sends an offer or answer.
    pub(crate) fn send_description(&mut self, kind: Kind, match_id: Option<&[u8]>) -> Sending {
        let number = self.world.number(self.now);
        self.send(kind, match_id, number, |payload| {
            signal::write_description(kind, number, payload);
        })
    }

    /// Sends candidate `index` of the description with that number.
    pub(crate) fn send_candidate(
        &mut self,
        description: u64,
        index: u32,
        match_id: Option<&[u8]>,
    ) -> Sending {
        let number = self.world.number(self.now);
        self.send(Kind::Candidate, match_id, number, |payload| {
            signal::write_candidate(number, description, index, payload);
        })
    }

    /// Sends a text.
    pub(crate) fn send_text(&mut self, match_id: Option<&[u8]>) -> Sending {
        let number = self.world.number(self.now);
        self.send(Kind::Text, match_id, number, |payload| {
            signal::write_text(number, payload)
        })
    }

    fn send(
        &mut self,
        kind: Kind,
        match_id: Option<&[u8]>,
        number: u64,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Sending {
        let World { payload, tally, .. } = &mut *self.world;
        payload.clear();
        write(payload);
        tally.events_sent += 1;
        let body = signal::fingerprint(kind, payload);
        let name = signal::event(kind);
        let ack = match match_id {
            Some(match_id) => {
                let parts: [&[u8]; 4] = [payload, br#","matchId":""#, match_id, br#""}"#];
                self.emitter.emit_with_ack(name, &parts)
            }
            None => self.emitter.emit_with_ack(name, &[payload, b"}"]),
        };
        Sending { ack, body, number }
    }
}

//! What all people of a load test share.

use signaling_core::history::{Kind, Ledger, Seen};
use signaling_core::time::Millis;

use super::signal;
use super::tally::Tally;
use crate::connection::Emitter;

/// What everybody saw, and what is counted of it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) ledger: Ledger,
    pub(super) tally: Tally,
    /// The time is over: everybody leaves.
    pub(super) stopping: bool,
    /// The number that was last given to a signal.
    number: u64,
    /// A payload in the making; kept for its memory.
    payload: Vec<u8>,
}

/// A moment in which a person may act.
pub(super) struct Turn<'a, 'b> {
    /// Microseconds since the start of the test.
    pub(super) now: u64,
    pub(super) world: &'a mut World,
    pub(super) emitter: &'a mut Emitter<'b>,
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    /// The acknowledgement's id.
    pub(super) ack: u64,
    /// The fingerprint of the content.
    pub(super) body: u64,
    /// The number in the content.
    pub(super) number: u64,
}

impl World {
    pub(super) fn new(people: usize) -> Self {
        Self {
            ledger: Ledger::new(people),
            tally: Tally::default(),
            stopping: false,
            number: 0,
            payload: Vec::with_capacity(4096),
        }
    }

    /// Writes down what a person saw.
    pub(super) fn see(&mut self, now: u64, person: usize, seen: Seen) {
        self.ledger.see(person, millis(now), seen);
    }

    /// The present moment as a number that no other signal has.
    fn number(&mut self, now: u64) -> u64 {
        self.number = now.max(self.number + 1);
        self.number
    }
}

/// The ledger's clock.
pub(super) fn millis(micros: u64) -> Millis {
    Millis(micros / 1000)
}

impl Turn<'_, '_> {
    pub(super) fn see(&mut self, person: usize, seen: Seen) {
        self.world.see(self.now, person, seen);
    }

    /// Sends a request that has no more to say than the match that it is about.
    pub(super) fn request(&mut self, name: &str, match_id: Option<&[u8]>) -> u64 {
        self.world.tally.events_sent += 1;
        match match_id {
            Some(match_id) => self
                .emitter
                .emit_with_ack(name, &[br#"{"matchId":""#, match_id, br#""}"#]),
            None => self.emitter.emit_with_ack(name, &[]),
        }
    }

    /// Sends an offer or answer.
    pub(super) fn send_description(&mut self, kind: Kind, match_id: Option<&[u8]>) -> Sending {
        let number = self.world.number(self.now);
        self.send(kind, match_id, number, |payload| {
            signal::write_description(kind, number, payload);
        })
    }

    /// Sends candidate `index` of the description with that number.
    pub(super) fn send_candidate(
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

//! One person: looks for somebody, has a call, leaves, and looks again.
//!
//! A person does no I/O and owns no timer: it is given what came and told when the time that it asked for
//! ([`Person::due`]) has come.

mod listen;
mod requests;
mod talk;

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use signaling_core::history::Seen;
use signaling_core::id::MatchId;
use signaling_wire::websocket::CloseCode;

use self::requests::{Pending, What};
use super::budget::Budget;
use super::call::Call;
use super::world::{Turn, World};
use crate::connection::{Ended, Incoming, split_event};

/// Microseconds in a millisecond.
const MILLISECOND: u64 = 1_000;
/// How long somebody thinks before looking for the next.
const THINK: std::ops::Range<u64> = 0..200 * MILLISECOND;
/// How long anything may take that should be immediate.
const PATIENCE: u64 = 10_000 * MILLISECOND;
/// How long the one who does not end calls waits for that when the test is over.
const FAREWELL: u64 = 3_000 * MILLISECOND;

/// Where a person is.
#[derive(Debug)]
enum Stage {
    /// Not asking for anybody.
    Idle,
    /// Has asked, and not been told anything yet.
    Asked,
    /// In the queue.
    Waiting,
    /// In a call.
    Matched(Box<Call>),
    /// Has left for good.
    Finished,
}

/// One person of the crowd.
#[derive(Debug)]
pub(super) struct Person {
    place: usize,
    rng: StdRng,
    stage: Stage,
    pending: VecDeque<Pending>,
    budget: Budget,
    resume_token: Option<Box<str>>,
    asked_at: u64,
    due: Option<u64>,
    /// The server has said that it goes away, and when to come back.
    reconnect_in: Option<u64>,
    /// `session` has come since the last connection.
    welcomed: bool,
    /// When the latest thing was said of which an answer shows that the service works for this person.
    worked_at: u64,
}

impl Person {
    pub(super) fn new(place: usize) -> Self {
        Self {
            place,
            rng: StdRng::seed_from_u64(place as u64),
            stage: Stage::Idle,
            pending: VecDeque::new(),
            budget: Budget::default(),
            resume_token: None,
            asked_at: 0,
            due: None,
            reconnect_in: None,
            welcomed: false,
            worked_at: 0,
        }
    }

    /// When this person wants to act next.
    pub(super) fn due(&self) -> Option<u64> {
        self.due
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Asked | Stage::Waiting)
    }

    pub(super) fn is_matched(&self) -> bool {
        matches!(self.stage, Stage::Matched(_))
    }

    pub(super) fn has_finished(&self) -> bool {
        matches!(self.stage, Stage::Finished)
    }

    /// Since when it is known that the service works for this person: what was said then has been answered. Who waits
    /// has nothing to say, and is content with any word from the server, which came last at `heard_at`.
    pub(super) fn works_since(&self, heard_at: u64) -> u64 {
        if self.welcomed && self.is_waiting() && self.pending.is_empty() {
            self.worked_at.max(heard_at)
        } else {
            self.worked_at
        }
    }

    fn works(&mut self, since: u64) {
        self.worked_at = self.worked_at.max(since);
    }

    /// The `auth` of the next connection: the way back to the session, where there is one.
    pub(super) fn auth(&self) -> Option<String> {
        let token = self.resume_token.as_deref()?;
        Some(match &self.stage {
            Stage::Matched(call) => format!(r#"{{"resume":"{token}","seq":{}}}"#, call.last_seq),
            _ => format!(r#"{{"resume":"{token}"}}"#),
        })
    }

    /// Takes what came from the server.
    pub(super) fn take(&mut self, incoming: Incoming<'_>, turn: &mut Turn<'_, '_>) {
        if self.has_finished() {
            return;
        }
        match incoming {
            Incoming::Ack { id, args } => self.acknowledged(id, args, turn),
            Incoming::Event { args, .. } => {
                turn.world.tally.events_received += 1;
                if split_event(args)
                    .and_then(|(name, payload)| self.told(name, payload, turn))
                    .is_none()
                {
                    let words = || format!("this cannot be understood: {args:.200}");
                    turn.world.tally.fault("unreadable event", words);
                }
            }
        }
    }

    /// The time has come that was asked for.
    pub(super) fn on_time(&mut self, turn: &mut Turn<'_, '_>) {
        if self.due.is_none_or(|due| due > turn.now) {
            return;
        }
        self.due = None;
        match &self.stage {
            Stage::Idle if turn.world.stopping => self.finish(turn),
            Stage::Idle => self.ask(turn),
            Stage::Matched(_) => self.go_on(turn),
            Stage::Asked | Stage::Waiting | Stage::Finished => {}
        }
    }

    /// The test is over.
    pub(super) fn stop(&mut self, turn: &mut Turn<'_, '_>) {
        match &mut self.stage {
            Stage::Idle => self.finish(turn),
            Stage::Waiting => self.cancel(turn),
            Stage::Matched(call) if call.initiator => {
                self.due = Some(turn.now);
                self.on_time(turn);
            }
            Stage::Matched(_) => self.due = Some(turn.now + FAREWELL),
            Stage::Asked | Stage::Finished => {}
        }
    }

    /// The connection is gone; answers after how long to come back, in microseconds.
    pub(super) fn lost(&mut self, ended: &Ended, now: u64, world: &mut World) -> u64 {
        world.see(now, self.place, Seen::TransportLost);
        world.note(now, self.place, || format!("lost: {ended}"));
        self.pending.clear();
        (self.due, self.welcomed) = (None, false);
        if *ended == Ended::Disconnected {
            self.resume_token = None;
        }
        if let Some(reconnect_in) = self.reconnect_in.take() {
            world.tally.drained += 1;
            return reconnect_in;
        }
        world.tally.lost(ended);
        self.rng.random_range(0..1_000 * MILLISECOND)
    }

    /// Never connected, or not again before the end.
    pub(super) fn give_up(&mut self, now: u64, world: &mut World) {
        if self.resume_token.is_some() && !self.has_finished() {
            world.see(now, self.place, Seen::Gone);
        }
        self.stage = Stage::Finished;
    }

    fn call(&mut self, match_id: MatchId) -> Option<&mut Call> {
        match &mut self.stage {
            Stage::Matched(call) if call.match_id == match_id => Some(call),
            _ => None,
        }
    }

    /// Thinks a little, then looks for somebody; or leaves, when the test is over.
    fn be_idle(&mut self, turn: &mut Turn<'_, '_>) {
        self.stage = Stage::Idle;
        if turn.world.stopping {
            return self.finish(turn);
        }
        let thought = turn.now + self.rng.random_range(THINK);
        self.due = Some(thought.max(self.budget.ready_at()));
    }

    fn ask(&mut self, turn: &mut Turn<'_, '_>) {
        self.stage = Stage::Asked;
        self.asked_at = turn.now;
        turn.see(self.place, Seen::Asked);
        self.request(What::Find, turn);
    }

    fn cancel(&mut self, turn: &mut Turn<'_, '_>) {
        self.request(What::Cancel, turn);
    }

    /// Leaves the service as a closed tab does.
    fn finish(&mut self, turn: &mut Turn<'_, '_>) {
        turn.see(self.place, Seen::Gone);
        turn.emitter.close(CloseCode::NORMAL);
        (self.stage, self.due) = (Stage::Finished, None);
    }
}

//! The bus between workers, and its faults.

use std::time::Duration;

use rand::RngExt as _;
use signaling_core::id::WorkerId;
use signaling_core::worker::Input;

use super::{Happening, World};

/// How the bus and the pool's line misbehave.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Share of packets lost, 0 to 1.
    pub loss: f64,
    /// Share of packets doubled.
    pub doubling: f64,
    /// The longest delay of a packet; each has its own, so they overtake each other.
    pub delay: Duration,
    /// Share of the pool's requests and replies lost.
    pub pool_loss: f64,
    /// Share of connections that are lost on their way from one worker to another.
    pub upgrade_loss: f64,
}

impl Faults {
    /// A bus that does what it should, in a millisecond.
    pub const NONE: Self = Self {
        loss: 0.0,
        doubling: 0.0,
        delay: Duration::from_millis(1),
        pool_loss: 0.0,
        upgrade_loss: 0.0,
    };
}

impl World {
    /// From now on no packet reaches this worker or leaves it, or they do again.
    pub fn cut_off(&mut self, index: usize, cut_off: bool) {
        let words = if cut_off { "is cut off" } else { "is reached again" };
        self.note(|| format!("worker {index} {words}"));
        self.hosts[index].cut_off = cut_off;
    }

    pub(super) fn packet(&mut self, from: usize, to: &WorkerId, bytes: &[u8]) {
        if self.hosts[from].cut_off {
            return;
        }
        let from = self.hosts[from].name.clone();
        let Some(to) = self.hosts.iter().position(|host| host.name == *to) else {
            return;
        };
        let copies = if self.chance(self.faults.loss) {
            0
        } else {
            1 + usize::from(self.chance(self.faults.doubling))
        };
        for _ in 0..copies {
            let longest = u64::try_from(self.faults.delay.as_millis()).unwrap().max(1);
            let delay = self.rng.random_range(1..=longest);
            let (from, bytes) = (from.clone(), bytes.to_vec());
            self.after(delay, Happening::Packet { to, from, bytes });
        }
    }

    pub(super) fn deliver_packet(&mut self, to: usize, from: &WorkerId, bytes: &[u8]) {
        if !self.hosts[to].cut_off {
            self.input(to, Input::Packet { from, bytes });
        }
    }
}

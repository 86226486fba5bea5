//! What a history is made of, drawn from its seed: how many workers and people, what they want, and what breaks.

use std::time::Duration;

use rand::{Rng, RngExt as _};
use rand_chacha::ChaCha12Rng;
use signaling_core::time::Millis;

use crate::world::{Faults, World};

/// The settings of all histories: the contract's rules, in shorter windows.
pub(crate) const RESUME_WINDOW: Duration = Duration::from_secs(20);
pub(crate) const PING_TIME: Duration = Duration::from_secs(10);
pub(crate) const MATCH_TIMEOUT: Duration = Duration::from_secs(30);
/// After how long without a sign of life the others count a worker as lost.
const LEASE: Duration = Duration::from_secs(8);

/// What breaks, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// The bus begins to lose, double and reorder, or stops.
    Bus(bool),
    /// The pool's line begins to lose, or stops.
    PoolLine(bool),
    /// The pool forgets all.
    Pool,
    /// A worker dies.
    Kill(usize),
    /// A worker that died starts again.
    Start(usize),
    /// A worker is cut off from the bus, or reached again.
    Cut(usize, bool),
    /// A worker's lease has run out.
    Lose(usize),
    /// The store of records is noted, or goes back to what was noted last.
    Snapshot(bool),
}

/// How a history goes.
#[derive(Debug)]
pub(crate) struct Plan {
    pub workers: u16,
    pub people: usize,
    /// How long people act.
    pub length: Duration,
    /// The mean time between two acts of one person.
    pub pace: Duration,
    pub faults: Faults,
    /// Whether sessions have records.
    pub records: bool,
    /// In order of their moments, relative to the start.
    pub breaks: Vec<(Duration, Break)>,
}

impl Plan {
    pub(crate) fn draw(rng: &mut ChaCha12Rng) -> Self {
        let workers = rng.random_range(1..=4);
        let length = Duration::from_millis(rng.random_range(4_000..30_000));
        let faults = Faults {
            loss: rng.random_range(0.0..0.25),
            doubling: rng.random_range(0.0..0.3),
            delay: Duration::from_millis([1, 10, 60, 300][rng.random_range(0..4)]),
            pool_loss: rng.random_range(0.05..0.4),
            upgrade_loss: rng.random_range(0.0..0.5),
        };
        let mut plan = Self {
            workers,
            people: rng.random_range(2..=8),
            length,
            pace: Duration::from_millis([30, 150, 500, 2_000][rng.random_range(0..4)]),
            faults,
            records: rng.random_bool(0.7),
            breaks: Vec::new(),
        };
        // A third of all histories is without faults, and judged by the strictest bounds.
        for _ in 0..[0, 0, 1, 1, 2, 4][rng.random_range(0..6)] {
            plan.add(rng);
        }
        plan.breaks.sort_by_key(|(at, _)| *at);
        plan
    }

    fn add(&mut self, rng: &mut ChaCha12Rng) {
        let at = rng.random_range(Duration::ZERO..self.length);
        let until = rng.random_range(at..=self.length);
        let worker = rng.random_range(0..usize::from(self.workers));
        match rng.random_range(0..7) {
            6 => self.span(at, until, Break::Snapshot),
            0 | 1 => self.span(at, until, Break::Bus),
            2 => self.span(at, until, Break::PoolLine),
            3 => self.breaks.push((at, Break::Pool)),
            4 => {
                // Sometimes it is back before anybody has noticed.
                let back = at + Duration::from_millis(rng.random_range(50..12_000));
                self.breaks.push((at, Break::Kill(worker)));
                if back > at + LEASE {
                    self.breaks.push((at + LEASE, Break::Lose(worker)));
                }
                self.breaks.push((back, Break::Start(worker)));
            }
            _ => {
                let back = at + Duration::from_millis(rng.random_range(200..12_000));
                self.span(at, back, |cut| Break::Cut(worker, cut));
                if back > at + LEASE {
                    self.breaks.push((at + LEASE, Break::Lose(worker)));
                }
            }
        }
    }

    fn span(&mut self, from: Duration, until: Duration, make: impl Fn(bool) -> Break) {
        self.breaks.push((from, make(true)));
        self.breaks.push((until, make(false)));
    }

    /// Whether anything breaks at all.
    pub(crate) fn is_calm(&self) -> bool {
        self.breaks.is_empty()
    }

    /// Whether anything of this kind breaks.
    pub(crate) fn has(&self, kind: impl Fn(&Break) -> bool) -> bool {
        self.breaks.iter().any(|(_, happens)| kind(happens))
    }

    /// The moments at which something is broken, for the judge: what lasts counts once a second.
    pub(crate) fn fault_moments(&self, start: Millis) -> Vec<Millis> {
        let mut moments = Vec::new();
        for (number, (at, kind)) in self.breaks.iter().enumerate() {
            moments.push(start + *at);
            let end = match *kind {
                Break::Bus(true) => Some(Break::Bus(false)),
                Break::PoolLine(true) => Some(Break::PoolLine(false)),
                Break::Cut(worker, true) => Some(Break::Cut(worker, false)),
                Break::Kill(worker) => Some(Break::Start(worker)),
                _ => None,
            };
            let until = end.and_then(|end| {
                let rest = &self.breaks[number..];
                rest.iter().find(|(_, kind)| *kind == end).map(|(at, _)| *at)
            });
            let mut moment = *at;
            while until.is_some_and(|until| moment < until) {
                moment += Duration::from_secs(1);
                moments.push(start + moment);
            }
        }
        moments.sort_unstable();
        moments
    }
}

/// Does what the plan says.
pub(crate) fn carry_out(kind: Break, faults: &Faults, world: &mut World) {
    match kind {
        Break::Bus(on) => {
            let from = if on { faults } else { &Faults::NONE };
            let pool_loss = world.faults.pool_loss;
            world.faults = Faults { pool_loss, ..*from };
            world.note(|| format!("the bus: {on}"));
        }
        Break::PoolLine(on) => {
            world.faults.pool_loss = if on { faults.pool_loss } else { 0.0 };
            world.note(|| format!("the pool's line loses: {on}"));
        }
        Break::Pool => world.restart_pool(),
        Break::Kill(worker) if world.is_up(worker) => world.kill_worker(worker),
        Break::Start(worker) if !world.is_up(worker) => {
            world.start_worker(worker);
            world.announce_workers();
        }
        Break::Kill(_) | Break::Start(_) => {}
        Break::Cut(worker, cut) => {
            world.cut_off(worker, cut);
            if !cut {
                world.announce_workers();
                world.interrupt(worker);
            }
        }
        Break::Snapshot(true) => world.take_snapshot(),
        Break::Snapshot(false) => world.restore_snapshot(),
        Break::Lose(worker) => {
            world.announce_lost(worker);
            if world.is_up(worker) {
                // Cut off, it has lost the others as well.
                for other in (0..world.workers()).filter(|other| *other != worker) {
                    world.announce_lost_to(other, worker);
                }
            }
        }
    }
}

/// What a person wants, as the payload of `find_match` and for the judge.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wish {
    pub mode: Option<&'static str>,
    pub language: Option<&'static str>,
    pub region: Option<&'static str>,
    pub interests: Vec<&'static str>,
}

impl Wish {
    pub(crate) fn draw(rng: &mut ChaCha12Rng) -> Self {
        if rng.random_bool(0.6) {
            return Self::default();
        }
        let mut one_of = |words: [&'static str; 2]| {
            let word = words[rng.random_range(0..2)];
            rng.random_bool(0.3).then_some(word)
        };
        Self {
            mode: one_of(["video", "text"]),
            language: one_of(["en", "fi"]),
            region: one_of(["eu", "us"]),
            interests: [one_of(["go", "chess"]), one_of(["jazz", "bread"])]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    pub(crate) fn payload(&self) -> serde_json::Value {
        let mut payload = serde_json::Map::new();
        let words = [
            ("mode", self.mode),
            ("language", self.language),
            ("region", self.region),
        ];
        for (name, word) in words {
            if let Some(word) = word {
                payload.insert(name.into(), word.into());
            }
        }
        if !self.interests.is_empty() {
            payload.insert("interests".into(), self.interests.clone().into());
        }
        payload.into()
    }

    /// After how long of waiting together two people with these wishes are to be matched; none where never.
    pub(crate) fn agrees_after(&self, other: &Self) -> Option<Duration> {
        let differ = |one: Option<&str>, other: Option<&str>| matches!((one, other), (Some(one), Some(other)) if one != other);
        if differ(self.mode, other.mode) {
            return None;
        }
        let strangers = !self.interests.is_empty()
            && !other.interests.is_empty()
            && !self
                .interests
                .iter()
                .any(|interest| other.interests.contains(interest));
        let demands = [
            (strangers, 5),
            (differ(self.region, other.region), 10),
            (differ(self.language, other.language), 15),
        ];
        let longest = demands
            .iter()
            .filter(|(differs, _)| *differs)
            .map(|(_, seconds)| *seconds);
        Some(Duration::from_secs(longest.max().unwrap_or(0)))
    }
}

/// A number of milliseconds around a mean, most of them short.
pub(crate) fn around(mean: Duration, rng: &mut impl Rng) -> Duration {
    let share: f64 = rng.random_range(0.001..1.0_f64);
    mean.mul_f64(-share.ln())
}

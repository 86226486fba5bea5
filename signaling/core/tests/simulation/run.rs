//! One history, from its seed to its end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use signaling_core::history::Report;
use signaling_core::time::Millis;
use signaling_core::worker::{Rate, User};

use crate::act::{Scene, Then};
use crate::judge;
use crate::person::{Habits, Person};
use crate::plan::{MATCH_TIMEOUT, PING_TIME, Plan, RESUME_WINDOW, Wish, around, carry_out};
use crate::world::World;

/// How soon CONNECT must be answered: summons and confirmation, with what resending adds.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);
/// How long everything takes to come to rest: whoever is lost without return is given up.
const SETTLING: Duration = Duration::from_secs(PING_TIME.as_secs() + RESUME_WINDOW.as_secs() + 25);

/// What a history came to.
pub(crate) struct Outcome {
    pub plan: Plan,
    pub report: Report,
    pub defects: Vec<String>,
    pub trace: Vec<String>,
}

/// A history under way.
pub(crate) struct Stage {
    pub world: World,
    pub people: Vec<Person>,
    pub plan: Plan,
    pub start: Millis,
    rng: ChaCha12Rng,
    serial: u64,
    /// People may send as much as the contract lets them; otherwise as much as they like.
    limited: bool,
    settling: bool,
    /// Who acts when.
    agenda: BinaryHeap<Reverse<(Millis, usize)>>,
}

/// Plays the history of this seed, and judges it.
pub(crate) fn play(seed: u64, trace: bool) -> Outcome {
    let mut stage = Stage::set(seed, trace);
    stage.chaos();
    stage.settle();
    let mut defects = judge::at_rest(&stage);
    let report = judge::histories(&stage);
    stage.part();
    defects.extend(judge::when_all_have_gone(&stage));
    let last = judge::histories(&stage);
    for person in &mut stage.people {
        defects.append(&mut person.defects);
    }
    if judge::someone_was_taken(&stage) {
        defects.retain(|defect| !judge::DIES_UNWRITTEN.iter().any(|words| defect.contains(words)));
    }
    Outcome {
        plan: stage.plan,
        report: if report.is_clean() { last } else { report },
        defects,
        trace: stage.world.trace.take().unwrap_or_default(),
    }
}

impl Stage {
    fn set(seed: u64, trace: bool) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let plan = Plan::draw(&mut rng);
        let limited = rng.random_bool(0.2);
        let plenty = Rate {
            per_second: 1_000,
            burst: 100_000,
        };
        let mut world = World::with(plan.workers, rng.random(), |config, ice| {
            config.resume_window = RESUME_WINDOW;
            config.ping_time = PING_TIME;
            config.save_every = plan.records.then_some(RESUME_WINDOW);
            config.match_timeout = MATCH_TIMEOUT;
            if !limited {
                (config.request_rate, config.signal_rate, config.text_rate) = (plenty, plenty, plenty);
            }
            ice.turn_urls = vec!["turn:turn.example.org".into()];
            ice.turn_secret = Some("north".into());
            ice.ttl = Duration::from_secs(20);
        });
        world.trace = trace.then(Vec::new);
        let start = world.now;
        let mut stage = Self {
            world,
            people: Vec::new(),
            plan,
            start,
            rng,
            serial: 0,
            limited,
            settling: false,
            agenda: BinaryHeap::new(),
        };
        for number in 0..stage.plan.people {
            stage.invite(number);
        }
        stage
    }

    fn invite(&mut self, number: usize) {
        let rng = &mut self.rng;
        let client = self.world.client(rng.random_bool(0.7));
        // Now and then two sessions of one user.
        let user = match rng.random_range(0..10) {
            0 => User::Known("alice".into()),
            1 => User::Known(format!("user {number}").into()),
            _ => User::Anonymous,
        };
        let habits = Habits {
            acks: [0.0, 0.6, 1.0][rng.random_range(0..3)],
            plain_questions: !self.limited && rng.random_bool(0.3),
            names_match: [0.0, 0.5, 1.0][rng.random_range(0..3)],
            breaks: [0.0, 0.02, 0.1, 0.3][rng.random_range(0..4)],
            upgrades: [0.0, 0.1, 0.5][rng.random_range(0..3)],
            restless: [0.02, 0.2, 0.5][rng.random_range(0..3)],
        };
        self.people
            .push(Person::new(client, user, Wish::draw(rng), habits));
        let soon = Duration::from_millis(rng.random_range(0..500));
        self.plan_act(number, soon);
    }

    fn plan_act(&mut self, person: usize, after: Duration) {
        self.agenda.push(Reverse((self.world.now + after, person)));
    }

    /// People act and things break, until the plan is at its end.
    fn chaos(&mut self) {
        let mut breaks = self.plan.breaks.clone().into_iter().peekable();
        let end = self.start + self.plan.length;
        loop {
            let next_break = breaks.peek().map(|(at, _)| self.start + *at);
            let next_act = self
                .agenda
                .peek()
                .map(|Reverse((at, _))| *at)
                .filter(|at| *at <= end);
            let Some(at) = next_break.into_iter().chain(next_act).min() else {
                break;
            };
            self.pass(at);
            if next_break == Some(at) {
                let Some((_, kind)) = breaks.next() else {
                    break;
                };
                carry_out(kind, &self.plan.faults, &mut self.world);
                self.read_all();
            } else if let Some(Reverse((_, person))) = self.agenda.pop() {
                self.act(person);
            }
        }
        self.agenda.clear();
    }

    /// Lets time pass, and people read what comes.
    fn pass(&mut self, until: Millis) {
        while self.world.next_at().is_some_and(|at| at <= until) {
            if let Some(client) = self.world.step() {
                let before = self.people[client].history.observations().len();
                self.people[client].read(&self.world.clients[client]);
                let news = self.people[client].history.observations().len() > before;
                // What people react to at once meets what is still under way.
                if news && self.rng.random_bool(0.2) {
                    let soon = Duration::from_millis(self.rng.random_range(0..4));
                    self.plan_act(client, soon);
                }
            }
        }
        self.world.now = self.world.now.max(until);
    }

    fn read_all(&mut self) {
        for (client, person) in self.people.iter_mut().enumerate() {
            person.read(&self.world.clients[client]);
        }
    }

    fn act(&mut self, number: usize) {
        let now = self.world.now;
        let calm = self.plan.is_calm();
        let person = &mut self.people[number];
        if person.gone {
            return;
        }
        if person
            .connecting_since
            .is_some_and(|since| now.since(since) > ANSWERED_WITHIN)
        {
            person.defect(now, "CONNECT is not answered");
            person.connecting_since = None;
        }
        let mut scene = Scene {
            world: &mut self.world,
            rng: &mut self.rng,
            serial: &mut self.serial,
        };
        let then = if scene.world.clients[number].connection.is_none() {
            let full = !self.settling && scene.chance(0.05);
            person.come_back(calm, full, &mut scene);
            Then::Stay
        } else {
            person.act(&mut scene)
        };
        match then {
            Then::Stay => {
                let after = around(self.plan.pace, &mut self.rng);
                // One way ahead is enough: reactions come on top.
                if self.agenda.len() < 4 * self.people.len() {
                    self.plan_act(number, after);
                }
            }
            Then::Return(after) => {
                self.agenda.retain(|Reverse((_, person))| *person != number);
                self.plan_act(number, after);
            }
            Then::Gone => {}
        }
    }

    /// The faults are over, everyone who comes back is back, and all comes to rest; then each says one more thing.
    fn settle(&mut self) {
        self.settling = true;
        for _ in 0..5 {
            self.come_back();
        }
        self.pass(self.world.now + SETTLING);
        // A copy of a session that nobody needed is found out late, and its connection closed.
        self.come_back();
        for number in 0..self.people.len() {
            let mut scene = Scene {
                world: &mut self.world,
                rng: &mut self.rng,
                serial: &mut self.serial,
            };
            self.people[number].say(&mut scene, true);
        }
        self.pass(self.world.now + Duration::from_secs(7));
        self.agenda.clear();
    }

    /// Everyone who has no connection tries again.
    fn come_back(&mut self) {
        for number in 0..self.people.len() {
            if !self.people[number].gone && self.world.clients[number].connection.is_none() {
                self.act(number);
            }
            self.world.clients[number].responsive = true;
        }
        self.pass(self.world.now + ANSWERED_WITHIN);
    }

    /// Everyone goes.
    fn part(&mut self) {
        for number in 0..self.people.len() {
            if !self.people[number].gone {
                let mut scene = Scene {
                    world: &mut self.world,
                    rng: &mut self.rng,
                    serial: &mut self.serial,
                };
                self.people[number].part(&mut scene);
            }
            let pause = Duration::from_millis(self.rng.random_range(0..50));
            self.pass(self.world.now + pause);
        }
        self.pass(self.world.now + SETTLING + Duration::from_secs(15));
    }
}

impl Outcome {
    pub(crate) fn is_clean(&self) -> bool {
        self.report.is_clean() && self.defects.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.plan)?;
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        for defect in &self.defects {
            writeln!(f, "DEFECT: {defect}")?;
        }
        write!(f, "{}", self.report)
    }
}

/// What all histories together went through.
#[derive(Default)]
pub(crate) struct Totals {
    histories: u64,
    with_faults: u64,
    people: usize,
    matches: usize,
    sent: usize,
    received: usize,
}

impl Totals {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.histories += 1;
        self.with_faults += u64::from(!outcome.plan.is_calm());
        self.people += outcome.report.persons;
        self.matches += outcome.report.matches;
        self.sent += outcome.report.sent;
        self.received += outcome.report.received;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} clean histories, {} of them with faults: {} people, {} matches, {} signals sent, {} received",
            self.histories, self.with_faults, self.people, self.matches, self.sent, self.received
        )
    }
}

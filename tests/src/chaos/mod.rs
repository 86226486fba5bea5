//! Chaos: a whole service, broken in every way while people use it, and what they saw of that.
//!
//! - [`plan`] draws faults from a seed; it does nothing. [`kind`] says what there is to break, [`timers`] how long the
//!   service takes to notice.
//! - `service` and `servers` are the processes: pods, and a Redis of one of three kinds. `network` is what stands between
//!   clients, pods and Redis. `inject` does to them what the plan says.
//! - The people are those of [`crate::load_test`], on every transport; what they saw goes into the ledger of
//!   [`signaling_core::history`]. `referee` says by which times that is judged.
//! - `timeline` knows when faults were, and how long the service took to recover: from the end of a fault until, for
//!   everybody who is there, something has been answered that was said after that end. What counts is the acknowledgement
//!   of a request or a signal, a signal from the partner, the answer to coming back; for those who wait and have nothing to
//!   say, any word from the server. Other faults go on meanwhile, so this is how long people really are without service.

mod inject;
pub mod kind;
mod network;
mod options;
pub mod plan;
mod referee;
mod report;
mod servers;
mod service;
mod timeline;
pub mod timers;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use signaling_core::history::{Breach, Ledger};
use signaling_core::id::MatchId;
use signaling_core::time::Millis;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use self::inject::Scene;
pub use self::options::Options;
use self::plan::Plan;
use self::referee::{Bounds, is_consequence};
pub use self::report::Outcome;
use self::service::{Service, Shape};
use self::timeline::Timeline;
use self::timers::Timers;
use crate::load_test::chronicle::Chronicle;
use crate::load_test::crowd::{Census, Crowd};
use crate::load_test::habits::Habits;
use crate::open_files;

/// Over how long people come.
const RAMP_UP: Duration = Duration::from_secs(3);
/// How long the leaving of all may take.
const LEAVE: Duration = Duration::from_secs(8);
/// How often it is looked whether the service works for everybody.
const LOOK: Duration = Duration::from_millis(20);
/// How often matches that are over are judged, in looks once a second.
const SETTLE_EVERY: u64 = 5;
/// How much of people's lives is shown around a breach, in milliseconds before and after.
const SHOWN: (u64, u64) = (40_000, 40_000);
/// How many breaches of each law are shown with that.
const SHOWN_BREACHES: usize = 4;

/// Runs chaos. `progress` is given a line for each fault and each few seconds, and the story of each broken promise.
///
/// # Errors
/// There is nothing to break, or it cannot be broken.
pub async fn run(options: &Options, progress: &mut impl FnMut(&str)) -> anyhow::Result<Outcome> {
    // A socket of a client, and both of its proxy; a polling client has several.
    open_files::allow(u64::from(options.clients) * 12)?;
    LocalSet::new().run_until(drive(options, progress)).await
}

async fn drive(options: &Options, progress: &mut impl FnMut(&str)) -> anyhow::Result<Outcome> {
    let wish = options.wish();
    let plan = Plan::draw(&wish);
    progress(&plan.to_string());
    let folder = options
        .logs
        .clone()
        .unwrap_or_else(|| temporary_folder(plan.seed));
    std::fs::create_dir_all(&folder)?;
    let timers = options.timers();
    let service = Service::start(Shape {
        topology: options.redis,
        pods: options.pods.into(),
        workers: options.workers.into(),
        timers,
        log_level: options.log_level.clone(),
        folder: folder.clone(),
    });
    let service = Rc::new(service.await.context("the service cannot be started")?);
    // Who connects to a pod that does not answer tries another one as soon as an established connection would be lost.
    let habits = Habits::of_chaos(timers.ping.min(Duration::from_secs(20)), timers.ping);
    let crowd = Crowd::new(service.target(), options.clients.into(), habits);
    crowd.world().borrow_mut().chronicle = Some(Chronicle::new(options.clients.into()));
    let timeline = Rc::new(RefCell::new(Timeline::default()));
    let scene = Scene {
        service: Rc::clone(&service),
        crowd: Rc::clone(&crowd),
        timeline: Rc::clone(&timeline),
    };
    let mut run = Run {
        timers,
        plan,
        crowd,
        timeline,
        looks: 0,
        shown: 0,
        interrupted: false,
    };
    let started = Instant::now();
    let lines = RefCell::new(progress);
    let mut tell = |line: &str| (lines.borrow_mut())(line);
    let end = run.play(&scene, &settling(options), &mut tell).await;
    let mut outcome = run.judge(started.elapsed(), &mut tell);
    end?;
    // Who interrupts by a terminal interrupts pods as well.
    if !run.interrupted
        && let Err(error) = service.are_well().await
    {
        outcome.defects.push(format!("{error:#}"));
    }
    if outcome.is_clean() {
        drop(scene);
        drop(service);
        // What Redis kept there is of no use any more.
        let _ = std::fs::remove_dir_all(&folder);
    } else {
        service.keep_logs().await?;
        tell(&format!("the pods' logs are in {}", folder.display()));
    }
    Ok(outcome)
}

/// How long people go on after the last fault.
fn settling(options: &Options) -> Duration {
    options.timers().settling()
}

fn temporary_folder(seed: u64) -> PathBuf {
    std::env::temp_dir().join(format!("chaos-{seed}-{}", std::process::id()))
}

/// A run under way.
struct Run {
    plan: Plan,
    timers: Timers,
    crowd: Rc<Crowd>,
    timeline: Rc<RefCell<Timeline>>,
    looks: u64,
    /// Breaches that have been told.
    shown: usize,
    /// What was broken last has had no time to become whole again.
    interrupted: bool,
}

impl Run {
    /// Lets people come, things break, all settle, and everybody leave.
    async fn play(
        &mut self,
        scene: &Scene,
        settling: &Duration,
        tell: &mut impl FnMut(&str),
    ) -> anyhow::Result<()> {
        let crowd = Rc::clone(&self.crowd);
        let plan = self.plan.clone();
        let mut tasks = JoinSet::new();
        let (lines, interrupted) = (RefCell::new(Vec::new()), Cell::new(false));
        let story = async {
            for place in 0..crowd.places() {
                crowd.admit(place, &mut tasks);
                sleep(RAMP_UP / u32::try_from(crowd.places()).unwrap_or(u32::MAX)).await;
            }
            let mut note = |line: &str| lines.borrow_mut().push(line.to_owned());
            let played = tokio::select! {
                played = scene.play(&plan, &mut note) => played,
                // Whoever interrupts wants to know what it came to until then.
                _ = tokio::signal::ctrl_c() => {
                    interrupted.set(true);
                    Ok(())
                }
            };
            if !interrupted.get() {
                sleep(*settling).await;
            }
            crowd.stop().await;
            let all_gone = async {
                while let Some(gone) = tasks.join_next().await {
                    gone.context("a person's task has failed")?;
                }
                anyhow::Ok(())
            };
            // Whoever is not through by then has lost a connection once more.
            timeout(LEAVE, all_gone).await.unwrap_or(Ok(()))?;
            played
        };
        let (mut story, mut time) = (pin!(story), pin!(crowd.keep_time()));
        let (mut looks, mut seconds) = (interval(LOOK), interval(Duration::from_secs(1)));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                played = &mut story => {
                    self.interrupted = interrupted.get();
                    return played;
                }
                () = &mut time => {}
                _ = looks.tick() => self.timeline.borrow_mut().observe(crowd.works_since(), crowd.now()),
                _ = seconds.tick() => self.look(tell),
            }
            lines.borrow_mut().drain(..).for_each(|line| tell(&line));
        }
    }

    /// By what is judged: as long as planned, or as it took.
    fn bounds(&self, now: u64) -> Bounds {
        let longest = self.plan.longest().max(self.timeline.borrow().longest(now));
        Bounds::new(self.timers, longest)
    }

    /// Looks around once a second, and judges what is over from time to time.
    fn look(&mut self, tell: &mut impl FnMut(&str)) {
        let Census {
            connected,
            waiting,
            matched,
            websockets,
            ..
        } = self.crowd.look_around();
        self.looks += 1;
        if !self.looks.is_multiple_of(SETTLE_EVERY) {
            return;
        }
        let now = self.crowd.now();
        let (moments, bounds) = (self.timeline.borrow().moments(now), self.bounds(now));
        let before = Millis(now / 1_000) - bounds.settled_after();
        let (resumed, calls) = {
            let world = &mut *self.crowd.world().borrow_mut();
            world.ledger.settle(before, &bounds.rules(&moments));
            (world.tally.resumed, world.tally.calls)
        };
        let open = self.timeline.borrow().open();
        tell(&format!(
            "{:>6} s   {connected} connected ({websockets} by WebSocket), {waiting} waiting, {matched} matched, {calls} calls, {resumed} resumes; \
             {open} faults not overcome",
            now / 1_000_000
        ));
        let breaches = self.crowd.world().borrow().ledger.report().breaches.clone();
        self.show(&breaches, tell);
    }

    /// Tells the stories of breaches that have not been told.
    fn show(&mut self, breaches: &[Breach], tell: &mut impl FnMut(&str)) {
        for (place, breach) in breaches.iter().enumerate().skip(self.shown) {
            // One defect may break a law with every signal of a match.
            let same = |earlier: &&Breach| earlier.law == breach.law;
            let before: BTreeSet<_> = breaches[..place].iter().filter(same).map(story_of).collect();
            if before.len() < SHOWN_BREACHES && !before.contains(&story_of(breach)) {
                tell(&self.story(breach));
            }
        }
        self.shown = self.shown.max(breaches.len());
    }

    /// What those concerned saw around a breach, and what was broken then.
    fn story(&self, breach: &Breach) -> String {
        let (from, until) = (
            Millis(breach.at.0.saturating_sub(SHOWN.0)),
            Millis(breach.at.0 + SHOWN.1),
        );
        let world = self.crowd.world().borrow();
        let mut people = vec![breach.person];
        if let (Some(chronicle), Some(match_id)) = (&world.chronicle, breach.match_id) {
            people.extend(
                chronicle
                    .sides(match_id)
                    .into_iter()
                    .filter(|side| *side != breach.person),
            );
        }
        let lives = people.iter().filter_map(|person| {
            let chronicle = world.chronicle.as_ref()?;
            Some(chronicle.tell(*person, from, until))
        });
        format!(
            "BROKEN (seed {}): {} of person {} at {}: {}\n  faults\n{}{}",
            self.plan.seed,
            breach.law.name(),
            breach.person,
            breach.at,
            breach.what,
            self.timeline.borrow().between(from, until),
            lives.collect::<String>()
        )
    }

    /// Judges all that is left.
    fn judge(&mut self, took: Duration, tell: &mut impl FnMut(&str)) -> Outcome {
        let now = self.crowd.now();
        let moments = self.timeline.borrow().moments(now);
        let rules = self.bounds(now).rules(&moments);
        let ledger = std::mem::replace(&mut self.crowd.world().borrow_mut().ledger, Ledger::new(0));
        let history = ledger.finish(&rules);
        self.show(&history.breaches, tell);
        let tally = std::mem::take(&mut self.crowd.world().borrow_mut().tally);
        let mut defects: Vec<String> = tally
            .faults
            .iter()
            .filter(|(kind, _)| !is_consequence(kind))
            .map(|(kind, fault)| format!("{} times {kind}; the first: {}", fault.count, fault.first))
            .collect();
        let timeline = self.timeline.borrow();
        if timeline.open() > 0 && !self.interrupted {
            defects.push(format!("{} faults were never overcome", timeline.open()));
        }
        if tally.calls == 0 {
            defects.push("nobody had a whole call: there is nothing to judge by".into());
        }
        Outcome {
            seed: self.plan.seed,
            took,
            history,
            defects,
            tally,
            recoveries: timeline.recoveries(),
        }
    }
}

/// Breaches with the same have one story.
fn story_of(breach: &Breach) -> (usize, Option<MatchId>) {
    (breach.person, breach.match_id)
}

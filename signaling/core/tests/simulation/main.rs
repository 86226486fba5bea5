//! Thousands of histories on virtual time: people who find each other, talk, leave, lose their connections and come back,
//! while the bus loses, doubles and reorders, workers die and are cut off, and the pool forgets.
//!
//! Each history follows from its seed alone. All of them are judged by [`signaling_core::history`] and by what must hold
//! once the faults have stopped and everyone has gone: [`judge`].
//!
//! - `SIM_HISTORIES=20000` asks for more of them;
//! - `SIM_SEED=17 SIM_HISTORIES=1` replays one, and tells its whole trace if it fails.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops where it is wrong, and says where"
)]

mod act;
mod call;
mod judge;
mod person;
mod plan;
mod run;
#[path = "../world/mod.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use run::Outcome;

/// How many histories a plain `cargo test` plays.
const HISTORIES: u64 = 3_000;
/// How many failures are told.
const SHOWN: usize = 5;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a whole number"))
    })
}

/// Plays one history; a panic of the core or of a client is a failure like any other.
fn play(seed: u64, trace: bool) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| run::play(seed, trace))).map_err(|panic| {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        format!("panicked: {}", words.unwrap_or("without words"))
    })
}

#[test]
fn nobody_is_doubled_ghosted_stranded_or_crossed_and_nothing_is_lost_unsaid_whatever_breaks() {
    let (first, histories) = (setting("SIM_SEED", 1), setting("SIM_HISTORIES", HISTORIES));
    let next = AtomicU64::new(first);
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    let totals: Mutex<run::Totals> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + histories {
                        return;
                    }
                    match play(seed, histories == 1) {
                        Ok(outcome) if outcome.is_clean() => totals.lock().unwrap().add(&outcome),
                        Ok(outcome) => failed.lock().unwrap().push((seed, outcome.to_string())),
                        Err(words) => failed.lock().unwrap().push((seed, words)),
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    eprintln!("{}", totals.into_inner().unwrap());
    if failed.is_empty() {
        return;
    }
    failed.sort();
    for (seed, words) in failed.iter().take(SHOWN) {
        eprintln!("\nseed {seed}: {words}");
        eprintln!(
            "with its trace: SIM_SEED={seed} SIM_HISTORIES=1 cargo test -p signaling-core --test simulation"
        );
    }
    let seeds: Vec<u64> = failed.iter().map(|(seed, _)| *seed).collect();
    panic!(
        "{} of {histories} histories failed, of seeds {seeds:?}",
        seeds.len()
    );
}

#[test]
fn a_seed_replays_its_history_to_the_letter() {
    for seed in 1..20 {
        let [one, other] = [(); 2].map(|()| run::play(seed, true));
        let difference = one
            .trace
            .iter()
            .zip(&other.trace)
            .find(|(one, other)| one != other);
        assert_eq!(difference, None, "seed {seed}");
        assert_eq!(one.trace.len(), other.trace.len(), "seed {seed}");
    }
}

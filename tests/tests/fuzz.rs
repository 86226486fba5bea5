//! A bounded, repeatable run of the fuzz targets on stable Rust: their seeds, and mutations of these.
//!
//! `FUZZ_INPUTS` sets how many inputs each target is given, `FUZZ_SEED` which.

#[path = "../fuzz/src/lib.rs"]
pub mod targets;

use std::env;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use targets::{TARGETS, Target, WORDS};

const INPUTS: u64 = 100_000;
/// Mutations of one input, at most.
const MUTATIONS: usize = 6;
/// Longer inputs are cut: they find little that shorter ones do not.
const MAX_INPUT: usize = 2_000;

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

fn try_target(name: &str) {
    let target = TARGETS
        .into_iter()
        .find(|target| target.name == name)
        .expect("a target");
    let seeds = (target.seeds)();
    for seed in &seeds {
        try_input(target, seed);
    }
    let mut rng = StdRng::seed_from_u64(setting("FUZZ_SEED", 0));
    for _ in 0..setting("FUZZ_INPUTS", INPUTS) {
        try_input(target, &mutated(&seeds, &mut rng));
    }
}

fn try_input(target: Target, input: &[u8]) {
    let outcome = catch_unwind(|| (target.run)(input));
    assert!(
        outcome.is_ok(),
        "target {} fails for {:?}",
        target.name,
        input.escape_ascii().to_string()
    );
}

/// A seed after a few random mutations.
fn mutated(seeds: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let mut input = seeds[rng.random_range(0..seeds.len())].clone();
    for _ in 0..rng.random_range(1..=MUTATIONS) {
        mutate(&mut input, seeds, rng);
    }
    input.truncate(MAX_INPUT);
    input
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut StdRng) {
    let start = rng.random_range(0..=input.len());
    let end = rng.random_range(start..=input.len().min(start + 40));
    match rng.random_range(0..8) {
        0 => input.truncate(start),
        1 => drop(input.drain(start..end)),
        2 => drop(input.splice(start..start, [rng.random()])),
        3 => {
            let repeated = input[start..end].repeat(rng.random_range(1..4));
            input.splice(start..start, repeated);
        }
        4 => {
            let word = WORDS[rng.random_range(0..WORDS.len())];
            input.splice(start..end, word.iter().copied());
        }
        5 => {
            let other = &seeds[rng.random_range(0..seeds.len())];
            let from = rng.random_range(0..=other.len());
            input.splice(start..end, other[from..].iter().copied());
        }
        6 if start < input.len() => input[start] ^= 1 << rng.random_range(0..8),
        _ if start < input.len() => input[start] = rng.random(),
        _ => input.push(rng.random()),
    }
}

#[test]
fn websocket_frames_are_read_the_same_however_they_are_cut_and_within_bounds() {
    try_target("websocket");
}

#[test]
fn engine_io_packets_that_are_read_can_be_written_and_read_again() {
    try_target("engine_io");
}

#[test]
fn socket_io_packets_never_lead_a_client_beyond_its_bounds() {
    try_target("socket_io");
}

#[test]
fn chat_events_that_are_taken_are_relayed_untouched() {
    try_target("event");
}

#[test]
fn every_target_can_be_run_by_cargo_fuzz_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("the fuzz crate's manifest");
    for target in TARGETS {
        let file = format!("targets/{}.rs", target.name);
        assert!(
            manifest.contains(&format!("path = \"{file}\"")),
            "no [[bin]] for {}",
            target.name
        );
        let source = fs::read_to_string(folder.join(&file)).expect("the target's file");
        assert!(
            source.contains(&format!("chat_fuzz::{}::run", target.name)),
            "{file} runs another target"
        );
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}

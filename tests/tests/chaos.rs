//! A bounded share of `make chaos`: every kind of fault at least once, on every kind of Redis.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use chat_tests::chaos::kind::Kind;
use chat_tests::chaos::{Options, Outcome, run};
use clap::Parser as _;

/// Runs chaos with these arguments, and fails with its whole story when a promise was broken.
async fn chaos(arguments: &[&str]) -> Outcome {
    let arguments = ["chaos", "--clients", "60", "--workers", "1"]
        .iter()
        .chain(arguments);
    let options = Options::try_parse_from(arguments).unwrap();
    let mut story = String::new();
    let outcome = run(&options, &mut |line| story.push_str(&format!("{line}\n"))).await;
    let outcome = outcome.unwrap_or_else(|error| panic!("{error:#}\n{story}"));
    assert!(outcome.is_clean(), "{story}\n{outcome}");
    outcome
}

fn count(outcome: &Outcome, kinds: &[Kind]) -> usize {
    kinds.iter().map(|kind| outcome.faults(*kind)).sum()
}

#[tokio::test]
async fn what_is_promised_holds_whatever_breaks_above_one_redis() {
    let outcome = chaos(&["--seed", "4", "--faults-of-each", "1", "--every", "1500"]).await;
    assert_eq!(count(&outcome, &Kind::ALL), 14, "{outcome}");
    assert!(outcome.history.matches > 100, "{outcome}");
}

/// A failover of each kind, while clients lose their connections.
async fn fail_over(redis: &str, seed: &str) {
    let outcome = chaos(&[
        "--redis",
        redis,
        "--seed",
        seed,
        "--faults-of-each",
        "1",
        "--kinds",
        "master-killed,failed-over,clients-dropped",
    ])
    .await;
    let failovers = count(&outcome, &[Kind::MasterKilled, Kind::FailedOver]);
    assert_eq!(failovers, 2, "{outcome}");
}

#[tokio::test]
async fn what_is_promised_holds_while_a_sentinel_fails_over() {
    fail_over("sentinel", "5").await;
}

#[tokio::test]
async fn what_is_promised_holds_while_a_shard_of_a_cluster_fails_over() {
    fail_over("cluster", "6").await;
}

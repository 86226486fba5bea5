//! A whole pod over real sockets: the HTTP contract, and what becomes of bad input. Each bad thing gets its code, status
//! or close code; no other client notices; memory stays bounded.
#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]
#![allow(unreachable_pub, reason = "a test has no interface")]

mod bystanders;
mod capacity;
mod client;
mod configuration;
mod drain;
mod engine_io;
mod event_limits;
mod events;
mod frames;
mod health;
mod json;
mod metrics;
mod rate_limits;
mod requests;
mod silence;
mod site;
mod slow_readers;
mod socket_io;
mod upgrades;

use chat_tests::pod::Pod;

/// Starts a pod of one worker with these settings.
fn start(settings: &[(&str, &str)]) -> Pod {
    start_workers("1", settings)
}

/// Starts a pod of that many workers with these settings.
fn start_workers(workers: &str, settings: &[(&str, &str)]) -> Pod {
    let all: Vec<_> = [("CLUSTER_WORKERS", workers)]
        .iter()
        .chain(settings)
        .copied()
        .collect();
    Pod::start(&all).expect("a pod starts")
}

//! How long an event takes from one of a pair to the other, at a steady rate far below what the server can do.
//!
//! Events are sent on a schedule, whether or not earlier ones have arrived, and their time counts from the schedule: a
//! server that stops for a moment pays for all that should have been sent meanwhile. The generator never sleeps. Each round
//! is a new call of the same sessions.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::options::Sizes;
use super::process::Cores;
use super::relay::{Calls, Pairs, is_signal};
use super::report::{Quantity, Samples};
use super::server::Kind;
use super::start;

/// From one event to the next: 2,000 a second.
const EVERY: Duration = Duration::from_micros(500);
/// A round that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(60);

pub(super) fn measure(
    servers: &[Kind],
    sizes: &Sizes,
    cores: Cores,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let servers = start(servers, cores)?;
    let mut pairs = Pairs::of_each(&servers, sizes.relay_sessions)?;
    for pairs in &mut pairs {
        let _turn = pairs.server.take_turn()?;
        one_way(&mut pairs.calls, sizes.latency_events / 5)?;
    }
    for _ in 0..sizes.rounds {
        for pairs in &mut pairs {
            let _turn = pairs.server.take_turn()?;
            pairs.call_anew()?;
            let (median, p99) = one_way(&mut pairs.calls, sizes.latency_events)?;
            samples.add(Quantity::LatencyMedian, pairs.server.kind, median);
            samples.add(Quantity::LatencyP99, pairs.server.kind, p99);
        }
    }
    Ok(())
}

/// How long events take in microseconds: the median, and what one of a hundred exceeds.
pub(super) fn one_way(calls: &mut Calls, events: usize) -> anyhow::Result<(f64, f64)> {
    let mut times = all_times(calls, events)?;
    times.sort_unstable();
    let percentile = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e6;
    Ok((percentile(50), percentile(99)))
}

/// The time of each of `events` events.
fn all_times(calls: &mut Calls, events: usize) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(events);
    let sessions = calls.partner.len();
    // When each session's events that are under way were to be sent; they arrive in that order.
    let mut under_way = vec![VecDeque::new(); sessions];
    calls.sockets.catch_up()?;
    let begin = Instant::now();
    let mut sent = 0;
    while times.len() < events {
        if sent < events {
            let due = begin + EVERY * u32::try_from(sent)?;
            if due <= Instant::now() {
                let from = sent % sessions;
                under_way[from].push_back(due);
                calls.send_next(from)?;
                sent += 1;
            }
        }
        let Calls { sockets, partner, .. } = calls;
        ensure!(
            begin.elapsed() < LONGEST,
            "{} of {events} events have arrived",
            times.len()
        );
        sockets.wait(Some(Duration::ZERO), |_, at, incoming| {
            if is_signal(&incoming)?
                && let Some(due) = under_way[partner[at]].pop_front()
            {
                times.push(due.elapsed());
            }
            Ok(())
        })?;
    }
    Ok(times)
}

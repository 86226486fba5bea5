//! What goes from one of several servers to another, over Redis: two pods beside two workers of Node's socket.io with its
//! adapter for Redis; and what an event costs where there is one, or where there are four.
//!
//! Partners are always with different servers.

use std::time::Duration;

use super::cluster::{Cluster, Used};
use super::latency::one_way;
use super::meeting::{After, meet};
use super::options::Sizes;
use super::process::Cores;
use super::progress;
use super::relay::Calls;
use super::report::{Quantity, Samples};
use super::server::Kind;
use super::sockets::Sockets;

/// By then pods have written down what has happened.
const WRITTEN_BEHIND: Duration = Duration::from_millis(100);

/// How many servers there are, with what an event is to be noted as.
const MEMBERS: [(usize, Quantity); 3] = [
    (2, Quantity::CrossCpu),
    (1, Quantity::AloneCpu),
    (4, Quantity::FourCpu),
];

/// Sessions of a cluster in calls.
struct Crossing<'a> {
    cluster: &'a Cluster,
    calls: Calls,
}

pub(super) fn measure(
    servers: &[Kind],
    sizes: &Sizes,
    cores: Cores,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    for (members, quantity) in MEMBERS {
        progress(&format!("cross: {members} servers"));
        let kinds = servers.iter().filter(|kind| kind.is_socket_io());
        let clusters: Vec<Cluster> = kinds
            .map(|kind| Cluster::start(*kind, members, cores))
            .collect::<Result<_, _>>()?;
        let mut crossing: Vec<Crossing<'_>> = clusters
            .iter()
            .map(|cluster| Crossing::open(cluster, sizes))
            .collect::<Result<_, _>>()?;
        relay(&mut crossing, quantity, sizes, samples)?;
        if quantity == Quantity::CrossCpu {
            latency(&mut crossing, sizes, samples)?;
            matches(&clusters, sizes, samples)?;
        }
    }
    Ok(())
}

/// As many events as a session may send at once, with so many under way as the sizes say.
fn relay(
    crossing: &mut [Crossing<'_>],
    quantity: Quantity,
    sizes: &Sizes,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    for round in 0..sizes.relay_warm_up + sizes.rounds {
        for Crossing { cluster, calls } in &mut *crossing {
            calls.sockets.catch_up()?;
            calls.rest();
            let before = cluster.used()?;
            let senders = sizes.cross_under_way / sizes.window;
            for first in (0..calls.partner.len()).step_by(senders) {
                let last = (first + senders).min(calls.partner.len());
                calls.relay(first..last, sizes.cross_each, sizes.window)?;
            }
            let used = cluster.used()? - before;
            if round >= sizes.relay_warm_up {
                let events = (calls.partner.len() * sizes.cross_each) as f64;
                note_events(&used, events, (quantity, cluster.kind), samples);
            }
        }
    }
    Ok(())
}

fn note_events(used: &Used, events: f64, (quantity, kind): (Quantity, Kind), samples: &mut Samples) {
    let (servers, redis) = (used.servers.as_secs_f64(), used.redis.as_secs_f64());
    let mut add = |quantity, sample: f64| samples.add(quantity, kind, sample / events);
    add(quantity, servers * 100_000.0);
    if quantity == Quantity::CrossCpu {
        add(Quantity::CrossRedisCpu, redis * 100_000.0);
        add(Quantity::CrossAllCpu, (servers + redis) * 100_000.0);
        add(Quantity::EventCommands, used.asked as f64);
    }
}

fn latency(crossing: &mut [Crossing<'_>], sizes: &Sizes, samples: &mut Samples) -> anyhow::Result<()> {
    for round in 0..=sizes.rounds {
        for Crossing { cluster, calls } in &mut *crossing {
            let (median, p99) = one_way(calls, sizes.latency_events)?;
            if round > 0 {
                samples.add(Quantity::CrossLatencyMedian, cluster.kind, median);
                samples.add(Quantity::CrossLatencyP99, cluster.kind, p99);
            }
        }
    }
    Ok(())
}

fn matches(clusters: &[Cluster], sizes: &Sizes, samples: &mut Samples) -> anyhow::Result<()> {
    for round in 0..=sizes.rounds {
        for cluster in clusters {
            let mut sockets = open(cluster, sizes.cross_match_sessions)?;
            let turns = 0..sizes.matches_each;
            let pairs: Vec<_> = turns.flat_map(|turn| turned_pairs(sockets.len(), turn)).collect();
            std::thread::sleep(WRITTEN_BEHIND);
            let before = cluster.used()?;
            meet(&mut sockets, &pairs, After::Leave)?;
            std::thread::sleep(WRITTEN_BEHIND);
            let used = cluster.used()? - before;
            sockets.leave(cluster.kind)?;
            if round > 0 {
                note_matches(&used, pairs.len() as f64, cluster.kind, samples);
            }
        }
    }
    Ok(())
}

fn note_matches(used: &Used, matches: f64, kind: Kind, samples: &mut Samples) {
    let mut add = |quantity, sample: f64| samples.add(quantity, kind, sample / matches);
    add(Quantity::CrossMatchCpu, used.servers.as_secs_f64() * 1e6);
    add(Quantity::CrossMatchRedisCpu, used.redis.as_secs_f64() * 1e6);
    add(Quantity::MatchCommands, used.asked as f64);
    add(Quantity::MatchExecuted, used.executed as f64);
}

fn open(cluster: &Cluster, sessions: usize) -> anyhow::Result<Sockets> {
    Sockets::open_at(cluster.kind, sessions, |session| cluster.address(session))
}

impl<'a> Crossing<'a> {
    fn open(cluster: &'a Cluster, sizes: &Sizes) -> anyhow::Result<Self> {
        let mut sockets = open(cluster, sizes.cross_sessions)?;
        let pairs = turned_pairs(sockets.len(), 0);
        meet(&mut sockets, &pairs, After::Stay)?;
        let mut partner = vec![0; sockets.len()];
        for (one, other) in pairs {
            (partner[one], partner[other]) = (other, one);
        }
        let calls = Calls::new(sockets, partner);
        Ok(Self { cluster, calls })
    }
}

/// Each session with another one: 2n with 2n + 1 in the first turn, and with others later, for whom one has just met one
/// does not meet again so soon. With two servers, partners are with different ones in any turn.
fn turned_pairs(sessions: usize, turn: usize) -> Vec<(usize, usize)> {
    let pairs = sessions / 2;
    (0..pairs)
        .map(|pair| (pair * 2, (pair + turn * 2) % pairs * 2 + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_new_partner_in_each_turn() {
        for turn in 0..4 {
            let pairs = turned_pairs(16, turn);
            let mut all: Vec<usize> = pairs.iter().flat_map(|&(one, other)| [one, other]).collect();
            all.sort_unstable();
            assert_eq!(all, (0..16).collect::<Vec<_>>());
        }
        assert_eq!(turned_pairs(16, 1)[0], (0, 5));
        assert_eq!(turned_pairs(16, 0)[3], (6, 7));
    }
}

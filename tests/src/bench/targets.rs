//! What is wanted of the pod, and whether the figures say that it is so.

use serde::Serialize;

use super::report::{Quantity, Samples, Spread};
use super::server::Kind;

/// What is wanted of the pod, and what was reached.
#[derive(Debug, Serialize)]
pub(super) struct Target {
    pub(super) what: &'static str,
    pub(super) wanted: f64,
    pub(super) at_most: bool,
    #[serde(flatten)]
    pub(super) reached: Spread,
    pub(super) met: bool,
    #[serde(skip)]
    pub(super) decimals: usize,
}

/// How a target is told from the figures.
enum Reached {
    /// The pod's own figure, at most or at least.
    AtMost(Quantity),
    AtLeast(Quantity),
    /// How many times as much as the pod Node takes, at least.
    NodeAtLeast(Quantity),
    /// How many times as much as the echo the pod takes, at most.
    EchoAtMost(Quantity),
}

use Reached::{AtLeast, AtMost, EchoAtMost, NodeAtLeast};

/// What, by which figure, how much, and how many decimals of it are worth reading.
const WANTED: [(&str, Reached, f64, usize); 11] = [
    (
        "bytes of user memory per idle session",
        AtMost(Quantity::IdleMemory),
        3_072.0,
        0,
    ),
    (
        "bytes when the call is over",
        AtMost(Quantity::AfterMemory),
        5_120.0,
        0,
    ),
    (
        "events per CPU second, in terms of Node's",
        NodeAtLeast(Quantity::RelayCpu),
        4.5,
        2,
    ),
    (
        "CPU per event, in terms of the echo's",
        EchoAtMost(Quantity::RelayCpu),
        1.35,
        2,
    ),
    (
        "µs one way at 2,000 events/s, p99",
        AtMost(Quantity::LatencyP99),
        300.0,
        0,
    ),
    (
        "handshakes per second",
        AtLeast(Quantity::HandshakeRate),
        10_000.0,
        0,
    ),
    ("µs of CPU per match", AtMost(Quantity::MatchCpu), 30.0, 1),
    (
        "two: events per CPU second, in terms of Node's",
        NodeAtLeast(Quantity::CrossCpu),
        10.0,
        2,
    ),
    (
        "two: the same with Redis on both sides",
        NodeAtLeast(Quantity::CrossAllCpu),
        6.0,
        2,
    ),
    (
        "two: µs one way at 2,000 events/s, p99",
        AtMost(Quantity::CrossLatencyP99),
        2_000.0,
        0,
    ),
    (
        "two: µs of CPU per match between them",
        AtMost(Quantity::CrossMatchCpu),
        60.0,
        1,
    ),
];

/// The targets that the figures allow to judge.
pub(super) fn targets(samples: &Samples) -> Vec<Target> {
    let judged = WANTED
        .into_iter()
        .filter_map(|(what, reached, wanted, decimals)| {
            let (at_most, reached) = match reached {
                AtMost(quantity) => (true, samples.of(quantity, Kind::Pod)),
                AtLeast(quantity) => (false, samples.of(quantity, Kind::Pod)),
                NodeAtLeast(quantity) => (false, samples.ratio(quantity, Kind::Node, Kind::Pod)),
                EchoAtMost(quantity) => (true, samples.ratio(quantity, Kind::Pod, Kind::Echo)),
            };
            let reached = reached?;
            let met = match at_most {
                true => reached.median <= wanted,
                false => reached.median >= wanted,
            };
            Some(Target {
                what,
                wanted,
                at_most,
                reached,
                met,
                decimals,
            })
        });
    judged.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_judged_by_the_median() {
        let mut samples = Samples::default();
        for (pod, node) in [(1.0, 5.0), (1.0, 4.0), (2.0, 10.0)] {
            samples.add(Quantity::RelayCpu, Kind::Pod, pod);
            samples.add(Quantity::RelayCpu, Kind::Node, node);
        }
        let [target] = &targets(&samples)[..] else {
            panic!("one target can be judged")
        };
        assert!(target.met);
        assert_eq!(
            (target.reached.median, target.reached.min, target.reached.max),
            (5.0, 4.0, 5.0)
        );
    }
}

//! What was measured, as a table for people and as JSON for programs, and whether it is what is wanted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::options::Sizes;
use super::process::Cores;
use super::server::Kind;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Quantity {
    IdleMemory,
    CallMemory,
    AfterMemory,
    RelayCpu,
    RelayRate,
    LatencyMedian,
    LatencyP99,
    HandshakeRate,
    HandshakeCpu,
    MatchCpu,
}

impl Quantity {
    /// What it is, its unit, and how many decimals of it are worth reading.
    fn words(self) -> (&'static str, &'static str, usize) {
        match self {
            Self::IdleMemory => ("user memory per idle session", "bytes", 0),
            Self::CallMemory => ("the same in a call, its signals just sent", "bytes", 0),
            Self::AfterMemory => ("the same when the call is over", "bytes", 0),
            Self::RelayCpu => ("CPU per 100,000 events relayed", "s", 3),
            Self::RelayRate => ("events per second, as fast as they come", "1/s", 0),
            Self::LatencyMedian => ("one way at 2,000 events/s, p50", "µs", 0),
            Self::LatencyP99 => ("one way at 2,000 events/s, p99", "µs", 0),
            Self::HandshakeRate => ("handshakes per second", "1/s", 0),
            Self::HandshakeCpu => ("CPU per handshake", "µs", 1),
            Self::MatchCpu => ("CPU per match", "µs", 1),
        }
    }
}

/// The figures of all rounds.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<(Quantity, Kind), Vec<f64>>);

impl Samples {
    pub(super) fn add(&mut self, quantity: Quantity, kind: Kind, sample: f64) {
        self.0.entry((quantity, kind)).or_default().push(sample);
    }

    fn of(&self, quantity: Quantity, kind: Kind) -> Option<Spread> {
        Spread::of(self.0.get(&(quantity, kind))?)
    }

    /// One server's figure in terms of another's, round by round: what the machine did in a round befell both.
    fn ratio(&self, quantity: Quantity, of: Kind, to: Kind) -> Option<Spread> {
        let rounds = self
            .0
            .get(&(quantity, of))?
            .iter()
            .zip(self.0.get(&(quantity, to))?);
        Spread::of(&rounds.map(|(of, to)| of / to).collect::<Vec<_>>())
    }
}

/// The median of all rounds, and the extremes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        Some(Self {
            median: match sorted.len() % 2 {
                0 => sorted
                    .get(middle.wrapping_sub(1))
                    .zip(sorted.get(middle))
                    .map(|(low, high)| (low + high) / 2.0)?,
                _ => sorted[middle],
            },
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

/// What the bench found.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Machine,
    sizes: Sizes,
    measured: Vec<Measured>,
    targets: Vec<Target>,
}

#[derive(Debug, Serialize)]
struct Machine {
    cpu: String,
    kernel: String,
    cores: Cores,
}

#[derive(Debug, Serialize)]
struct Measured {
    quantity: Quantity,
    unit: &'static str,
    server: Kind,
    #[serde(flatten)]
    spread: Spread,
    samples: Vec<f64>,
}

/// What is wanted of the pod, and what was reached.
#[derive(Debug, Serialize)]
struct Target {
    what: &'static str,
    wanted: f64,
    at_most: bool,
    #[serde(flatten)]
    reached: Spread,
    met: bool,
    #[serde(skip)]
    decimals: usize,
}

impl Report {
    pub(super) fn new(samples: Samples, sizes: &Sizes, cores: Cores) -> Self {
        let targets = targets(&samples);
        let measured = samples.0.into_iter().filter_map(|((quantity, server), samples)| {
            Some(Measured {
                quantity,
                unit: quantity.words().1,
                server,
                spread: Spread::of(&samples)?,
                samples,
            })
        });
        Self {
            machine: Machine::this(cores),
            sizes: sizes.clone(),
            measured: measured.collect(),
            targets,
        }
    }

    /// The figures as tables: medians, with the extremes of all rounds behind them.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = String::new();
        self.write_table(&mut table)
            .expect("a String takes every character");
        table
    }

    fn write_table(&self, out: &mut String) -> std::fmt::Result {
        let Machine { cpu, kernel, cores } = &self.machine;
        writeln!(
            out,
            "\n{cpu}, Linux {kernel}; server on core {}, generator on core {}; medians of {} rounds (lowest–highest)\n",
            cores.server, cores.generator, self.sizes.rounds
        )?;
        writeln!(
            out,
            "{:<44} {:<5} {:>28} {:>28} {:>28}",
            "", "", "pod", "echo", "node"
        )?;
        let quantities: std::collections::BTreeSet<_> =
            self.measured.iter().map(|row| row.quantity).collect();
        for quantity in quantities {
            let (what, unit, decimals) = quantity.words();
            write!(out, "{what:<44} {unit:<5}")?;
            for kind in [Kind::Pod, Kind::Echo, Kind::Node] {
                let cell = self
                    .measured
                    .iter()
                    .find(|row| row.quantity == quantity && row.server == kind);
                let cell = cell.map_or("–".into(), |row| row.spread.text(decimals));
                write!(out, " {cell:>28}")?;
            }
            writeln!(out)?;
        }
        writeln!(out, "\n{:<44} {:>12} {:>28}", "the pod", "wanted", "reached")?;
        for target in &self.targets {
            let sign = if target.at_most { "≤" } else { "≥" };
            let wanted = format!("{sign} {:.*}", target.decimals, target.wanted);
            let reached = target.reached.text(target.decimals);
            let verdict = if target.met { "met" } else { "MISSED" };
            writeln!(out, "{:<44} {wanted:>12} {reached:>28}  {verdict}", target.what)?;
        }
        Ok(())
    }
}

impl Spread {
    fn text(&self, decimals: usize) -> String {
        let Self { median, min, max } = self;
        format!("{median:.decimals$} ({min:.decimals$}–{max:.decimals$})")
    }
}

/// The targets that the figures allow to judge.
fn targets(samples: &Samples) -> Vec<Target> {
    let pod = |quantity| samples.of(quantity, Kind::Pod);
    let judge = |what, reached: Option<Spread>, at_most, wanted: f64, decimals| {
        let reached = reached?;
        let met = if at_most {
            reached.median <= wanted
        } else {
            reached.median >= wanted
        };
        Some(Target {
            what,
            wanted,
            at_most,
            reached,
            met,
            decimals,
        })
    };
    let all = [
        judge(
            "bytes of user memory per idle session",
            pod(Quantity::IdleMemory),
            true,
            3_072.0,
            0,
        ),
        judge(
            "bytes when the call is over",
            pod(Quantity::AfterMemory),
            true,
            5_120.0,
            0,
        ),
        judge(
            "events per CPU second, in terms of Node's",
            samples.ratio(Quantity::RelayCpu, Kind::Node, Kind::Pod),
            false,
            4.5,
            2,
        ),
        judge(
            "CPU per event, in terms of the echo's",
            samples.ratio(Quantity::RelayCpu, Kind::Pod, Kind::Echo),
            true,
            1.35,
            2,
        ),
        judge(
            "µs one way at 2,000 events/s, p99",
            pod(Quantity::LatencyP99),
            true,
            300.0,
            0,
        ),
        judge(
            "handshakes per second",
            pod(Quantity::HandshakeRate),
            false,
            10_000.0,
            0,
        ),
        judge("µs of CPU per match", pod(Quantity::MatchCpu), true, 30.0, 1),
    ];
    all.into_iter().flatten().collect()
}

impl Machine {
    fn this(cores: Cores) -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let cpus = read("/proc/cpuinfo");
        let model = cpus
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            cpu: model.map_or("unknown CPU", |(_, name)| name).to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            cores,
        }
    }
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

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of(&[]), None);
    }
}

//! What was measured, as a table for people and as JSON for programs, and whether it is what is wanted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::options::Sizes;
use super::process::Cores;
use super::server::Kind;
use super::targets::{Target, targets};

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
    CrossCpu,
    CrossRedisCpu,
    CrossAllCpu,
    AloneCpu,
    FourCpu,
    EventCommands,
    CrossLatencyMedian,
    CrossLatencyP99,
    CrossMatchCpu,
    CrossMatchRedisCpu,
    MatchCommands,
    MatchExecuted,
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
            Self::CrossCpu => ("two: CPU per 100,000 events between them", "s", 3),
            Self::CrossRedisCpu => ("the same of their Redis", "s", 3),
            Self::CrossAllCpu => ("the same together", "s", 3),
            Self::AloneCpu => ("one with Redis: CPU per 100,000 events", "s", 3),
            Self::FourCpu => ("four: CPU per 100,000 events between them", "s", 3),
            Self::EventCommands => ("two: commands to Redis per event", "", 3),
            Self::CrossLatencyMedian => ("two: one way at 2,000 events/s, p50", "µs", 0),
            Self::CrossLatencyP99 => ("two: one way at 2,000 events/s, p99", "µs", 0),
            Self::CrossMatchCpu => ("two: CPU per match between them", "µs", 1),
            Self::CrossMatchRedisCpu => ("the same of their Redis", "µs", 1),
            Self::MatchCommands => ("two: commands to Redis per match", "", 1),
            Self::MatchExecuted => ("the same with those within scripts", "", 1),
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

    pub(super) fn of(&self, quantity: Quantity, kind: Kind) -> Option<Spread> {
        Spread::of(self.0.get(&(quantity, kind))?)
    }

    /// One server's figure in terms of another's, round by round: what the machine did in a round befell both.
    pub(super) fn ratio(&self, quantity: Quantity, of: Kind, to: Kind) -> Option<Spread> {
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
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
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
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of(&[]), None);
    }
}

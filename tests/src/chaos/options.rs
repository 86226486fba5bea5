//! What a run of chaos is asked to do.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use super::kind::{Kind, Topology};
use super::plan::Wish;
use super::timers::Timers;

/// Breaks a service of several pods in every way while people use it, and checks what each of them saw.
///
/// Exit status: 0 when every promise was kept, 1 when one was broken, 2 when there was nothing to break.
#[derive(Clone, Debug, Parser)]
#[command(name = "chaos", version)]
pub struct Options {
    /// What the faults are drawn from: the same seed gives the same plan [default: another one each time]
    #[arg(long)]
    pub seed: Option<u64>,
    /// The kind of Redis below the pods
    #[arg(long, value_enum, default_value = "standalone")]
    pub redis: Topology,
    /// How many pods there are
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub pods: u8,
    /// How many workers each pod has
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub workers: u8,
    /// How many people use the service
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(2..))]
    pub clients: u16,
    /// How many faults of each kind
    #[arg(long, default_value_t = 5)]
    pub faults_of_each: u16,
    /// Which kinds of faults, with commas between them [default: all that fit the kind of Redis]
    #[arg(long, value_delimiter = ',')]
    pub kinds: Vec<Kind>,
    /// The mean time from one fault to the next, in milliseconds
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(15..))]
    pub every: u64,
    /// Leave the pods the times that they have by themselves, instead of short ones
    #[arg(long)]
    pub default_timers: bool,
    /// How much pods log
    #[arg(long, default_value = "info")]
    pub log_level: String,
    /// Where pods' logs are kept when a promise was broken [default: a new folder among the temporary ones]
    #[arg(long)]
    pub logs: Option<PathBuf>,
}

impl Options {
    /// The times of the service.
    #[must_use]
    pub fn timers(&self) -> Timers {
        if self.default_timers {
            Timers::DEFAULT
        } else {
            Timers::SCALED
        }
    }

    /// The plan that is asked for.
    #[must_use]
    pub fn wish(&self) -> Wish {
        Wish {
            seed: self.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
            topology: self.redis,
            pods: self.pods.into(),
            each: self.faults_of_each.into(),
            kinds: if self.kinds.is_empty() {
                Kind::ALL.to_vec()
            } else {
                self.kinds.clone()
            },
            every: Duration::from_millis(self.every),
            timers: self.timers(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_all_kinds_on_one_redis() {
        let options = Options::try_parse_from(["chaos", "--seed", "7"]).unwrap();
        let wish = options.wish();
        assert_eq!(
            (wish.seed, wish.topology, wish.pods),
            (7, Topology::Standalone, 3)
        );
        assert_eq!(wish.kinds, Kind::ALL);
        assert_eq!(wish.timers, Timers::SCALED);
    }

    #[test]
    fn kinds_are_asked_for_by_name() {
        let arguments = ["chaos", "--kinds", "pod-killed,half-closed", "--default-timers"];
        let wish = Options::try_parse_from(arguments).unwrap().wish();
        assert_eq!(wish.kinds, [Kind::PodKilled, Kind::HalfClosed]);
        assert_eq!(wish.timers, Timers::DEFAULT);
        assert!(Options::try_parse_from(["chaos", "--kinds", "pod-eaten"]).is_err());
    }
}

//! Which faults there are, and when: drawn from a seed, so that the same seed gives the same plan.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use super::kind::{Kind, Part, Topology};
use super::timers::Timers;

/// How long Redis is left alone after a failover: a Sentinel does not begin the next one before.
const FAILOVER_REST: Duration = Duration::from_secs(6);

/// What a plan is drawn for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Of the drawing.
    pub seed: u64,
    /// The Redis below.
    pub topology: Topology,
    /// How many pods there are.
    pub pods: usize,
    /// How many faults of each kind.
    pub each: usize,
    /// Which kinds; those that do not fit the topology are left out.
    pub kinds: Vec<Kind>,
    /// The mean time from one fault to the next.
    pub every: Duration,
    /// The times of the service.
    pub timers: Timers,
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// Which pod, or which shard, it happens to, where it is about one.
    pub target: usize,
    /// When, from the beginning of the plan.
    pub at: Duration,
    /// How long it lasts; how old the copy is from which Redis is restored.
    pub lasts: Duration,
    /// How many of a hundred connections it hits, or by how many milliseconds it delays.
    pub degree: u32,
}

/// All faults, in order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// The faults.
    pub faults: Vec<Fault>,
}

impl Plan {
    /// Draws a plan.
    #[must_use]
    pub fn draw(wish: &Wish) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(wish.seed);
        let fitting = wish.kinds.iter().filter(|kind| kind.fits(wish.topology));
        let mut kinds: Vec<Kind> = fitting
            .flat_map(|kind| std::iter::repeat_n(*kind, wish.each))
            .collect();
        kinds.shuffle(&mut rng);
        let mut busy: HashMap<Part, Duration> = HashMap::new();
        let mut now = Duration::ZERO;
        let mut faults: Vec<Fault> = Vec::with_capacity(kinds.len());
        for kind in kinds {
            let fault = Fault {
                kind,
                target: rng.random_range(0..wish.pods),
                at: now,
                lasts: millis(&mut rng, kind.lasts(&wish.timers)),
                degree: rng.random_range(kind.degree()),
            };
            let free = busy.entry(kind.part(fault.target)).or_default();
            let at = fault.at.max(*free);
            *free = at + fault.lasts + kind.rest();
            faults.push(Fault { at, ..fault });
            now += millis(&mut rng, wish.every / 15..wish.every * 29 / 15);
        }
        faults.sort_by_key(|fault| fault.at);
        Self {
            seed: wish.seed,
            faults,
        }
    }

    /// How long the longest fault lasts.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let lasting = self.faults.iter().map(|fault| fault.lasts);
        lasting.max().unwrap_or_default()
    }
}

impl Kind {
    /// How long it may last. A pod that is stopped wakes after the others count it as lost; one that is paused, before
    /// its lease is over.
    fn lasts(self, timers: &Timers) -> Range<Duration> {
        let ms = Duration::from_millis;
        let (lease, lost) = (timers.lease, timers.lost());
        match self {
            Self::PodKilled => ms(100)..ms(3_000),
            Self::PodPaused => lease / 10..lease * 3 / 4,
            Self::PodStopped => lost + ms(500)..lost * 2,
            Self::RedisUnreachable => ms(500)..lost * 2,
            Self::PodUnreachable => ms(500)..ms(6_000),
            Self::RedisDelayed | Self::PodDelayed => ms(1_000)..ms(5_000),
            Self::RedisEmptied | Self::RedisRestarted => ms(100)..ms(4_000),
            Self::RedisRestored => ms(1_000)..ms(10_000),
            Self::MasterKilled => ms(1_000)..ms(5_000),
            Self::PodDrained
            | Self::RedisFlushed
            | Self::ClientsDropped
            | Self::HalfClosed
            | Self::FailedOver => Duration::ZERO..ms(1),
        }
    }

    /// How much of it there may be.
    fn degree(self) -> Range<u32> {
        match self {
            Self::RedisDelayed => 20..300,
            Self::PodDelayed => 20..400,
            Self::ClientsDropped => 10..70,
            Self::HalfClosed => 5..40,
            _ => 0..1,
        }
    }

    /// How long what it broke is left alone afterwards.
    fn rest(self) -> Duration {
        match self {
            Self::MasterKilled | Self::FailedOver => FAILOVER_REST,
            // The replacement is there, and the old one is gone.
            Self::PodDrained => Duration::from_secs(3),
            _ => Duration::from_millis(500),
        }
    }
}

/// A time between two, in whole milliseconds.
fn millis(rng: &mut ChaCha12Rng, range: Range<Duration>) -> Duration {
    let whole = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (from, until) = (whole(range.start), whole(range.end));
    Duration::from_millis(rng.random_range(from..until.max(from + 1)))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.3} s  {:<18}", self.at.as_secs_f64(), self.kind)?;
        match self.kind.part(self.target) {
            Part::Pod(pod) | Part::RedisLink(pod) | Part::ClientLink(pod) => write!(f, " pod-{pod}")?,
            Part::Redis if matches!(self.kind, Kind::MasterKilled | Kind::FailedOver) => {
                write!(f, " shard {}", self.target)?;
            }
            Part::Redis | Part::Clients => {}
        }
        match self.kind {
            Kind::RedisDelayed | Kind::PodDelayed => write!(f, " by {} ms", self.degree)?,
            Kind::ClientsDropped | Kind::HalfClosed => return write!(f, " {} %", self.degree),
            Kind::RedisRestored => return write!(f, " from a copy {:?} old", self.lasts),
            Kind::PodDrained | Kind::RedisFlushed | Kind::FailedOver => return Ok(()),
            _ => {}
        }
        write!(f, " for {:?}", self.lasts)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} faults of seed {}:", self.faults.len(), self.seed)?;
        self.faults.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(seed: u64) -> Wish {
        Wish {
            seed,
            topology: Topology::Standalone,
            pods: 3,
            each: 20,
            kinds: Kind::ALL.to_vec(),
            every: Duration::from_secs(3),
            timers: Timers::SCALED,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_one_another() {
        assert_eq!(Plan::draw(&wish(1)), Plan::draw(&wish(1)));
        assert_ne!(Plan::draw(&wish(1)).faults, Plan::draw(&wish(2)).faults);
    }

    #[test]
    fn there_are_as_many_of_each_kind_as_asked_for_where_they_fit() {
        for topology in [Topology::Standalone, Topology::Sentinel, Topology::Cluster] {
            let plan = Plan::draw(&Wish { topology, ..wish(3) });
            for kind in Kind::ALL {
                let count = plan.faults.iter().filter(|fault| fault.kind == kind).count();
                assert_eq!(
                    count,
                    if kind.fits(topology) { 20 } else { 0 },
                    "{kind} on {topology:?}"
                );
            }
        }
    }

    #[test]
    fn faults_overlap_and_come_three_seconds_apart_on_average() {
        let Plan { faults, .. } = Plan::draw(&wish(4));
        let last = faults.last().unwrap().at.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        let mean = last / (faults.len() - 1) as f64;
        assert!((2.5..3.5).contains(&mean), "{mean}");
        let overlapping = faults
            .windows(2)
            .filter(|two| two[0].at + two[0].lasts > two[1].at);
        assert!(overlapping.count() > faults.len() / 6);
    }

    #[test]
    fn what_is_broken_is_not_broken_again_before_it_is_whole() {
        for seed in 0..50 {
            let Plan { faults, .. } = Plan::draw(&wish(seed));
            for (number, fault) in faults.iter().enumerate() {
                let part = fault.kind.part(fault.target);
                let mut others = faults[number + 1..].iter();
                if let Some(next) = others.find(|other| other.kind.part(other.target) == part) {
                    assert!(fault.at + fault.lasts < next.at, "{fault} and {next}");
                }
            }
        }
    }

    #[test]
    fn a_stopped_pod_is_lost_to_the_others_and_a_paused_one_is_not() {
        for timers in [Timers::SCALED, Timers::DEFAULT] {
            let Plan { faults, .. } = Plan::draw(&Wish { timers, ..wish(5) });
            for fault in faults {
                match fault.kind {
                    Kind::PodPaused => assert!(fault.lasts < timers.lease),
                    Kind::PodStopped => assert!(fault.lasts > timers.lost()),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_kind_has_a_name_by_which_it_is_found() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("pod-eaten".parse::<Kind>().unwrap_err().contains("pod-killed"));
    }
}

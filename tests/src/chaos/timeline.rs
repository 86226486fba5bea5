//! When faults began and ended, and when the service worked for everybody again.

use std::collections::BTreeMap;
use std::time::Duration;

use signaling_core::time::Millis;

use super::kind::Kind;
use super::plan::Fault;

/// All faults so far. Times are microseconds on the people's clock.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) fault: Fault,
    began: u64,
    ended: Option<u64>,
    recovered: Option<u64>,
}

/// What came of the faults of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recovery {
    pub(super) faults: usize,
    /// How long it took from the end of a fault until the service worked for everybody, in order.
    pub(super) times: Vec<Duration>,
}

impl Timeline {
    /// A fault begins; answers its number.
    pub(super) fn begin(&mut self, fault: Fault, now: u64) -> usize {
        self.entries.push(Entry {
            fault,
            began: now,
            ended: None,
            recovered: None,
        });
        self.entries.len() - 1
    }

    pub(super) fn end(&mut self, number: usize, now: u64) {
        self.entries[number].ended = Some(now);
    }

    /// What everybody said at `works_since` has been answered by `now`: what had ended before is overcome.
    pub(super) fn observe(&mut self, works_since: u64, now: u64) {
        for entry in &mut self.entries {
            if entry.recovered.is_none() && entry.ended.is_some_and(|ended| ended <= works_since) {
                entry.recovered = Some(now);
            }
        }
    }

    /// The moments at which something was broken, in order: what lasts counts twice a second until its end.
    pub(super) fn moments(&self, now: u64) -> Vec<Millis> {
        let mut moments = Vec::new();
        for entry in &self.entries {
            let until = entry.ended.unwrap_or(now);
            let mut at = entry.began;
            while at < until {
                moments.push(Millis(at / 1_000));
                at += 500_000;
            }
            moments.push(Millis(until / 1_000));
        }
        moments.sort_unstable();
        moments
    }

    /// How long the longest fault has lasted.
    pub(super) fn longest(&self, now: u64) -> Duration {
        let lasted = self
            .entries
            .iter()
            .map(|entry| entry.ended.unwrap_or(now) - entry.began);
        Duration::from_micros(lasted.max().unwrap_or_default())
    }

    /// How many faults have not ended, or are not overcome.
    pub(super) fn open(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.recovered.is_none())
            .count()
    }

    /// The faults that were not over before this moment and had begun by that one, a line each.
    pub(super) fn between(&self, from: Millis, until: Millis) -> String {
        let millis = |micros: u64| Millis(micros / 1_000);
        let near = |entry: &&Entry| {
            entry.ended.is_none_or(|ended| millis(ended) >= from) && millis(entry.began) <= until
        };
        let line = |entry: &Entry| {
            let ended = entry
                .ended
                .map_or("…".to_owned(), |ended| millis(ended).to_string());
            format!("    {} to {ended}: {}\n", millis(entry.began), entry.fault)
        };
        self.entries.iter().filter(near).map(line).collect()
    }

    /// What came of each kind.
    pub(super) fn recoveries(&self) -> BTreeMap<Kind, Recovery> {
        let mut kinds: BTreeMap<Kind, Recovery> = BTreeMap::new();
        for entry in &self.entries {
            let recovery = kinds.entry(entry.fault.kind).or_default();
            recovery.faults += 1;
            if let (Some(ended), Some(recovered)) = (entry.ended, entry.recovered) {
                recovery.times.push(Duration::from_micros(recovered - ended));
            }
        }
        kinds
            .values_mut()
            .for_each(|recovery| recovery.times.sort_unstable());
        kinds
    }
}

impl Recovery {
    pub(super) fn median(&self) -> Option<Duration> {
        self.times.get(self.times.len() / 2).copied()
    }

    pub(super) fn longest(&self) -> Option<Duration> {
        self.times.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: Kind) -> Fault {
        Fault {
            kind,
            target: 0,
            at: Duration::ZERO,
            lasts: Duration::ZERO,
            degree: 0,
        }
    }

    #[test]
    fn a_fault_is_overcome_when_what_was_said_after_its_end_is_answered() {
        let mut timeline = Timeline::default();
        let one = timeline.begin(fault(Kind::PodKilled), 1_000_000);
        timeline.observe(5_000_000, 5_000_001);
        assert_eq!(timeline.open(), 1, "it has not ended");
        timeline.end(one, 6_000_000);
        timeline.observe(5_900_000, 6_500_000);
        assert_eq!(timeline.open(), 1, "that was said before its end");
        timeline.observe(6_100_000, 7_000_000);
        assert_eq!(timeline.open(), 0);
        let recoveries = timeline.recoveries();
        assert_eq!(
            recoveries[&Kind::PodKilled].median(),
            Some(Duration::from_secs(1))
        );
    }

    #[test]
    fn what_lasts_is_a_fault_at_all_times_until_its_end() {
        let mut timeline = Timeline::default();
        let one = timeline.begin(fault(Kind::PodStopped), 1_000_000);
        timeline.end(one, 2_200_000);
        timeline.begin(fault(Kind::RedisFlushed), 1_700_000);
        let moments: Vec<u64> = timeline.moments(1_800_000).iter().map(|at| at.0).collect();
        assert_eq!(moments, [1_000, 1_500, 1_700, 1_800, 2_000, 2_200]);
    }
}

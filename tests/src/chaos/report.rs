//! What a run came to, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use signaling_core::history::{Law, Report};

use super::kind::Kind;
use super::timeline::Recovery;
use crate::load_test::tally::Tally;

/// Every law, in the order of the table.
const LAWS: [Law; 8] = [
    Law::Doubled,
    Law::Ghost,
    Law::Stranded,
    Law::Crossed,
    Law::Lost,
    Law::Reordered,
    Law::Duplicated,
    Law::Unanswered,
];

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// Of the plan.
    pub seed: u64,
    /// How long it took.
    pub took: Duration,
    /// What everybody saw, judged.
    pub history: Report,
    /// What else was wrong, in words.
    pub defects: Vec<String>,
    pub(super) tally: Tally,
    pub(super) recoveries: BTreeMap<Kind, Recovery>,
}

impl Outcome {
    /// Every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.history.is_clean() && self.defects.is_empty()
    }

    /// How many faults there were of this kind.
    #[must_use]
    pub fn faults(&self, kind: Kind) -> usize {
        self.recoveries.get(&kind).map_or(0, |recovery| recovery.faults)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20}{:>8}{:>14}{:>14}",
            "faults", "count", "recovery p50", "max"
        )?;
        for (kind, recovery) in &self.recoveries {
            let seconds = |time: Option<Duration>| {
                time.map_or("-".into(), |time| format!("{:.2} s", time.as_secs_f64()))
            };
            let (median, longest) = (seconds(recovery.median()), seconds(recovery.longest()));
            writeln!(f, "{kind:<20}{:>8}{median:>14}{longest:>14}", recovery.faults)?;
        }
        let Report {
            persons,
            matches,
            sent,
            acknowledged,
            received,
            ..
        } = &self.history;
        let Tally {
            connects,
            resumed,
            drained,
            calls,
            ..
        } = &self.tally;
        writeln!(
            f,
            "\n{persons} people in {:.0} s: {matches} matches, {calls} calls set up; signals {sent} sent, {acknowledged} \
             acknowledged, {received} received\n{connects} connections, {resumed} resumes, {drained} closed by a drain",
            self.took.as_secs_f64()
        )?;
        for (kind, fault) in &self.tally.faults {
            writeln!(f, "{:>8}  {kind} (the first: {:.160})", fault.count, fault.first)?;
        }
        let laws = LAWS.map(|law| format!("{} {}", self.history.count(law), law.name()));
        writeln!(f, "\nviolations: {}", laws.join(", "))?;
        for defect in &self.defects {
            writeln!(f, "DEFECT: {defect}")?;
        }
        if self.is_clean() {
            write!(f, "every promise was kept (seed {})", self.seed)
        } else {
            write!(f, "BROKEN with seed {}: {}", self.seed, self.history)
        }
    }
}

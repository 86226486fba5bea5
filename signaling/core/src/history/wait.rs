//! People who waited past each other.

use std::time::Duration;

use super::Rules;
use super::person::{Stay, Wait};
use super::report::{Law, Report};
use crate::time::Millis;

/// Looks for compatible people who were in the queue together, without a fault, for longer than they should have been.
pub(super) fn judge(mut waits: Vec<Wait>, mut partners: Partners, rules: &Rules<'_>, report: &mut Report) {
    keep_long(&mut waits, rules);
    waits.sort_by_key(|wait| (wait.from, wait.person));
    partners.sort();
    let mut open: Vec<(Wait, bool)> = Vec::new();
    for wait in waits {
        open.retain(|(earlier, _)| earlier.until > wait.from);
        let mut reported = false;
        for (earlier, told) in &mut open {
            if reported || *told || earlier.person == wait.person {
                continue;
            }
            let after = (rules.compatible)(earlier.person, wait.person).map(|after| {
                if partners.recent(earlier.person, wait.person, wait.from, rules.recent_partners) {
                    after.max(rules.recent_after)
                } else {
                    after
                }
            });
            let until = earlier.until.min(wait.until);
            if after.is_some_and(|after| quiet(wait.from, after, until, rules)) {
                report.breach(Law::Stranded, wait.from, wait.person, None, || {
                    format!(
                        "waited for {} ms beside person {}, who would have done",
                        until.since(wait.from).as_millis(),
                        earlier.person
                    )
                });
                (reported, *told) = (true, true);
            }
        }
        open.push((wait, reported));
    }
}

/// Only who waited long can have been stranded; in a healthy service these are few.
pub(super) fn keep_long(waits: &mut Vec<Wait>, rules: &Rules<'_>) {
    waits.retain(|wait| wait.until.since(wait.from) >= rules.patience);
}

/// Between `from + after` and `until` lies a time without a fault that is longer than anybody's patience.
fn quiet(from: Millis, after: Duration, until: Millis, rules: &Rules<'_>) -> bool {
    let mut start = from + after;
    let first = rules.faults.partition_point(|fault| *fault < start);
    let faults = rules.faults[first..].iter().take_while(|fault| **fault < until);
    for fault in faults.chain([&until]) {
        if fault.since(start) >= rules.patience {
            return true;
        }
        start = start.max(*fault);
    }
    false
}

/// Who was matched with whom, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Partners {
    /// Each person's partners, with the moment; in order once they are sorted. One who never saw the match may be anybody.
    by_person: Vec<Vec<(Millis, Option<usize>)>>,
}

impl Partners {
    /// Remembers the two sides of a match.
    pub(super) fn met(&mut self, one: &Stay, other: &Stay) {
        self.note(one, Some(other.person));
        self.note(other, Some(one.person));
    }

    /// Remembers a match that only one side has seen.
    pub(super) fn met_somebody(&mut self, one: &Stay) {
        self.note(one, None);
    }

    fn note(&mut self, one: &Stay, partner: Option<usize>) {
        if self.by_person.len() <= one.person {
            self.by_person.resize_with(one.person + 1, Vec::new);
        }
        self.by_person[one.person].push((one.from, partner));
    }

    fn sort(&mut self) {
        self.by_person
            .iter_mut()
            .for_each(|partners| partners.sort_unstable());
    }

    /// One of the two is among the last partners of the other.
    fn recent(&self, one: usize, other: usize, now: Millis, count: usize) -> bool {
        self.knows(one, other, now, count) || self.knows(other, one, now, count)
    }

    fn knows(&self, person: usize, partner: usize, now: Millis, count: usize) -> bool {
        let Some(partners) = self.by_person.get(person) else {
            return false;
        };
        let before = partners.partition_point(|(at, _)| *at <= now);
        partners[..before]
            .iter()
            .rev()
            .take(count)
            .any(|(_, known)| known.is_none_or(|known| known == partner))
    }
}

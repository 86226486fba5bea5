//! Histories that are judged while they go on.

use super::person::{Revival, Stay, Trail, Walker};
use super::report::Law;
use super::wait::{self, Partners};
use super::{Report, Rules, Seen, pair};
use crate::id::MatchId;
use crate::time::Millis;

/// What many people saw, without keeping all of it: [`Self::settle`] judges the matches that are over and forgets what was
/// said in them. What stays is a few bytes for each match, and long waits.
#[derive(Clone, Debug)]
pub struct Ledger {
    people: Vec<Walker>,
    pub(super) trail: Trail,
    partners: Partners,
    last: Millis,
}

impl Ledger {
    /// Nothing seen yet by this many people.
    #[must_use]
    pub fn new(people: usize) -> Self {
        Self {
            people: (0..people).map(Walker::new).collect(),
            trail: Trail::default(),
            partners: Partners::default(),
            last: Millis::default(),
        }
    }

    /// Takes what a person saw. Each person's observations come in order; all share one clock.
    ///
    /// # Panics
    /// There is no such person.
    pub fn see(&mut self, person: usize, at: Millis, seen: Seen) {
        self.last = self.last.max(at);
        self.people[person].see(at, &seen, &mut self.trail);
    }

    /// The server has acknowledged with `ok` what this person sent in this match; see [`Seen::Sent`].
    ///
    /// # Panics
    /// There is no such person.
    pub fn acknowledge(&mut self, person: usize, match_id: MatchId, body: u64) {
        let mut found = self.people[person].acknowledge(match_id, body);
        if !found && let Some(sides) = self.trail.over.get_mut(&match_id) {
            let mut own = sides.iter_mut().filter(|stay| stay.person == person);
            found = own.any(|stay| stay.acknowledge(body));
        }
        self.trail.report.acknowledged += usize::from(found);
    }

    /// Judges the matches that all who had them had left before this moment, and forgets them. It must be far enough in
    /// the past that nobody can still be told of those matches.
    pub fn settle(&mut self, before: Millis, rules: &Rules<'_>) {
        let left = |stay: &Stay| stay.end.is_some_and(|(at, _)| at < before);
        let in_it: std::collections::HashSet<MatchId> =
            self.people.iter().filter_map(Walker::in_match).collect();
        let settled =
            |match_id: &MatchId, sides: &mut Vec<Stay>| !in_it.contains(match_id) && sides.iter().all(left);
        let over: Vec<(MatchId, Vec<Stay>)> = self.trail.over.extract_if(settled).collect();
        for (_, sides) in over {
            self.judge(sides, rules);
        }
        wait::keep_long(&mut self.trail.waits, rules);
    }

    /// What has been judged so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.trail.report
    }

    /// Judges all that is left. The last moment is that of the last observation.
    #[must_use]
    pub fn finish(mut self, rules: &Rules<'_>) -> Report {
        for walker in std::mem::take(&mut self.people) {
            if let Some(stay) = walker.finish(self.last, rules, &mut self.trail) {
                self.trail.over.entry(stay.match_id).or_default().push(stay);
            }
            self.trail.report.persons += 1;
        }
        for revival in std::mem::take(&mut self.trail.revivals) {
            judge_revival(&revival, rules, &mut self.trail.report);
        }
        let mut rest: Vec<_> = std::mem::take(&mut self.trail.over).into_iter().collect();
        rest.sort_unstable_by_key(|(match_id, _)| *match_id);
        for (_, sides) in rest {
            self.judge(sides, rules);
        }
        let Trail {
            waits, mut report, ..
        } = self.trail;
        wait::judge(waits, self.partners, rules, &mut report);
        report
    }

    fn judge(&mut self, mut sides: Vec<Stay>, rules: &Rules<'_>) {
        sides.sort_by_key(|stay| stay.person);
        pair::judge(&sides, self.last, rules, &mut self.trail.report);
        match &*sides {
            [one, other] => self.partners.met(one, other),
            [one] => self.partners.met_somebody(one),
            _ => {}
        }
    }
}

/// Only a fault excuses that what somebody did is undone.
fn judge_revival(revival: &Revival, rules: &Rules<'_>, report: &mut Report) {
    let Revival {
        person,
        match_id,
        left,
        at,
    } = *revival;
    if !rules.fault_between(left - rules.lost_within, at) {
        report.breach(Law::Crossed, at, person, Some(match_id), || {
            format!("in the match again that was left at {left}")
        });
    }
}

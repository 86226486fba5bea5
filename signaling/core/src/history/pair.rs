//! The two sides of each match, side by side.

use std::collections::HashMap;
use std::time::Duration;

use super::person::{End, Stay};
use super::report::{Law, Report};
use super::{Kind, Rules};
use crate::time::Millis;

/// Judges one match by what its sides saw. `end` is the last moment of all histories.
pub(super) fn judge(sides: &[Stay], end: Millis, rules: &Rules<'_>, report: &mut Report) {
    report.matches += 1;
    match sides {
        [one] => alone(one, end, rules, report),
        [one, other] if one.person == other.person => with_oneself(one, other, report),
        [one, other] => pair(one, other, end, rules, report),
        _ => crowd(sides, report),
    }
}

fn with_oneself(one: &Stay, other: &Stay, report: &mut Report) {
    report.breach(Law::Doubled, other.from, one.person, Some(one.match_id), || {
        if one.peer_id == other.peer_id {
            "match_found came again after the match was over".into()
        } else {
            "matched with oneself".into()
        }
    });
}

fn crowd(sides: &[Stay], report: &mut Report) {
    let Some(last) = sides.last() else {
        return;
    };
    report.breach(Law::Doubled, last.from, last.person, Some(last.match_id), || {
        let persons: Vec<String> = sides.iter().map(|stay| stay.person.to_string()).collect();
        format!(
            "match_found came {} times, to {}",
            sides.len(),
            persons.join(", ")
        )
    });
}

/// Nobody else got this match.
fn alone(stay: &Stay, end: Millis, rules: &Rules<'_>, report: &mut Report) {
    let bound = if stay.partner_away {
        rules.lost_within
    } else {
        rules.unmet_within
    };
    let from = stay.back_at.unwrap_or(stay.from);
    let stayed = stay.until(end).since(from);
    if stayed > bound {
        report.breach(Law::Ghost, stay.from, stay.person, Some(stay.match_id), || {
            format!(
                "nobody else got the match, and for {} ms nobody said so",
                stayed.as_millis()
            )
        });
    }
}

fn pair(one: &Stay, other: &Stay, end: Millis, rules: &Rules<'_>, report: &mut Report) {
    if one.initiator == other.initiator {
        report.breach(
            Law::Doubled,
            one.from.max(other.from),
            one.person,
            Some(one.match_id),
            || {
                let who = if one.initiator { "both are" } else { "neither is" };
                format!("{who} initiator, this person and person {}", other.person)
            },
        );
    }
    for (side, partner) in [(one, other), (other, one)] {
        abandoned(side, partner, end, rules, report);
        let index = Index::new(partner);
        order(side, partner, &index, report);
        lost(side, partner, end, rules, report);
    }
}

/// The partner's part is over, and this side was not told.
fn abandoned(side: &Stay, partner: &Stay, end: Millis, rules: &Rules<'_>, report: &mut Report) {
    let (over, bound) = match (partner.end, partner.away_since) {
        (Some((at, End::Gone)), _) | (None, Some(at)) => (at, rules.lost_within),
        (Some((at, _)), _) => (at, rules.told_within),
        (None, None) => return,
    };
    let over = over.max(side.from).max(side.back_at.unwrap_or_default());
    let stayed = side.until(end).since(over);
    if stayed > bound {
        report.breach(Law::Ghost, over, side.person, Some(side.match_id), || {
            format!(
                "the partner, person {}, was gone for {} ms, and nobody said so",
                partner.person,
                stayed.as_millis()
            )
        });
    }
}

/// What one side sent, by its content.
struct Index(HashMap<u64, usize>);

impl Index {
    fn new(sender: &Stay) -> Self {
        Self(
            sender
                .sent
                .iter()
                .enumerate()
                .map(|(place, sent)| (sent.body, place))
                .collect(),
        )
    }
}

/// What came to `side` came in order, once, and from `partner`.
///
/// A candidate may come behind a description that was sent after it: the server holds it until that description comes.
fn order(side: &Stay, partner: &Stay, index: &Index, report: &mut Report) {
    let mut breach = |law: Law, at: Millis, what: &dyn Fn() -> String| {
        report.breach(law, at, side.person, Some(side.match_id), what);
    };
    let mut seq = 0;
    let mut furthest = None;
    let mut furthest_description = None;
    let mut came = vec![false; partner.sent.len()];
    for received in &side.received {
        if received.seq <= seq {
            breach(Law::Duplicated, received.at, &|| {
                format!("number {} came after number {seq}", received.seq)
            });
        } else if received.seq != seq + 1 && !received.after_gap {
            breach(Law::Reordered, received.at, &|| {
                format!("number {} came after number {seq}", received.seq)
            });
        }
        seq = seq.max(received.seq);
        let Some(&place) = index.0.get(&received.body) else {
            breach(Law::Crossed, received.at, &|| {
                format!("number {} is nothing that the partner sent", received.seq)
            });
            continue;
        };
        if std::mem::replace(&mut came[place], true) {
            breach(Law::Duplicated, received.at, &|| {
                format!("number {} had come before, by its content", received.seq)
            });
        }
        let kind = partner.sent[place].kind;
        let held = kind == Kind::Candidate && furthest_description > Some(place);
        if furthest > Some(place) && !held {
            breach(Law::Reordered, received.at, &|| {
                format!(
                    "number {} ({kind:?}) was overtaken by what was sent later",
                    received.seq
                )
            });
        }
        furthest = furthest.max(Some(place));
        if matches!(kind, Kind::Offer | Kind::Answer) {
            furthest_description = furthest_description.max(Some(place));
        }
    }
}

/// What `partner` sent and the server acknowledged has come to `side`, or both know why not.
fn lost(side: &Stay, partner: &Stay, end: Millis, rules: &Rules<'_>, report: &mut Report) {
    let Some(due) = due(side, partner, end, rules) else {
        return;
    };
    let renegotiated = side.renegotiated.max(partner.renegotiated);
    let came: std::collections::HashSet<u64> = side.received.iter().map(|received| received.body).collect();
    for sent in &partner.sent {
        let excused = renegotiated.is_some_and(|at| at >= sent.at);
        if sent.acknowledged && sent.at < due && !excused && !came.contains(&sent.body) {
            report.breach(Law::Lost, sent.at, side.person, Some(side.match_id), || {
                format!(
                    "{:?} of person {} was acknowledged and never came",
                    sent.kind, partner.person
                )
            });
        }
    }
}

/// What `partner` sent before then must have come to `side`; none if the way that it ended excuses everything.
fn due(side: &Stay, partner: &Stay, end: Millis, rules: &Rules<'_>) -> Option<Millis> {
    if side.is_live() && partner.is_live() {
        return Some(end - rules.delivered_within);
    }
    match (side.end, partner.end) {
        // What was sent before leaving comes before the end that the other is told.
        (Some((told, End::Told)), Some((left, End::Left))) if undisturbed(side, partner, told, rules) => {
            Some(left + Duration::from_millis(1))
        }
        // What was sent last may cross the leaving on its way.
        (Some((left, End::Left)), Some((told, End::Told))) if undisturbed(side, partner, told, rules) => {
            Some(left - rules.delivered_within)
        }
        _ => None,
    }
}

/// Both were there, and in one place, from the beginning to the end, and nothing was broken meanwhile.
fn undisturbed(side: &Stay, partner: &Stay, told: Millis, rules: &Rules<'_>) -> bool {
    let settled = |stay: &Stay| {
        let moving = |at: Millis| told.since(at) <= rules.delivered_within;
        stay.away_since.is_none() && stay.back_at.is_none() && !stay.upgraded_at.is_some_and(moving)
    };
    settled(side) && settled(partner) && !rules.fault_between(side.from.min(partner.from), told)
}

impl Stay {
    /// Until when this person was there, in this match, to be told something.
    fn until(&self, end: Millis) -> Millis {
        let over = self.end.map_or(end, |(at, _)| at);
        self.away_since.map_or(over, |away| away.min(over))
    }

    fn is_live(&self) -> bool {
        self.end.is_none() && self.away_since.is_none()
    }
}

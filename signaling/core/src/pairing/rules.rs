//! Who may be paired with whom.

use std::time::Duration;

use super::{Criteria, Ticket};
use crate::time::Millis;

/// After how long a wait which demand is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widening;

impl Widening {
    /// From then on no interest has to be common.
    pub const INTERESTS: Duration = Duration::from_secs(5);
    /// From then on any region will do.
    pub const REGION: Duration = Duration::from_secs(10);
    /// From then on any language will do.
    pub const LANGUAGE: Duration = Duration::from_secs(15);
    /// From then on a recent partner will do.
    pub const RECENT: Duration = Duration::from_secs(15);
}

/// When the next demand of someone who waits since `since` is dropped: first that for a partner of the same pod.
#[must_use]
pub fn widens_after(since: Millis, anywhere_from: Millis, now: Millis) -> Option<Millis> {
    let demands = [Widening::INTERESTS, Widening::REGION, Widening::LANGUAGE];
    [anywhere_from]
        .into_iter()
        .chain(demands.map(|wait| since + wait))
        .find(|at| *at > now)
}

/// Whether two tickets may be paired: both accept the other, each by its own waiting time.
#[must_use]
pub fn compatible(one: &Ticket, other: &Ticket, now: Millis) -> bool {
    wishes_agree(
        (&one.criteria, now.since(one.since)),
        (&other.criteria, now.since(other.since)),
    ) && near_enough(one, other, now)
        && people_agree(one, other, now)
}

/// Whether two tickets are of one pod, or one of them has waited for that for as long as is worth it. Whoever has
/// waited longer than that is served in turn.
pub(super) fn near_enough(one: &Ticket, other: &Ticket, now: Millis) -> bool {
    one.worker.pod() == other.worker.pod() || one.anywhere_from <= now || other.anywhere_from <= now
}

/// Whether two wishes agree after these waits: a demand is dropped once both have waited for long enough.
pub(super) fn wishes_agree(
    (one, waited): (&Criteria, Duration),
    (other, other_waited): (&Criteria, Duration),
) -> bool {
    let least = waited.min(other_waited);
    let dropped = |after| least >= after;
    same(one.mode, other.mode)
        && (dropped(Widening::LANGUAGE) || same(one.language.as_deref(), other.language.as_deref()))
        && (dropped(Widening::REGION) || same(one.region.as_deref(), other.region.as_deref()))
        && (dropped(Widening::INTERESTS)
            || one.interests.is_empty()
            || other.interests.is_empty()
            || one.common(other).next().is_some())
}

fn same<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// Whether two people may meet, whatever they wish: not oneself, nobody blocked, no recent partner too soon.
pub(super) fn people_agree(one: &Ticket, other: &Ticket, now: Millis) -> bool {
    let too_soon = |ticket: &Ticket, partner: &Ticket| {
        now.since(ticket.since) < Widening::RECENT && ticket.recent.contains(&partner.person)
    };
    one.session != other.session
        && one.person != other.person
        && !one.blocked.contains(&other.person)
        && !other.blocked.contains(&one.person)
        && !too_soon(one, other)
        && !too_soon(other, one)
}

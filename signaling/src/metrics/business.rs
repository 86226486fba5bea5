//! The figures that whoever runs the service looks at first, from the same instruments.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::Histogram;
use serde::Serialize;

use super::{
    CandidateType, IceState, Label as _, Metrics, Placement, ResumeOutcome, SearchOutcome, SignalKind,
};
use crate::status::Status;

/// What `/metrics/business` answers. All totals and shares are this pod's since its start; a share is from 0 to 1, and
/// null as long as there was nothing to share.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Business {
    /// Client connections open now.
    pub active_users: u64,
    /// Persons looking for a partner.
    pub waiting_users: u64,
    /// Persons in a match.
    pub matched_users: u64,
    /// Client connections since the start.
    pub connections_total: u64,
    /// Matches made.
    pub matches_total: u64,
    /// Matches made since midnight UTC, or since the start if that was later.
    pub matches_today: u64,
    /// Searches that ended, by how.
    pub searches: BTreeMap<&'static str, u64>,
    /// The share of searches that ended with a partner.
    pub match_success_rate: Option<f64>,
    /// How long those waited who found a partner, on average.
    pub average_wait_ms: Option<f64>,
    /// How long matches lasted, on average.
    pub average_match_seconds: Option<f64>,
    /// The share of matches whose two persons are on one pod.
    pub same_pod_share: Option<f64>,
    /// The share of calls that connected, among those that connected or failed.
    pub call_success_rate: Option<f64>,
    /// The share of connected calls by kind of candidate: `relay` are those that TURN carries.
    pub calls_by_candidate_type: BTreeMap<&'static str, Option<f64>>,
    /// The share of returning clients that got their session back.
    pub resume_success_rate: Option<f64>,
    /// Chat messages relayed.
    pub chat_messages_total: u64,
    /// Partners blocked.
    pub blocks_total: u64,
    /// Partners reported.
    pub reports_total: u64,
}

impl Metrics {
    /// The business figures as they are now.
    #[must_use]
    pub fn business(&self, status: &Status) -> Business {
        self.collect_workers();
        let occupancy = status.occupancy();
        let counted = &self.instruments;
        let search = |outcome| counted.search_outcomes.of(outcome).get();
        let searches = SearchOutcome::ALL
            .iter()
            .map(|&outcome| (outcome.as_str(), search(outcome)));
        let ended = SearchOutcome::ALL.iter().map(|&outcome| search(outcome)).sum();
        let same_pod = counted.matches.of(Placement::SamePod).get();
        let matches_total = same_pod + counted.matches.of(Placement::AcrossPods).get();
        let connected = counted.ice_states.of(IceState::Connected).get();
        let resumed = |outcome| counted.resumes.of(outcome).get();
        let returned = resumed(ResumeOutcome::Recovered) + resumed(ResumeOutcome::Renegotiate);
        let by_candidate = CandidateType::ALL.iter().map(|&kind| {
            (
                kind.as_str(),
                share(counted.ice_connected.of(kind).get(), connected),
            )
        });
        Business {
            active_users: occupancy.active,
            waiting_users: occupancy.waiting,
            matched_users: occupancy.matched,
            connections_total: counted.total_connections.get(),
            matches_total,
            matches_today: self.today.counted(day()),
            searches: searches.collect(),
            match_success_rate: share(search(SearchOutcome::Matched), ended),
            average_wait_ms: mean(&counted.matchmaking).map(|seconds| (seconds * 1000.0).round()),
            average_match_seconds: mean(&counted.match_length),
            same_pod_share: share(same_pod, matches_total),
            call_success_rate: share(
                connected,
                connected + counted.ice_states.of(IceState::Failed).get(),
            ),
            calls_by_candidate_type: by_candidate.collect(),
            resume_success_rate: share(returned, returned + resumed(ResumeOutcome::Failed)),
            chat_messages_total: counted.signals.of(SignalKind::ChatMessage).get(),
            blocks_total: counted.blocks.get(),
            reports_total: counted.reports.get(),
        }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0)
}

fn mean(histogram: &Histogram) -> Option<f64> {
    let count = histogram.get_sample_count();
    (count > 0).then(|| histogram.get_sample_sum() / count as f64)
}

/// The days since the Unix epoch, UTC.
pub(super) fn day() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() / 86_400)
}

/// A count that begins anew each day: the day above, the count below.
#[derive(Debug, Default)]
pub(super) struct Today(AtomicU64);

impl Today {
    const COUNT: u64 = (1 << 40) - 1;

    /// Counts one on `day`.
    pub(super) fn count(&self, day: u64) {
        let add = |packed: u64| Some((day << 40) | ((Self::on(packed, day) + 1) & Self::COUNT));
        let counted = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        counted.expect("the update is never declined");
    }

    /// How many there were on `day`.
    pub(super) fn counted(&self, day: u64) -> u64 {
        Self::on(self.0.load(Ordering::Relaxed), day)
    }

    fn on(packed: u64, day: u64) -> u64 {
        if packed >> 40 == day {
            packed & Self::COUNT
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_day_begins_at_zero() {
        let today = Today::default();
        today.count(20_000);
        today.count(20_000);
        assert_eq!(today.counted(20_000), 2);
        assert_eq!(today.counted(20_001), 0);
        today.count(20_001);
        assert_eq!(today.counted(20_001), 1);
    }

    #[test]
    fn a_share_of_nothing_is_unknown() {
        assert_eq!(share(0, 0), None);
        assert_eq!(share(1, 3), Some(0.3333));
    }
}

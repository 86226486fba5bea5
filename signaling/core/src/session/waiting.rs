//! A person in the queue.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Partner;
use crate::id::{MatchId, PeerId};
use crate::pairing::Criteria;
use crate::time::Millis;

/// How often a client is told its place at most.
const EVERY: Duration = Duration::from_secs(1);

/// A wait, from `find_match` to a partner, a change of mind or the time limit.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// When it began; kept through parking and failed confirmations, for it is the place in the queue.
    pub(crate) since: Millis,
    pub(crate) until: Millis,
    pub(crate) criteria: Arc<Criteria>,
    /// A hand-over puts the person back into the queue: no proposal outlives it.
    #[serde(skip)]
    pub(crate) stage: Stage,
    /// When the pool is asked again.
    pub(crate) ask_at: Millis,
    /// The place and estimate last shown to the client.
    pub(crate) shown: Option<Shown>,
}

/// A place in the queue, as a client was shown it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) position: u32,
    pub(crate) estimated_wait_ms: u64,
    pub(crate) at: Millis,
}

impl Shown {
    /// Shows nothing that still holds: the next place is news, as soon as it may be shown.
    pub(crate) fn stale(self) -> Self {
        Self {
            position: 0,
            estimated_wait_ms: 0,
            ..self
        }
    }

    /// Whether this place is worth telling: at most once a second, and when it has changed much.
    pub(crate) fn is_news_after(self, before: Self) -> bool {
        let moved = u64::from(before.position.abs_diff(self.position));
        let shifted = before.estimated_wait_ms.abs_diff(self.estimated_wait_ms);
        self.at.since(before.at) >= EVERY
            && (moved * 5 > u64::from(before.position)
                || shifted.saturating_mul(2) > before.estimated_wait_ms)
    }
}

/// How far the search for a partner has come.
#[derive(Debug, Default)]
pub(crate) enum Stage {
    /// Not matchable until the next sign of life.
    Parked,
    /// In the pool.
    #[default]
    Queued,
    /// Taken out of the pool together with a partner, who is asked.
    Proposing(Proposal),
    /// Asked by a partner's owner; a ping finds out whether the person is there.
    Checking(Proposal),
    /// Promised to a partner; only that partner's commit or time ends it.
    Reserved(Proposal),
}

/// One intended match, as one side knows it.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) match_id: MatchId,
    pub(crate) partner: Partner,
    /// This side's name in the match.
    pub(crate) peer_id: PeerId,
    /// The JSON of the criteria that the two agree in.
    pub(crate) criteria: Box<str>,
    pub(crate) until: Millis,
    /// While proposing: whether this person has shown life since, and whether the partner's owner has accepted.
    pub(crate) alive: bool,
    pub(crate) accepted: bool,
}

impl Waiting {
    /// Whether the person is in the pool and may be matched.
    pub(crate) fn queued(&self) -> bool {
        matches!(self.stage, Stage::Queued)
    }

    /// The proposal under way, whatever its stage.
    pub(crate) fn proposal(&self) -> Option<&Proposal> {
        match &self.stage {
            Stage::Proposing(proposal) | Stage::Checking(proposal) | Stage::Reserved(proposal) => {
                Some(proposal)
            }
            Stage::Parked | Stage::Queued => None,
        }
    }

    /// The next moment at which something has to happen to this wait.
    pub(crate) fn due(&self) -> Millis {
        match &self.stage {
            Stage::Parked => self.until,
            Stage::Queued => self.until.min(self.ask_at),
            // A match that is about to be made is worth more than the time limit.
            Stage::Proposing(proposal) | Stage::Checking(proposal) | Stage::Reserved(proposal) => {
                proposal.until
            }
        }
    }
}

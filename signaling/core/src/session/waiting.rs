//! A person in the queue.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Partner;
use crate::id::{MatchId, PeerId};
use crate::pairing::Criteria;
use crate::time::Millis;

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
    /// The place and estimate last shown to the client, and when.
    pub(crate) shown: Option<(u32, u64, Millis)>,
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

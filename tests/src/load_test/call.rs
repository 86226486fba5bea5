//! One person's part in one call.

use signaling_core::history::Kind;
use signaling_core::id::MatchId;

use super::signal::CANDIDATES;

/// How many signals come from the partner: a description and the candidates.
const EXPECTED: u32 = CANDIDATES + 1;

/// A call from `match_found` to its end.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) match_id: MatchId,
    pub(super) initiator: bool,
    /// When it began.
    pub(super) found_at: u64,
    /// Until when all signals should have been exchanged.
    pub(super) deadline: u64,
    /// The number of this side's description, once it is sent.
    pub(super) description: Option<u64>,
    /// Candidates sent.
    pub(super) candidates: u32,
    /// Signals received.
    pub(super) received: u32,
    /// The number of the partner's last signal.
    pub(super) last_seq: u64,
    /// Until when the two talk, once all signals have been exchanged.
    pub(super) talk_until: Option<u64>,
    /// When this side says something again, while they talk.
    pub(super) text_at: Option<u64>,
    /// The end has been asked for.
    pub(super) leaving: bool,
    /// A connection was lost: signals may be missing, and the server said so.
    pub(super) excused: bool,
}

impl Call {
    pub(super) fn new(match_id: MatchId, initiator: bool, now: u64, deadline: u64) -> Self {
        Self {
            match_id,
            initiator,
            found_at: now,
            deadline,
            description: None,
            candidates: 0,
            received: 0,
            last_seq: 0,
            talk_until: None,
            text_at: None,
            leaving: false,
            excused: false,
        }
    }

    /// What this side's description is.
    pub(super) fn description_kind(&self) -> Kind {
        if self.initiator { Kind::Offer } else { Kind::Answer }
    }

    /// All signals have gone both ways.
    pub(super) fn is_set_up(&self) -> bool {
        self.candidates == CANDIDATES && self.received >= EXPECTED
    }
}

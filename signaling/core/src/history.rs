//! The checker of what clients saw: whoever drives clients, real or simulated, records one [`History`] per person and
//! has [`check`] judge all of them together.
//!
//! A judgement needs nothing but the histories: each side of a match knows the other by a peer id, so both sides
//! together say who was matched with whom, who sent what and who received it. The way: [`person`] walks along one
//! history and splits it into *stays* (one person's part in one match) and *waits*, judging what one person alone can
//! tell; [`pair`] lays the two stays of each match side by side; [`wait`] looks for compatible people who waited past
//! each other.
//!
//! Who goes on for hours keeps no histories: a [`Ledger`] takes each observation as it comes, judges matches that are over
//! and forgets them.

mod ledger;
mod pair;
mod person;
mod report;
#[cfg(test)]
mod tests;
mod wait;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::ledger::Ledger;
pub use self::report::{Breach, Law, Report};
use crate::id::{MatchId, PeerId};
use crate::time::Millis;

/// What is relayed from one side of a match to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `webrtc_offer`
    Offer,
    /// `webrtc_answer`
    Answer,
    /// `webrtc_ice_candidate`
    Candidate,
    /// `chat_message`
    Text,
}

/// What the server says a session is in when it was resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Neither waiting nor matched.
    Idle,
    /// In the queue.
    Waiting,
    /// In this match.
    Matched(MatchId),
}

/// One thing that a person did or was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A new session began: what an earlier one was in is over for this person.
    Connected,
    /// `find_match` or `next_match` was sent. Asking again while waiting is the same question.
    Asked,
    /// `find_match` or `next_match` was refused: an answer too.
    Refused,
    /// `waiting`
    Waiting,
    /// `match_found`
    Found {
        /// The match.
        match_id: MatchId,
        /// The partner, as known in this match.
        peer_id: PeerId,
        /// This person is to send the offer.
        initiator: bool,
    },
    /// `match_timeout`
    TimedOut,
    /// `cancel_match` was acknowledged.
    Cancelled,
    /// A signal or a text was sent. One that the server holds back (a candidate ahead of its description) counts as
    /// acknowledged only when that description has been.
    Sent {
        /// The match that it was sent in.
        match_id: MatchId,
        /// What it was.
        kind: Kind,
        /// A fingerprint of the content, different for everything that is sent in this match.
        body: u64,
        /// The server said `ok`; see [`History::acknowledge`].
        acknowledged: bool,
    },
    /// A signal or a text has come.
    Received {
        /// The match that the server says it belongs to.
        match_id: MatchId,
        /// Who the server says it is from.
        from: PeerId,
        /// Its number, from 1.
        seq: u64,
        /// What it was.
        kind: Kind,
        /// The fingerprint of its content.
        body: u64,
    },
    /// `peer_disconnected`
    PeerDisconnected {
        /// The match that is over.
        match_id: MatchId,
    },
    /// `peer_reconnecting`
    PeerReconnecting {
        /// The match whose partner is away.
        match_id: MatchId,
    },
    /// `peer_resumed`
    PeerResumed {
        /// The match whose partner is back.
        match_id: MatchId,
        /// Signals may be missing.
        renegotiate: bool,
    },
    /// The session was resumed after its transport had been lost; or has moved with its transport, which was not.
    Resumed {
        /// What it is in.
        state: State,
        /// Signals may be missing.
        renegotiate: bool,
    },
    /// `leave_match` or `next_match` was acknowledged, or the match was left by leaving the service.
    Left {
        /// The match that was left.
        match_id: MatchId,
    },
    /// The transport is gone; the session may be resumed.
    TransportLost,
    /// The client goes on by another transport. Should that be at another pod, its session takes a moment to get there, and
    /// what the partner says in that moment is lost with a match that ends in it.
    Upgraded,
    /// This person will not come back.
    Gone,
}

/// One entry of a [`History`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When it was seen. All histories that are checked together share one clock.
    pub at: Millis,
    /// What was seen.
    pub seen: Seen,
}

/// What one person did and saw, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    observations: Vec<Observation>,
}

impl History {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an observation and answers its index, for [`Self::acknowledge`].
    pub fn record(&mut self, at: Millis, seen: Seen) -> usize {
        self.observations.push(Observation { at, seen });
        self.observations.len() - 1
    }

    /// The server has acknowledged what was sent there with `ok`.
    pub fn acknowledge(&mut self, index: usize) {
        if let Some(Observation {
            seen: Seen::Sent { acknowledged, .. },
            ..
        }) = self.observations.get_mut(index)
        {
            *acknowledged = true;
        }
    }

    /// All entries, in order.
    #[must_use]
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }
}

impl FromIterator<Observation> for History {
    fn from_iter<I: IntoIterator<Item = Observation>>(observations: I) -> Self {
        Self {
            observations: observations.into_iter().collect(),
        }
    }
}

/// After how long of waiting together two people, by their places among the histories, may be matched; `None` when
/// never. Recent partners need not be told: [`Rules::recent_partners`] covers them.
pub type Compatible<'a> = &'a dyn Fn(usize, usize) -> Option<Duration>;

/// What the histories are judged by. The defaults fit a service with the contract's settings.
#[derive(Clone)]
pub struct Rules<'a> {
    /// Who may be matched with whom.
    pub compatible: Compatible<'a>,
    /// The moments at which something was broken on purpose, in ascending order.
    pub faults: &'a [Millis],
    /// How long compatible people may wait side by side without a fault.
    pub patience: Duration,
    /// How many of the last partners are recent ones,
    pub recent_partners: usize,
    /// and after how long of waiting together they may be matched again.
    pub recent_after: Duration,
    /// How soon one must be told that the partner has left.
    pub told_within: Duration,
    /// How soon one must be told that the partner never came, or is away: where connections break, the ping time more.
    pub unmet_within: Duration,
    /// How soon one must be told that the partner is lost for good: ping time and resume window.
    pub lost_within: Duration,
    /// How long a `find_match` may go without an answer: the match timeout and a little.
    pub answered_within: Duration,
    /// How long a signal may be under way; what was sent later than this before the end of all histories is not judged.
    pub delivered_within: Duration,
}

impl Default for Rules<'_> {
    fn default() -> Self {
        Self {
            compatible: &|_, _| Some(Duration::ZERO),
            faults: &[],
            patience: Duration::from_secs(5),
            recent_partners: 5,
            recent_after: Duration::from_secs(15),
            told_within: Duration::from_secs(5),
            unmet_within: Duration::from_secs(5),
            lost_within: Duration::from_secs(115),
            answered_within: Duration::from_secs(65),
            delivered_within: Duration::from_secs(5),
        }
    }
}

impl Rules<'_> {
    /// Whether something was broken on purpose between the two moments.
    fn fault_between(&self, from: Millis, until: Millis) -> bool {
        let first = self.faults.partition_point(|fault| *fault < from);
        self.faults.get(first).is_some_and(|fault| *fault <= until)
    }
}

/// Judges the histories of all people together, by [`crate`]'s promises: nobody is matched twice, with themselves or
/// with a ghost; nobody waits for ever; signals stay inside the match, in order, once; nothing is lost in silence.
#[must_use]
pub fn check(histories: &[History], rules: &Rules<'_>) -> Report {
    let mut ledger = Ledger::new(histories.len());
    for (person, history) in histories.iter().enumerate() {
        for observation in &history.observations {
            ledger.see(person, observation.at, observation.seen);
        }
    }
    ledger.finish(rules)
}

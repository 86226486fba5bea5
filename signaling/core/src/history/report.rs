//! What a check came to.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::Seen;
use crate::id::MatchId;
use crate::time::Millis;

/// How many breaches of each law are kept in full; all are counted.
const KEPT_PER_LAW: u64 = 20;

/// What must hold, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// Two matches at once, a match of other than two, of both or no initiator, or with oneself.
    Doubled,
    /// A partner who never got the match or has left it, and nobody said so in time.
    Ghost,
    /// Compatible people waited past each other.
    Stranded,
    /// A signal of another match, or of someone who is not the partner.
    Crossed,
    /// A signal that was acknowledged and never came, and nobody said so.
    Lost,
    /// A signal that came out of its turn.
    Reordered,
    /// A signal that came twice.
    Duplicated,
    /// A question without an answer, or with more than one.
    Unanswered,
}

impl Law {
    /// The name, as in the report's JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Doubled => "doubled",
            Self::Ghost => "ghost",
            Self::Stranded => "stranded",
            Self::Crossed => "crossed",
            Self::Lost => "lost",
            Self::Reordered => "reordered",
            Self::Duplicated => "duplicated",
            Self::Unanswered => "unanswered",
        }
    }
}

/// One time that a law was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Breach {
    /// Which law.
    pub law: Law,
    /// When, on the histories' clock.
    pub at: Millis,
    /// To whom, as a place among the histories.
    pub person: usize,
    /// In which match, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub match_id: Option<MatchId>,
    /// What happened, in words.
    pub what: String,
}

fn as_text<S: Serializer>(match_id: &Option<MatchId>, serializer: S) -> Result<S::Ok, S::Error> {
    match match_id {
        Some(match_id) => serializer.collect_str(match_id),
        None => serializer.serialize_none(),
    }
}

/// What the histories hold, and every law that they show broken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many histories there were.
    pub persons: usize,
    /// How many entries they had.
    pub observations: usize,
    /// How many matches were seen by at least one side.
    pub matches: usize,
    /// How many signals and texts were sent,
    pub sent: usize,
    /// and acknowledged,
    pub acknowledged: usize,
    /// and received.
    pub received: usize,
    /// How often each law was broken.
    pub counts: BTreeMap<Law, u64>,
    /// The first breaches of each law, in full.
    pub breaches: Vec<Breach>,
}

impl Report {
    /// Nothing was broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }

    /// How often this law was broken.
    #[must_use]
    pub fn count(&self, law: Law) -> u64 {
        self.counts.get(&law).copied().unwrap_or(0)
    }

    /// Counts an observation.
    pub(super) fn observe(&mut self, seen: &Seen) {
        self.observations += 1;
        match *seen {
            Seen::Sent { acknowledged, .. } => {
                self.sent += 1;
                self.acknowledged += usize::from(acknowledged);
            }
            Seen::Received { .. } => self.received += 1,
            _ => {}
        }
    }

    pub(super) fn breach(
        &mut self,
        law: Law,
        at: Millis,
        person: usize,
        match_id: Option<MatchId>,
        what: impl FnOnce() -> String,
    ) {
        let count = self.counts.entry(law).or_default();
        *count += 1;
        if *count <= KEPT_PER_LAW {
            self.breaches.push(Breach {
                law,
                at,
                person,
                match_id,
                what: what(),
            });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} people, {} observations: {} matches; signals {} sent, {} acknowledged, {} received",
            self.persons, self.observations, self.matches, self.sent, self.acknowledged, self.received
        )?;
        if self.is_clean() {
            return write!(
                f,
                "nothing doubled, ghostly, stranded, crossed, lost, reordered, duplicated or unanswered"
            );
        }
        let counts: Vec<String> = self
            .counts
            .iter()
            .map(|(law, count)| format!("{count} {}", law.name()))
            .collect();
        write!(f, "BROKEN: {}", counts.join(", "))?;
        for breach in &self.breaches {
            write!(
                f,
                "\n  {:<10} {} person {}",
                breach.law.name(),
                breach.at,
                breach.person
            )?;
            if let Some(match_id) = breach.match_id {
                write!(f, " match {match_id}")?;
            }
            write!(f, ": {}", breach.what)?;
        }
        let kept = self.breaches.len() as u64;
        let all: u64 = self.counts.values().sum();
        if all > kept {
            write!(f, "\n  and {} more", all - kept)?;
        }
        Ok(())
    }
}

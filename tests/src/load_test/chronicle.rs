//! What people saw, kept to be shown around what is found wrong with it.

use std::collections::VecDeque;
use std::fmt::Write as _;

use signaling_core::history::Seen;
use signaling_core::id::MatchId;
use signaling_core::time::Millis;

/// How much of each person's life is kept: signals, of which there are many, and the rest.
const KEPT_SIGNALS: usize = 200;
const KEPT_OTHERS: usize = 4_000;

/// What people saw: for each of them the last signals, and much more of what else happened.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    people: Vec<Life>,
}

#[derive(Debug, Default)]
struct Life {
    signals: VecDeque<Dated>,
    others: VecDeque<Dated>,
    /// How many entries there were.
    count: u64,
}

/// An entry, when it was made, and as which one.
type Dated = (Millis, u64, Entry);

#[derive(Clone, Debug)]
enum Entry {
    Seen(Seen),
    Acknowledged(MatchId, u64),
    Words(Box<str>),
}

impl Chronicle {
    pub(crate) fn new(people: usize) -> Self {
        Self {
            people: (0..people).map(|_| Life::default()).collect(),
        }
    }

    pub(super) fn see(&mut self, at: Millis, person: usize, seen: Seen) {
        let life = &mut self.people[person];
        let is_signal = matches!(seen, Seen::Sent { .. } | Seen::Received { .. });
        life.push(is_signal, at, Entry::Seen(seen));
    }

    pub(super) fn acknowledge(&mut self, at: Millis, person: usize, match_id: MatchId, body: u64) {
        self.people[person].push(true, at, Entry::Acknowledged(match_id, body));
    }

    pub(super) fn note(&mut self, at: Millis, person: usize, words: String) {
        self.people[person].push(false, at, Entry::Words(words.into()));
    }

    /// Who was told of this match.
    pub(crate) fn sides(&self, of_match: MatchId) -> Vec<usize> {
        let found = |(_, _, entry): &Dated| matches!(entry, Entry::Seen(Seen::Found { match_id, .. }) if *match_id == of_match);
        let told = |life: &Life| life.others.iter().any(found);
        (0..self.people.len())
            .filter(|&person| told(&self.people[person]))
            .collect()
    }

    /// What a person saw between two moments, a line each.
    pub(crate) fn tell(&self, person: usize, from: Millis, until: Millis) -> String {
        let life = &self.people[person];
        let mut entries: Vec<_> = life.others.iter().chain(&life.signals).collect();
        entries.retain(|(at, ..)| (from..=until).contains(at));
        entries.sort_by_key(|(_, number, _)| *number);
        let mut lines = format!("  person {person}\n");
        for (at, _, entry) in entries {
            // Writing to a string does not fail.
            let _ = match entry {
                Entry::Seen(seen) => writeln!(lines, "    {at} {seen:?}"),
                Entry::Acknowledged(match_id, body) => {
                    writeln!(lines, "    {at} acknowledged {body} in {match_id}")
                }
                Entry::Words(words) => writeln!(lines, "    {at} {words}"),
            };
        }
        lines
    }
}

impl Life {
    fn push(&mut self, is_signal: bool, at: Millis, entry: Entry) {
        let (entries, kept) = if is_signal {
            (&mut self.signals, KEPT_SIGNALS)
        } else {
            (&mut self.others, KEPT_OTHERS)
        };
        if entries.len() == kept {
            entries.pop_front();
        }
        entries.push_back((at, self.count, entry));
        self.count += 1;
    }
}

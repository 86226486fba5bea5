//! How long people have waited lately.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Criteria;

/// Recent waits, by criteria and all together: so many that a guess is steady, so few that it is of today.
#[derive(Debug, Default)]
pub(super) struct Waits {
    all: Recent,
    by_criteria: HashMap<Arc<Criteria>, Recent>,
    order: VecDeque<Arc<Criteria>>,
}

impl Waits {
    /// How many kinds of criteria are remembered; the oldest give way.
    const MAX_CRITERIA: usize = 1024;

    pub(super) fn note(&mut self, criteria: &Arc<Criteria>, waited_ms: u64) {
        self.all.note(waited_ms);
        if !self.by_criteria.contains_key(criteria) {
            if self.order.len() == Self::MAX_CRITERIA
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_criteria.remove(&oldest);
            }
            self.order.push_back(Arc::clone(criteria));
        }
        self.by_criteria
            .entry(Arc::clone(criteria))
            .or_default()
            .note(waited_ms);
    }

    /// The usual wait of those who want the same, else of all; none without any history.
    pub(super) fn usual(&self, criteria: &Arc<Criteria>) -> Option<u64> {
        self.by_criteria.get(criteria).unwrap_or(&self.all).mean()
    }
}

/// The last waits of one kind.
#[derive(Debug, Default)]
struct Recent {
    count: u64,
    waits: [u32; 16],
}

impl Recent {
    fn note(&mut self, waited_ms: u64) {
        let slot = usize::try_from(self.count % 16).expect("below 16");
        self.waits[slot] = u32::try_from(waited_ms).unwrap_or(u32::MAX);
        self.count += 1;
    }

    fn mean(&self) -> Option<u64> {
        let known = self.count.min(16);
        let sum: u64 = self
            .waits
            .iter()
            .take(usize::try_from(known).unwrap_or(16))
            .map(|wait| u64::from(*wait))
            .sum();
        sum.checked_div(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_wait_is_that_of_the_same_criteria_and_of_late() {
        let (any, text) = (
            Arc::new(Criteria::default()),
            Arc::new(Criteria {
                mode: Some(super::super::Mode::Text),
                ..Criteria::default()
            }),
        );
        let mut waits = Waits::default();
        assert_eq!(waits.usual(&any), None);
        waits.note(&any, 1_000);
        assert_eq!(waits.usual(&text), Some(1_000), "no history of its own yet");
        for _ in 0..20 {
            waits.note(&text, 9_000);
        }
        assert_eq!(
            (waits.usual(&any), waits.usual(&text)),
            (Some(1_000), Some(9_000))
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut waits = Waits::default();
        for number in 0..2_000 {
            let criteria = Criteria::new(None, Some(number.to_string()), None, Vec::new());
            waits.note(&Arc::new(criteria), 1);
        }
        assert_eq!(waits.by_criteria.len(), Waits::MAX_CRITERIA);
    }
}

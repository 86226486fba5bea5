//! What is due when: at most one moment for each key, the earliest first.

use std::collections::BTreeSet;
use std::hash::Hash;

use crate::id::IdMap;
use crate::time::Millis;

/// Deadlines by key, which is a name that this service has made. Setting, moving and removing one costs a tree operation;
/// a key without a deadline costs nothing.
#[derive(Debug)]
pub(crate) struct Deadlines<K> {
    moments: IdMap<K, Millis>,
    order: BTreeSet<(Millis, K)>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self {
            moments: IdMap::default(),
            order: BTreeSet::new(),
        }
    }
}

impl<K: Clone + Eq + Hash + Ord> Deadlines<K> {
    /// Moves `key`'s deadline to `at`, or removes it.
    pub(crate) fn set(&mut self, key: &K, at: Option<Millis>) {
        let before = match at {
            Some(at) if self.moments.get(key) == Some(&at) => return,
            Some(at) => {
                self.order.insert((at, key.clone()));
                self.moments.insert(key.clone(), at)
            }
            None => self.moments.remove(key),
        };
        if let Some(before) = before {
            self.order.remove(&(before, key.clone()));
        }
    }

    /// The earliest moment.
    pub(crate) fn next(&self) -> Option<Millis> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out one key whose moment has come.
    pub(crate) fn pop(&mut self, now: Millis) -> Option<K> {
        self.next().filter(|at| *at <= now)?;
        let (_, key) = self.order.pop_first()?;
        self.moments.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_deadline_and_the_earliest_comes_first() {
        let mut deadlines = Deadlines::default();
        deadlines.set(&"a", Some(Millis(30)));
        deadlines.set(&"b", Some(Millis(20)));
        deadlines.set(&"a", Some(Millis(10)));
        deadlines.set(&"c", Some(Millis(5)));
        deadlines.set(&"c", None);
        assert_eq!(deadlines.next(), Some(Millis(10)));
        assert_eq!(deadlines.pop(Millis(9)), None);
        assert_eq!(deadlines.pop(Millis(25)), Some("a"));
        assert_eq!(deadlines.pop(Millis(25)), Some("b"));
        assert_eq!(deadlines.pop(Millis(25)), None);
    }
}

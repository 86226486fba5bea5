//! Candidates that came ahead of the description that they belong to.

use serde::{Deserialize, Serialize};

/// Which ICE username fragments a side's last description bears, and the candidates of other ones that wait for theirs.
///
/// Browsers send the candidates of an ICE restart ahead of the offer that announces them (JSEP, RFC 8829 section
/// 3.5.1), and a candidate of the last match may arrive in the next one: neither may reach the partner before the
/// description with its fragment has.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Held {
    fragments: Vec<Box<str>>,
    /// The last description bears too many to be remembered: candidates of any fragment pass.
    passes_all: bool,
    /// Whether a candidate has been kept since the last description.
    fresh: bool,
    bytes: usize,
    candidates: Vec<Candidate>,
}

/// A candidate's fragment, where it has one, and the fields of its object.
type Candidate = (Option<Box<str>>, Box<[u8]>);

impl Held {
    /// How many candidates one side of a match may have waiting.
    pub(crate) const MAX_CANDIDATES: usize = 64;
    /// How many bytes of them.
    pub(crate) const MAX_BYTES: usize = 64 * 1024;
    /// How many different fragments of a description are remembered; beyond it the description passes all.
    const MAX_FRAGMENTS: usize = 32;

    /// Whether a candidate with this fragment has to wait: its description has not come, or others before it wait.
    pub(crate) fn must_wait(&self, fragment: Option<&str>) -> bool {
        match fragment {
            Some(fragment) => !self.knows(fragment),
            None => self.fresh,
        }
    }

    /// Lets candidates of any fragment pass until the next description: nobody knows what the last one was.
    pub(crate) fn pass_all(&mut self) {
        self.passes_all = true;
    }

    /// How many candidates are kept.
    pub(crate) fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Keeps a candidate; `false` when there is no room.
    pub(crate) fn push(&mut self, fragment: Option<&str>, candidate: &[u8]) -> bool {
        if self.candidates.len() >= Self::MAX_CANDIDATES || self.bytes + candidate.len() > Self::MAX_BYTES {
            return false;
        }
        self.fresh = true;
        self.bytes += candidate.len();
        self.candidates.push((fragment.map(Into::into), candidate.into()));
        true
    }

    /// A description with these fragments has gone out: answers the candidates that were waiting for it, in order.
    pub(crate) fn described(&mut self, fragments: impl Iterator<Item: AsRef<str>>) -> Vec<Box<[u8]>> {
        (self.passes_all, self.fresh) = (false, false);
        self.fragments.clear();
        for fragment in fragments {
            if self.fragments.len() == Self::MAX_FRAGMENTS {
                self.passes_all = true;
                break;
            }
            if !self.knows(fragment.as_ref()) {
                self.fragments.push(fragment.as_ref().into());
            }
        }
        let mut released = Vec::new();
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.retain_mut(|(fragment, candidate)| {
            let passes = fragment.as_deref().is_none_or(|fragment| self.knows(fragment));
            if passes {
                released.push(std::mem::take(candidate));
            }
            !passes
        });
        self.candidates = candidates;
        self.bytes -= released.iter().map(|candidate| candidate.len()).sum::<usize>();
        released
    }

    fn knows(&self, fragment: &str) -> bool {
        self.passes_all || self.fragments.iter().any(|known| **known == *fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_waits_for_the_description_with_its_fragment() {
        let mut held = Held::default();
        assert!(
            !held.must_wait(None),
            "without a fragment nothing tells what it belongs to"
        );
        assert!(held.must_wait(Some("new")));
        assert!(
            held.push(Some("new"), b"1") && held.push(Some("other"), b"2") && held.push(Some("new"), b"3")
        );
        assert!(
            held.must_wait(None),
            "the end of candidates does not overtake candidates"
        );
        assert_eq!(
            held.described(["new"].into_iter()),
            [b"1".as_slice().into(), b"3".as_slice().into()]
        );
        assert!(!held.must_wait(Some("new")));
        assert_eq!(held.candidates.len(), 1);
        assert!(
            !held.must_wait(None),
            "what is left over belongs to another match"
        );
    }

    #[test]
    fn the_end_of_candidates_follows_the_candidates_before_it() {
        let mut held = Held::default();
        assert!(held.push(Some("new"), b"1") && held.push(None, b"end"));
        assert_eq!(held.described(["new"].into_iter()).len(), 2);
        assert_eq!(held.bytes, 0);
    }

    #[test]
    fn a_description_with_more_fragments_than_are_remembered_passes_all() {
        let mut held = Held::default();
        let many: Vec<String> = (0..=Held::MAX_FRAGMENTS)
            .map(|number| number.to_string())
            .collect();
        assert!(held.push(Some("33"), b"1"));
        assert_eq!(held.described(many.iter().map(String::as_str)).len(), 1);
        assert!(!held.must_wait(Some("anything")));
        held.described(["one"; 99].into_iter());
        assert!(
            !held.must_wait(Some("one")) && held.must_wait(Some("other")),
            "one of 99 sections is one"
        );
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut held = Held::default();
        assert!((0..Held::MAX_CANDIDATES).all(|_| held.push(Some("x"), b"candidate")));
        assert!(!held.push(Some("x"), b"candidate"));
        assert!(!Held::default().push(Some("x"), &[0; Held::MAX_BYTES + 1]));
    }
}

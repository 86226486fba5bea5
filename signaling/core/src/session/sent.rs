//! What one person sent in a match, kept so that a partner who comes back misses nothing.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// The signals of one side of one match, numbered from 1, the newest [`Sent::MAX_BYTES`] of them.
///
/// A signal is kept as the text that the partner gets, `["webrtc_offer",{…,"seq":1}` without the closing bracket.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// The number of the last signal, 0 before the first.
    last: u64,
    /// The kept signals' bytes, one after the other: one buffer, so that a signal costs no allocation of its own.
    bytes: VecDeque<u8>,
    /// When each was sent, and its length.
    signals: VecDeque<(Millis, u32)>,
}

impl Sent {
    /// How much is kept of one side of a match.
    pub(crate) const MAX_BYTES: usize = 256 * 1024;

    /// The number that the next signal bears.
    pub(crate) fn next(&self) -> u64 {
        self.last + 1
    }

    /// The number of the last signal, 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Numbers what follows from beyond `number`, where that is not done as it is: signals up to it were sent by another
    /// owner, and are not here.
    pub(crate) fn skip_to(&mut self, number: u64) {
        if number > self.last {
            self.last = number;
            self.signals = VecDeque::new();
            self.bytes = VecDeque::new();
        }
    }

    /// Goes on behind a number that the partner has heard, though it is not known here: of an owner whose record this one has
    /// taken over. What is too far ahead is somebody's fancy.
    pub(crate) fn catch_up(&mut self, heard: u64) {
        const MAX_AHEAD: u64 = 1_000_000;
        if heard.saturating_sub(self.last) <= MAX_AHEAD {
            self.skip_to(heard);
        }
    }

    /// The numbers, and none of the signals.
    pub(crate) fn without_signals(&self) -> Self {
        Self {
            last: self.last,
            ..Self::default()
        }
    }

    /// Keeps the signal with number [`Self::next`], in place of older ones where there is no room.
    pub(crate) fn push(&mut self, signal: &[u8], now: Millis) {
        self.last += 1;
        while self.bytes.len() + signal.len() > Self::MAX_BYTES && !self.signals.is_empty() {
            self.pop();
        }
        let length = self.bytes.len() + signal.len();
        if length > Self::MAX_BYTES {
            return;
        }
        if length > self.bytes.capacity() {
            // Doubled, but never beyond what may be kept: a ring that goes round touches all of its memory.
            let room = (2 * self.bytes.capacity()).clamp(length, Self::MAX_BYTES);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend(signal);
        self.signals.push_back((
            now,
            u32::try_from(signal.len()).expect("a packet is far below 4 GiB"),
        ));
    }

    /// Forgets what was sent before `before`.
    pub(crate) fn forget(&mut self, before: Millis) {
        while self.signals.front().is_some_and(|(at, _)| *at < before) {
            self.pop();
        }
        if self.signals.is_empty() {
            self.signals = VecDeque::new();
            self.bytes = VecDeque::new();
        }
    }

    /// When the oldest kept signal was sent.
    pub(crate) fn oldest(&self) -> Option<Millis> {
        self.signals.front().map(|(at, _)| *at)
    }

    /// The signals that follow number `seen`, with their numbers; and whether that is all of them.
    pub(crate) fn after(&mut self, seen: u64) -> (impl Iterator<Item = (u64, &[u8])>, bool) {
        let first = self.last + 1 - self.signals.len() as u64;
        let complete = seen <= self.last && seen + 1 >= first;
        let mut rest = &*self.bytes.make_contiguous();
        let numbered = (first..).zip(&self.signals).map(move |(number, (_, length))| {
            let (signal, behind) = rest.split_at(*length as usize);
            rest = behind;
            (number, signal)
        });
        (numbered.filter(move |(number, _)| *number > seen), complete)
    }

    fn pop(&mut self) {
        if let Some((_, length)) = self.signals.pop_front() {
            self.bytes.drain(..length as usize);
        }
    }
}

/// How long a signal may still be asked for: the resume window, and the time that a lost transport takes to be noticed.
pub(crate) fn keep_for(resume_window: Duration, ping_time: Duration) -> Duration {
    resume_window + ping_time
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(sent: &mut Sent, seen: u64) -> (Vec<u64>, bool) {
        let (signals, complete) = sent.after(seen);
        (signals.map(|(number, _)| number).collect(), complete)
    }

    #[test]
    fn what_follows_a_number_is_replayed_in_order() {
        let mut sent = Sent::default();
        assert_eq!(numbers(&mut sent, 0), (vec![], true));
        for at in 1..=3 {
            sent.push(b"x", Millis(at));
        }
        assert_eq!(numbers(&mut sent, 0), (vec![1, 2, 3], true));
        assert_eq!(numbers(&mut sent, 2), (vec![3], true));
        assert_eq!(numbers(&mut sent, 3), (vec![], true));
        assert_eq!(
            numbers(&mut sent, 9),
            (vec![], false),
            "a number never sent is not one of this match"
        );
    }

    #[test]
    fn a_gap_is_told() {
        let mut sent = Sent::default();
        for at in 1..=3 {
            sent.push(b"x", Millis(at));
        }
        sent.forget(Millis(3));
        assert_eq!(numbers(&mut sent, 0), (vec![3], false));
        assert_eq!(numbers(&mut sent, 2), (vec![3], true));
        sent.forget(Millis(9));
        assert_eq!(numbers(&mut sent, 2), (vec![], false));
        assert_eq!(numbers(&mut sent, 3), (vec![], true));
    }

    #[test]
    fn memory_is_bounded() {
        let mut sent = Sent::default();
        for number in 1..=2_000 {
            sent.push(&[0; 777], Millis(0));
            assert_eq!(sent.last(), number);
        }
        let kept = Sent::MAX_BYTES as u64 / 777;
        assert_eq!(
            numbers(&mut sent, 0).0,
            (2_001 - kept..=2_000).collect::<Vec<_>>()
        );
        assert_eq!(sent.bytes.capacity(), Sent::MAX_BYTES);
    }

    #[test]
    fn what_is_too_large_to_be_kept_is_a_gap() {
        let mut sent = Sent::default();
        sent.push(b"x", Millis(0));
        sent.push(&[0; Sent::MAX_BYTES + 1], Millis(0));
        assert_eq!(numbers(&mut sent, 1), (vec![], false));
        sent.push(b"x", Millis(0));
        assert_eq!(numbers(&mut sent, 1), (vec![3], false));
        assert_eq!(numbers(&mut sent, 2), (vec![3], true));
    }
}

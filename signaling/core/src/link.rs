//! Ordered delivery between two workers over a bus that loses, doubles, delays and reorders.
//!
//! Frames are numbered and kept until the other end has acknowledged them; packets carry any number of frames, and an
//! acknowledgement of all that came in order. Both ends name their present life in every packet, and numbers belong to a
//! pair of lives: an end that has not heard of the other's life sends a greeting without frames, what was meant for an
//! earlier life is ignored, and a new life of the other end means that all under way is lost, which is reported, for
//! nothing is lost in silence. An end that has never named this life may be long dead, whatever late packets say: it is
//! greeted for a while and then given up.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::piece::Piece;
use crate::time::Millis;

/// The version of the packets that this end writes.
const VERSION: u8 = 1;
/// How many frames, and how many bytes of them, may be under way.
const MAX_FRAMES: usize = 4096;
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// What of that only control frames may use: ending a match never fails because signals filled the window.
const RESERVE_FRAMES: usize = 1024;
const RESERVE_BYTES: usize = 1024 * 1024;
/// How many frames and bytes that came too early are kept.
const MAX_EARLY_FRAMES: usize = 4096;
const MAX_EARLY_BYTES: usize = 4 * 1024 * 1024;
/// A packet takes no further frame beyond this.
const PACKET_BYTES: usize = 64 * 1024;
/// How long an acknowledgement may wait for a frame to travel with.
const ACK_DELAY: Duration = Duration::from_millis(20);
/// How long until a frame is sent again, at first and at most.
const RESEND_FIRST: Duration = Duration::from_millis(100);
const RESEND_LONGEST: Duration = Duration::from_secs(2);
/// How long an end that has never been heard of in this life is greeted.
const GREET_FOR: Duration = Duration::from_secs(10);

/// One life of one end of a link: later ones are greater. 0 names none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

/// The window is full: the other end has not acknowledged for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the link's window is full")]
pub struct WindowFull;

/// Not a packet of a version that this end understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a link packet of version {VERSION}")]
pub struct Malformed;

/// What a packet brought besides frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The other end lives anew: frames that it had not acknowledged are lost.
    pub peer_restarted: bool,
    /// The other end's life has named this one for the first time: both live now.
    pub met: bool,
}

/// A packet's head, in [postcard](https://postcard.jamesmunns.com/wire-format) form behind the version byte. Frames
/// follow, each with its length.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    /// The sender's life.
    from: Incarnation,
    /// The receiver's life, as far as the sender knows; 0 before it has heard from it, and in a greeting.
    to: Incarnation,
    /// All frames of the receiver up to this number have come.
    ack: u64,
    /// The number of the first frame in the packet.
    first: u64,
    /// How many frames follow, numbered in sequence.
    frames: u64,
}

/// One end of a link. Without I/O: packets are handed in and out, and time is an argument.
#[derive(Debug)]
pub struct Link {
    local: Incarnation,
    remote: Incarnation,
    /// Sent or to be sent, and not acknowledged; the first has number `base`.
    window: VecDeque<Box<[u8]>>,
    window_bytes: usize,
    base: u64,
    /// How many of the window have been sent at least once.
    sent: usize,
    /// Which of the window is to be sent next.
    next: usize,
    resend_at: Option<Millis>,
    resend_after: Duration,
    /// The number of the next frame to deliver.
    expected: u64,
    early: BTreeMap<u64, Box<[u8]>>,
    early_bytes: usize,
    ack_at: Option<Millis>,
    /// The other end's present life has named this one.
    met: bool,
    /// The other end is to be greeted, though there is nothing to say.
    greets: bool,
    /// When the first packet of this life that was to be answered went out.
    greeting_since: Option<Millis>,
}

impl Link {
    /// An end that lives from now on.
    #[must_use]
    pub fn new(local: Incarnation) -> Self {
        Self {
            local,
            remote: Incarnation::default(),
            window: VecDeque::new(),
            window_bytes: 0,
            base: 1,
            sent: 0,
            next: 0,
            resend_at: None,
            resend_after: RESEND_FIRST,
            expected: 1,
            early: BTreeMap::new(),
            early_bytes: 0,
            ack_at: None,
            met: false,
            greets: false,
            greeting_since: None,
        }
    }

    /// Makes this life known to the other end, with or without frames: what it has of an earlier one is void.
    pub fn greet(&mut self) {
        self.greets = !self.met;
    }

    /// Whether the other end has left all greetings unanswered, so that nothing more is to be hoped for.
    #[must_use]
    pub fn is_unanswered(&self, now: Millis) -> bool {
        !self.met
            && self
                .greeting_since
                .is_some_and(|since| now.since(since) >= GREET_FOR)
    }

    /// Takes a frame that may be refused.
    ///
    /// # Errors
    /// When as much is under way as may be, but for the reserve.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), WindowFull> {
        self.push(frame, MAX_FRAMES - RESERVE_FRAMES, MAX_BYTES - RESERVE_BYTES)
    }

    /// Takes a frame that must not fail because others have filled the window.
    ///
    /// # Errors
    /// When the reserve is used up as well.
    pub fn send_control(&mut self, frame: &[u8]) -> Result<(), WindowFull> {
        self.push(frame, MAX_FRAMES, MAX_BYTES)
    }

    fn push(&mut self, frame: &[u8], frames: usize, bytes: usize) -> Result<(), WindowFull> {
        if self.window.len() >= frames || self.window_bytes + frame.len() > bytes {
            return Err(WindowFull);
        }
        self.window_bytes += frame.len();
        self.window.push_back(frame.into());
        Ok(())
    }

    /// When [`Self::transmit`] has something to say without anything having happened.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.resend_at.into_iter().chain(self.ack_at).min()
    }

    /// Appends one packet with what is due, if anything is: new frames, frames to be sent again, an acknowledgement. To
    /// be called until it answers `false`.
    pub fn transmit(&mut self, now: Millis, out: &mut Vec<u8>) -> bool {
        if self.resend_at.is_some_and(|at| at <= now) {
            self.next = 0;
            self.resend_after = (self.resend_after * 2).min(RESEND_LONGEST);
            self.resend_at = None;
        }
        let known = self.remote != Incarnation::default();
        let count = if known { self.fitting() } else { 0 };
        let greets = (self.greets || !known && !self.window.is_empty()) && self.resend_at.is_none();
        let acknowledges = self.ack_at.is_some_and(|at| at <= now);
        if count == 0 && !greets && !acknowledges {
            return false;
        }
        let first = self.base + self.next as u64;
        // Only what names no life is answered even when it brings nothing.
        let asks = greets && count == 0 && !acknowledges;
        let head = Head {
            from: self.local,
            to: if asks { Incarnation::default() } else { self.remote },
            ack: self.expected - 1,
            first,
            frames: count as u64,
        };
        out.push(VERSION);
        *out = postcard::to_extend(&head, std::mem::take(out)).expect("a Vec takes every packet");
        for frame in self.window.iter().skip(self.next).take(count) {
            *out = postcard::to_extend(&Piece(frame), std::mem::take(out)).expect("a Vec takes every packet");
        }
        self.next += count;
        self.sent = self.sent.max(self.next);
        self.ack_at = None;
        if self.resend_at.is_none() && (self.greets || !self.window.is_empty()) {
            self.resend_at = Some(now + self.resend_after);
            self.greeting_since.get_or_insert(now);
        }
        true
    }

    /// How many of the frames that are to be sent go into one packet; one at least.
    fn fitting(&self) -> usize {
        let mut bytes = 0;
        let mut count = 0;
        for frame in self.window.iter().skip(self.next) {
            bytes += frame.len() + 8;
            if count > 0 && bytes > PACKET_BYTES {
                break;
            }
            count += 1;
        }
        count
    }

    /// Takes in a packet and hands the frames whose turn it is to `deliver`.
    ///
    /// # Errors
    /// When it is no packet, or one of another version; nothing has changed then.
    pub fn receive(
        &mut self,
        packet: &[u8],
        now: Millis,
        deliver: &mut impl FnMut(&[u8]),
    ) -> Result<Received, Malformed> {
        let (head, frames) = read(packet)?;
        if head.from < self.remote {
            return Ok(Received::default());
        }
        let mut received = Received::default();
        if head.from > self.remote {
            received.peer_restarted = self.remote != Incarnation::default();
            self.begin(head.from);
        }
        if head.to != self.local {
            // A greeting; frames are for a life that the sender knows.
            self.ack_at = Some(now);
            return Ok(received);
        }
        received.met = !std::mem::replace(&mut self.met, true);
        if std::mem::take(&mut self.greets) && self.window.is_empty() {
            self.resend_at = None;
        }
        self.acknowledged(head.ack, now);
        let any = !frames.is_empty();
        for (number, frame) in (head.first..).zip(frames) {
            self.take(number, frame, deliver);
        }
        if any {
            let at = now + ACK_DELAY;
            self.ack_at = Some(self.ack_at.map_or(at, |before| before.min(at)));
        }
        Ok(received)
    }

    /// The other end has a new life. What was under way to an earlier one is lost; what has not been sent yet is not.
    fn begin(&mut self, remote: Incarnation) {
        for frame in self.window.drain(..self.sent) {
            self.window_bytes -= frame.len();
        }
        self.remote = remote;
        (self.met, self.greeting_since) = (false, None);
        (self.base, self.sent, self.next) = (1, 0, 0);
        (self.resend_at, self.resend_after) = (None, RESEND_FIRST);
        (self.expected, self.early_bytes) = (1, 0);
        self.early.clear();
    }

    fn acknowledged(&mut self, ack: u64, now: Millis) {
        let mut progress = false;
        while self.base <= ack {
            let Some(frame) = self.window.pop_front() else {
                break;
            };
            self.window_bytes -= frame.len();
            self.base += 1;
            self.sent = self.sent.saturating_sub(1);
            self.next = self.next.saturating_sub(1);
            progress = true;
        }
        if progress {
            self.resend_after = RESEND_FIRST;
            self.resend_at = (self.sent > 0).then(|| now + self.resend_after);
        }
        if self.window.is_empty() {
            self.window = VecDeque::new();
        }
    }

    fn take(&mut self, number: u64, frame: &[u8], deliver: &mut impl FnMut(&[u8])) {
        if number > self.expected {
            let room =
                self.early.len() < MAX_EARLY_FRAMES && self.early_bytes + frame.len() <= MAX_EARLY_BYTES;
            if room && !self.early.contains_key(&number) {
                self.early_bytes += frame.len();
                self.early.insert(number, frame.into());
            }
            return;
        }
        if number < self.expected {
            return;
        }
        deliver(frame);
        self.expected += 1;
        while let Some(frame) = self.early.remove(&self.expected) {
            self.early_bytes -= frame.len();
            deliver(&frame);
            self.expected += 1;
        }
    }
}

fn read(packet: &[u8]) -> Result<(Head, Vec<&[u8]>), Malformed> {
    let Some((&VERSION, body)) = packet.split_first() else {
        return Err(Malformed);
    };
    let (head, mut rest) = postcard::take_from_bytes::<Head>(body).map_err(|_| Malformed)?;
    let mut frames = Vec::new();
    for _ in 0..head.frames {
        let (frame, behind) = postcard::take_from_bytes::<&[u8]>(rest).map_err(|_| Malformed)?;
        frames.push(frame);
        rest = behind;
    }
    if rest.is_empty() {
        Ok((head, frames))
    } else {
        Err(Malformed)
    }
}

#[cfg(test)]
mod tests;

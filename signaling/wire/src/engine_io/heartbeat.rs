//! Pings of the server and pongs of the client.

use super::open::Settings;
use crate::time::Millis;

/// A worker that comes late to a ping by more than one part in this many of the ping timeout gives the client its whole
/// time from then on.
const PUNCTUAL: u64 = 4;

/// The rhythm of one session: a ping each interval, and a pong within the timeout.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// When the next ping is to be sent, or, while a pong is awaited, when the wait is over.
    due: Millis,
    /// When the next regular ping is to be sent, a whole number of intervals after the first: sessions that were pinged off
    /// schedule or have answered late, all at once perhaps, do not fall into step.
    beat: Millis,
    /// When the last packet came from the client.
    heard: Millis,
    pong: Pong,
}

/// Whether a pong is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pong {
    /// No ping is unanswered.
    Given,
    Awaited,
    /// It did not come in time, but other packets did: it is awaited once more, and no longer.
    Overdue,
}

/// What a heartbeat's deadline asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Send a ping.
    Ping,
    /// The client is gone.
    Timeout,
}

impl Heartbeat {
    /// The first ping comes one interval after the opening, or `early`.
    pub(super) fn start(settings: &Settings, early: u64, now: Millis) -> Self {
        let beat = now.after(settings.ping_interval.saturating_sub(early));
        Self {
            due: beat,
            beat,
            heard: now,
            pong: Pong::Given,
        }
    }

    /// When [`Self::tick`] is to be called.
    pub(super) fn due(&self) -> Millis {
        self.due
    }

    /// Sends a ping now, off schedule. `false` when one is unanswered as it is.
    pub(super) fn ping(&mut self, settings: &Settings, now: Millis) -> bool {
        if self.pong != Pong::Given {
            return false;
        }
        self.pong = Pong::Awaited;
        self.due = now.after(settings.ping_timeout);
        true
    }

    /// A packet came from the client.
    pub(super) fn heard(&mut self, now: Millis) {
        self.heard = now;
    }

    /// A pong came; the next ping is an interval away at most.
    pub(super) fn pong(&mut self, settings: &Settings, now: Millis) {
        self.pong = Pong::Given;
        self.move_beat(settings, now);
        self.due = self.beat;
    }

    /// Moves the next beat into the future.
    fn move_beat(&mut self, settings: &Settings, now: Millis) {
        if self.beat <= now {
            let over = now.since(self.beat) / settings.ping_interval.max(1) + 1;
            self.beat = self.beat.after(settings.ping_interval.saturating_mul(over));
        }
    }

    /// What is due by `now`, if anything.
    pub(super) fn tick(&mut self, settings: &Settings, now: Millis) -> Option<Beat> {
        if now < self.due {
            return None;
        }
        match self.pong {
            Pong::Given => {
                let on_time = now.since(self.due) <= settings.ping_timeout / PUNCTUAL;
                let sent = if on_time { self.due } else { now };
                self.move_beat(settings, now);
                self.ping(settings, sent);
                Some(Beat::Ping)
            }
            // Who is heard of is not gone: the pong may be held up behind what else the client sends.
            Pong::Awaited if self.heard.after(settings.ping_timeout) > now => {
                self.pong = Pong::Overdue;
                self.due = self.heard.after(settings.ping_timeout);
                None
            }
            Pong::Awaited | Pong::Overdue => Some(Beat::Timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        ping_interval: 300,
        ping_spread: 60,
        ping_timeout: 200,
        upgrade_timeout: 10_000,
        close_timeout: 2_000,
        max_payload: 1_000,
        max_waiting: 1_000,
        transports: super::super::open::Transports::ALL,
    };

    #[test]
    fn a_ping_comes_each_interval() {
        let mut heartbeat = Heartbeat::start(&SETTINGS, 0, Millis(1_000));
        assert_eq!(heartbeat.tick(&SETTINGS, Millis(1_299)), None);
        assert_eq!(heartbeat.tick(&SETTINGS, Millis(1_300)), Some(Beat::Ping));
        heartbeat.pong(&SETTINGS, Millis(1_350));
        assert_eq!(heartbeat.due(), Millis(1_600));
        assert_eq!(heartbeat.tick(&SETTINGS, Millis(1_601)), Some(Beat::Ping));
        heartbeat.pong(&SETTINGS, Millis(1_602));
        assert_eq!(heartbeat.due(), Millis(1_900));
    }

    #[test]
    fn a_session_whose_first_ping_was_early_keeps_its_rhythm() {
        let mut heartbeat = Heartbeat::start(&SETTINGS, 60, Millis(1_000));
        assert_eq!(heartbeat.tick(&SETTINGS, Millis(1_239)), None);
        assert_eq!(heartbeat.tick(&SETTINGS, Millis(1_240)), Some(Beat::Ping));
        heartbeat.pong(&SETTINGS, Millis(1_250));
        assert_eq!(heartbeat.due(), Millis(1_540));
    }

    #[test]
    fn an_unanswered_ping_ends_the_session_even_when_it_was_sent_a_little_late() {
        let mut heartbeat = Heartbeat::start(&SETTINGS, 0, Millis(0));
        assert_eq!(heartbeat.tick(&SETTINGS, Millis(302)), Some(Beat::Ping));
        assert_eq!(heartbeat.tick(&SETTINGS, Millis(499)), None);
        assert_eq!(heartbeat.tick(&SETTINGS, Millis(500)), Some(Beat::Timeout));
    }

    #[test]
    fn a_worker_that_was_stopped_gives_the_client_its_whole_time() {
        let mut heartbeat = Heartbeat::start(&SETTINGS, 0, Millis(0));
        assert_eq!(heartbeat.tick(&SETTINGS, Millis(5_000)), Some(Beat::Ping));
        assert_eq!(heartbeat.due(), Millis(5_200));
        heartbeat.pong(&SETTINGS, Millis(5_001));
        assert_eq!(
            heartbeat.due(),
            Millis(5_100),
            "and then the session has its rhythm back"
        );
    }

    #[test]
    fn a_client_that_sends_is_given_its_time_once_more_for_a_late_pong() {
        let mut heartbeat = Heartbeat::start(&SETTINGS, 0, Millis(0));
        heartbeat.tick(&SETTINGS, Millis(300));
        heartbeat.heard(Millis(450));
        assert_eq!(heartbeat.tick(&SETTINGS, Millis(500)), None);
        assert_eq!(heartbeat.due(), Millis(650));
        heartbeat.heard(Millis(649));
        assert_eq!(
            heartbeat.tick(&SETTINGS, Millis(650)),
            Some(Beat::Timeout),
            "once, and no longer"
        );
    }

    #[test]
    fn a_ping_off_schedule_leaves_the_rhythm_alone_and_is_not_doubled() {
        let mut heartbeat = Heartbeat::start(&SETTINGS, 0, Millis(0));
        assert!(heartbeat.ping(&SETTINGS, Millis(100)));
        assert!(!heartbeat.ping(&SETTINGS, Millis(110)));
        assert_eq!(heartbeat.due(), Millis(300));
        heartbeat.pong(&SETTINGS, Millis(120));
        assert_eq!(heartbeat.due(), Millis(300));
        // One that is answered after the regular one would have been sent takes its place.
        assert!(heartbeat.ping(&SETTINGS, Millis(290)));
        heartbeat.pong(&SETTINGS, Millis(310));
        assert_eq!(heartbeat.due(), Millis(600));
    }
}

//! A worker's settings.

use std::time::Duration;

use crate::event::Limits;
use crate::id::WorkerId;
use crate::session::Rate;

/// A worker's settings. The defaults are the contract's.
#[derive(Clone, Debug)]
pub struct Config {
    /// The worker's own name.
    pub worker: WorkerId,
    /// Bounds of what clients send.
    pub limits: Limits,
    /// How long a lost client is waited for.
    pub resume_window: Duration,
    /// How long a lost transport takes to be noticed: ping interval and ping timeout together.
    pub ping_time: Duration,
    /// How long someone waits before `match_timeout`.
    pub match_timeout: Duration,
    /// `find_match`, `cancel_match`, `leave_match` and `next_match` of one session.
    pub request_rate: Rate,
    /// Signals of one session.
    pub signal_rate: Rate,
    /// Texts of one session.
    pub text_rate: Rate,
    /// A sign of life younger than this is good enough for a match.
    pub alive_within: Duration,
    /// How long a just-in-time ping may take.
    pub alive_timeout: Duration,
    /// How long a session stays reserved without a commit.
    pub reserve_for: Duration,
    /// How long other workers are asked for a session before a client is told that it is not recovered.
    pub summon_timeout: Duration,
    /// How long a partner's owner may take to confirm a match that is resumed.
    pub confirm_timeout: Duration,
    /// How long after a match its partner may be blocked or reported.
    pub report_within: Duration,
    /// How old a session's record may become before it is written again; none are written without it.
    pub save_every: Option<Duration>,
    /// How long a partner of the same pod is hoped for: little beside how long people wait anyway.
    pub prefer_own_for: Duration,
}

impl Config {
    /// The contract's settings for this worker.
    #[must_use]
    pub fn new(worker: WorkerId) -> Self {
        Self {
            worker,
            limits: Limits::default(),
            resume_window: Duration::from_secs(60),
            ping_time: Duration::from_secs(45),
            match_timeout: Duration::from_secs(60),
            request_rate: Rate {
                per_second: 1,
                burst: 10,
            },
            signal_rate: Rate {
                per_second: 50,
                burst: 200,
            },
            text_rate: Rate {
                per_second: 5,
                burst: 20,
            },
            alive_within: Duration::from_secs(2),
            alive_timeout: Duration::from_millis(1500),
            reserve_for: Duration::from_secs(2),
            summon_timeout: Duration::from_millis(500),
            confirm_timeout: Duration::from_secs(1),
            report_within: Duration::from_secs(300),
            save_every: None,
            prefer_own_for: Duration::from_millis(150),
        }
    }
}

//! What to measure, and how much of it.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::server::Kind;

/// Measures the signaling pod beside a bare WebSocket echo and Node's socket.io.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench")]
pub struct Options {
    /// Few rounds of little: for a look while working, not for figures to be quoted.
    #[arg(long)]
    pub quick: bool,
    /// Measure these alone, comma-separated.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Section>,
    /// The servers to measure, comma-separated.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "pod,echo,node")]
    pub servers: Vec<Kind>,
    /// How often each server is measured, in turn with the others [default: 7, or 3 when quick].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: Option<u16>,
    /// Sessions to measure with, instead of each section's own number.
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..))]
    pub sessions: Option<u16>,
    /// Events that each session has under way when they come as fast as they can: by default a call's description and
    /// its candidates.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub window: u16,
    /// Where to write the figures.
    #[arg(long, default_value = "bench.json")]
    pub json: PathBuf,
}

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// User memory per session: idle, in a call, after it.
    Memory,
    /// CPU time per relayed event, under load.
    Relay,
    /// How long an event takes at a steady 2,000 a second.
    Latency,
    /// New sessions per second.
    Handshakes,
    /// CPU time per match.
    Match,
    /// The same for what goes from one of several servers to another over Redis: CPU time and commands per event and per
    /// match, and latency.
    Cross,
}

/// How much of everything.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Sizes {
    /// Times that each server is measured.
    pub(super) rounds: u16,
    /// Sessions whose memory is measured.
    pub(super) memory_sessions: usize,
    /// Sessions that relay.
    pub(super) relay_sessions: usize,
    /// Events relayed in a round.
    pub(super) relay_events: usize,
    /// Rounds of them before the first that counts: until Node has compiled what it runs, and the pod keeps as much of
    /// what each session has sent as it ever does.
    pub(super) relay_warm_up: u16,
    /// Events that each session has under way.
    pub(super) window: usize,
    /// Events whose latency is measured in a round.
    pub(super) latency_events: usize,
    /// Sessions opened in a round.
    pub(super) handshakes: usize,
    /// Sessions that look for each other, and how often they do in a round.
    pub(super) match_sessions: usize,
    pub(super) matches_each: usize,
    /// Sessions of several servers over one Redis, and how many events each of them sends in a round.
    pub(super) cross_sessions: usize,
    pub(super) cross_each: usize,
    /// Events that all of them together have under way.
    pub(super) cross_under_way: usize,
    /// Sessions of several servers that look for each other, as often as those of one.
    pub(super) cross_match_sessions: usize,
}

impl Sizes {
    /// How many sockets are open at once, at most: those of all servers, in the generator.
    pub(super) fn most_sockets(&self) -> u64 {
        let all_servers = 3 * self.relay_sessions;
        [
            self.memory_sessions,
            all_servers,
            self.handshakes,
            self.match_sessions,
            2 * self.cross_sessions + self.cross_match_sessions,
        ]
        .into_iter()
        .max()
        .unwrap_or(0) as u64
    }
}

impl Options {
    pub(super) fn sections(&self) -> Vec<Section> {
        match &self.only[..] {
            [] => Section::value_variants().to_vec(),
            only => only.to_vec(),
        }
    }

    pub(super) fn sizes(&self) -> Sizes {
        let of = |whole: usize, quick: usize| if self.quick { quick } else { whole };
        // An even number: they are paired.
        let sessions = |whole, quick| self.sessions.map_or(of(whole, quick), usize::from) / 2 * 2;
        let relay_sessions = sessions(1_000, 400);
        Sizes {
            rounds: self.rounds.unwrap_or(if self.quick { 3 } else { 7 }),
            memory_sessions: sessions(10_000, 2_000),
            relay_sessions,
            // No session may come near the 200 signals at once that the pod allows it.
            relay_events: relay_sessions * of(100, 50),
            relay_warm_up: if self.quick { 1 } else { 4 },
            window: usize::from(self.window),
            latency_events: of(10_000, 2_000),
            handshakes: sessions(5_000, 1_000),
            match_sessions: sessions(1_000, 400),
            matches_each: of(4, 2),
            cross_sessions: sessions(500, 100),
            cross_each: of(190, 50),
            cross_under_way: 500,
            cross_match_sessions: sessions(1_024, 64),
        }
    }
}

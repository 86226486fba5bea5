//! Events from one of a pair to the other, as fast as they come: what an event costs the server.
//!
//! Each session has one event under way: the next one is sent when its partner has got the last. A call's signals are
//! sent again and again: a description of 2 KB, then four candidates.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::frames;
use super::matches::{pair, part};
use super::options::Sizes;
use super::process::Cores;
use super::report::{Quantity, Samples};
use super::server::{Kind, Server};
use super::sockets::{Incoming, Sockets};
use super::start;

/// Sessions of one server in pairs. The echo's sessions are their own partners.
pub(super) struct Pairs<'a> {
    pub(super) server: &'a Server,
    pub(super) calls: Calls,
}

/// Sessions in pairs that talk.
pub(super) struct Calls {
    pub(super) sockets: Sockets,
    pub(super) partner: Vec<usize>,
    signals: Vec<Vec<u8>>,
    /// How many signals each session has sent.
    sent: Vec<usize>,
    /// When the sessions may send again as many signals as they like.
    rested: Instant,
}

/// The pod allows a session 200 signals at once, and then one each 20 ms.
const REST_FOR_EACH: Duration = Duration::from_millis(20);

pub(super) fn measure(
    servers: &[Kind],
    sizes: &Sizes,
    cores: Cores,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let servers = start(servers, cores)?;
    let mut pairs = Pairs::of_each(&servers, sizes.relay_sessions)?;
    for round in 0..sizes.relay_warm_up + sizes.rounds {
        for Pairs { server, calls } in &mut pairs {
            let _turn = server.take_turn()?;
            calls.rest();
            let each = sizes.relay_events / calls.partner.len();
            let (cpu, began) = (server.cpu_time()?, Instant::now());
            calls.relay(0..calls.partner.len(), each, sizes.window)?;
            let (cpu, wall) = (server.cpu_time()? - cpu, began.elapsed());
            if round < sizes.relay_warm_up {
                continue;
            }
            let events = sizes.relay_events as f64;
            samples.add(
                Quantity::RelayCpu,
                server.kind,
                cpu.as_secs_f64() * 100_000.0 / events,
            );
            samples.add(Quantity::RelayRate, server.kind, events / wall.as_secs_f64());
        }
    }
    Ok(())
}

impl<'a> Pairs<'a> {
    pub(super) fn of_each(servers: &'a [Server], sessions: usize) -> anyhow::Result<Vec<Self>> {
        servers
            .iter()
            .map(|server| Self::open(server, sessions))
            .collect()
    }

    fn open(server: &'a Server, sessions: usize) -> anyhow::Result<Self> {
        let _turn = server.take_turn()?;
        Self::among(server, Sockets::open(server, sessions)?)
    }

    /// Has the sessions find their partners.
    pub(super) fn among(server: &'a Server, mut sockets: Sockets) -> anyhow::Result<Self> {
        let partner = match server.kind {
            Kind::Echo => (0..sockets.len()).collect(),
            Kind::Pod | Kind::Node => pair(&mut sockets)?,
        };
        let calls = Calls::new(sockets, partner);
        Ok(Self { server, calls })
    }

    /// Has all hang up and find new partners: what a call leaves with the server goes with it, as in real life.
    pub(super) fn call_anew(&mut self) -> anyhow::Result<()> {
        if self.server.kind.is_socket_io() {
            let calls = &mut self.calls;
            part(&mut calls.sockets, &calls.partner)?;
            calls.partner = pair(&mut calls.sockets)?;
            calls.sent.fill(0);
        }
        Ok(())
    }
}

impl Calls {
    /// Sessions that have found these partners.
    pub(super) fn new(sockets: Sockets, partner: Vec<usize>) -> Self {
        Self {
            sent: vec![0; sockets.len()],
            sockets,
            partner,
            signals: frames::call(),
            rested: Instant::now(),
        }
    }

    /// Sends the next signal of a session.
    pub(super) fn send_next(&mut self, from: usize) -> anyhow::Result<()> {
        let frame = &self.signals[self.sent[from] % self.signals.len()];
        self.sent[from] += 1;
        self.sockets.send(from, frame)
    }

    /// Waits until the server lets the sessions send as much as ever.
    pub(super) fn rest(&self) {
        std::thread::sleep(self.rested.saturating_duration_since(Instant::now()));
    }

    /// Has each of the `senders` send `each` signals, with `window` of them under way.
    pub(super) fn relay(&mut self, senders: Range<usize>, each: usize, window: usize) -> anyhow::Result<()> {
        let until: Vec<usize> = self.sent.iter().map(|sent| sent + each).collect();
        let mut missing = each * senders.len();
        for session in senders {
            for _ in 0..window.min(each) {
                self.send_next(session)?;
            }
        }
        let Self {
            sockets,
            partner,
            signals,
            sent,
            ..
        } = self;
        while missing > 0 {
            sockets.wait(None, |sockets, at, incoming| {
                if !is_signal(&incoming)? {
                    return Ok(());
                }
                missing -= 1;
                let from = partner[at];
                if sent[from] < until[from] {
                    sockets.send(from, &signals[sent[from] % signals.len()])?;
                    sent[from] += 1;
                }
                Ok(())
            })?;
        }
        self.rested = Instant::now() + REST_FOR_EACH * u32::try_from(each)?;
        Ok(())
    }
}

/// Whether a partner's signal has come. What says that one was not taken is an error.
pub(super) fn is_signal(incoming: &Incoming<'_>) -> anyhow::Result<bool> {
    let Incoming::Text(text) = incoming else {
        return Ok(false);
    };
    for refusal in [&b"42[\"error\""[..], b"42[\"rate_limited\"", b"42[\"peer_"] {
        if text.starts_with(refusal) {
            bail!("a signal was not taken: {}", String::from_utf8_lossy(text));
        }
    }
    Ok(text.starts_with(b"42[\"webrtc_"))
}

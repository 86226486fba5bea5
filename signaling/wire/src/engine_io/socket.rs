//! One session of the server: which transport carries it, what its packets mean, and what is due when.

mod closing;
mod polling;
mod upgrade;

use super::heartbeat::{Beat, Heartbeat};
use super::open::{Settings, Transport};
use super::outbox::Outbox;
use super::packet::{InvalidPacket, Packet};
use crate::time::Millis;

pub use closing::Ending;
pub use polling::Unserved;
pub use upgrade::Probe;

use closing::Stage;
use upgrade::Upgrade;

/// A moment that never comes.
const NEVER: Millis = Millis(u64::MAX);

/// The state machine of one session.
///
/// While polling carries it, packets to the client wait here ([`Self::push`]) until [`Self::take_response`] moves them
/// into the answer to a poll. Once a WebSocket carries it, the caller writes packets itself, and nothing is held here.
#[derive(Debug)]
pub struct Socket {
    heartbeat: Heartbeat,
    outbox: Outbox,
    /// When an upgrade that is under way has taken too long.
    upgrade_until: Millis,
    /// When a session that is closing is given up.
    close_until: Millis,
    transport: Transport,
    stage: Stage,
    upgrade: Upgrade,
    /// A poll hangs.
    polling: bool,
    /// A POST is being read.
    posting: bool,
}

/// What a packet of the client means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// The answer to a ping: the client is alive.
    Pong,
    /// The client closes the session. Nothing that follows counts.
    Close,
    /// Nothing of meaning here; ignored, as the reference server does.
    Nothing,
}

/// What a deadline asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a ping.
    Ping,
    /// End the session: a ping was not answered in time.
    PingTimeout,
    /// Close the WebSocket of the upgrade; the session stays where it is.
    UpgradeTimeout,
    /// End the session: it has been closing for long enough.
    CloseTimeout,
}

/// The client breaks the protocol. Its session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// What came is no packet.
    #[error(transparent)]
    InvalidPacket(#[from] InvalidPacket),
    /// In this revision, pings come from the server.
    #[error("a ping from a client")]
    PingFromClient,
    /// A poll while another one hangs, or a POST while another one is being read.
    #[error("two requests at once")]
    Overlap,
}

impl Socket {
    /// A session that begins on `transport`. Its first ping comes `early`, by a random number of milliseconds up to
    /// [`Settings::ping_spread`].
    #[must_use]
    pub fn open(transport: Transport, settings: &Settings, early: u64, now: Millis) -> Self {
        Self {
            heartbeat: Heartbeat::start(settings, early, now),
            outbox: Outbox::default(),
            upgrade_until: NEVER,
            close_until: NEVER,
            transport,
            stage: Stage::Open,
            upgrade: Upgrade::None,
            polling: false,
            posting: false,
        }
    }

    /// What carries the session.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// When [`Self::handle_deadline`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Millis {
        match self.stage {
            Stage::Open => self.heartbeat.due().min(self.upgrade_until),
            Stage::Closing | Stage::Told => self.close_until.min(self.upgrade_until),
        }
    }

    /// What is due by `now`. Call it again until nothing is.
    pub fn handle_deadline(&mut self, settings: &Settings, now: Millis) -> Option<Due> {
        if now >= self.close_until {
            return Some(Due::CloseTimeout);
        }
        if now >= self.upgrade_until {
            self.abandon_upgrade();
            return Some(Due::UpgradeTimeout);
        }
        if self.is_closing() {
            return None;
        }
        Some(match self.heartbeat.tick(settings, now)? {
            Beat::Ping => Due::Ping,
            Beat::Timeout => Due::PingTimeout,
        })
    }

    /// Begins a ping off schedule; the caller sends it. `false` when one is unanswered as it is, or the session closes.
    pub fn ping(&mut self, settings: &Settings, now: Millis) -> bool {
        !self.is_closing() && self.heartbeat.ping(settings, now)
    }

    /// Takes a packet that came on the session's transport.
    ///
    /// # Errors
    /// When the client must not send it. The session ends.
    pub fn receive<'a>(
        &mut self,
        packet: Packet<'a>,
        settings: &Settings,
        now: Millis,
    ) -> Result<Received<'a>, ProtocolError> {
        self.heartbeat.heard(now);
        Ok(match packet {
            Packet::Text(text) => Received::Text(text),
            Packet::Binary(bytes) => Received::Binary(bytes),
            Packet::Pong(_) => {
                self.heartbeat.pong(settings, now);
                Received::Pong
            }
            Packet::Close => Received::Close,
            Packet::Ping(_) => return Err(ProtocolError::PingFromClient),
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => Received::Nothing,
        })
    }
}

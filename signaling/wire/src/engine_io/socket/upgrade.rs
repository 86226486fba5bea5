//! How a session moves from polling to a WebSocket.

use super::super::open::{Settings, Transport};
use super::super::outbox::Body;
use super::super::packet::Packet;
use super::super::request::Refusal;
use super::{NEVER, Socket};
use crate::time::Millis;

/// How far an upgrade has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upgrade {
    None,
    /// A WebSocket has been opened for this session.
    Opened,
    /// It has been probed: polls are released, so that the client can switch.
    Probed,
}

/// What a packet on a WebSocket that is not yet the session's transport asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Answer `3probe`, on that WebSocket. A poll that hangs can be answered now.
    Answer,
    /// The WebSocket carries the session from now on. What waited must be [drained](Socket::drain) into it first.
    Switch,
    /// Close that WebSocket; the session stays where it is.
    Abandon,
}

impl Socket {
    /// A WebSocket has been asked for, to carry this session.
    ///
    /// # Errors
    /// When a WebSocket carries it already or may soon, or the session is closing.
    pub fn begin_upgrade(&mut self, settings: &Settings, now: Millis) -> Result<(), Refusal> {
        if self.is_closing() {
            return Err(Refusal::SessionUnknown);
        }
        if self.transport == Transport::WebSocket || self.upgrade != Upgrade::None {
            return Err(Refusal::BadRequest);
        }
        self.upgrade = Upgrade::Opened;
        self.upgrade_until = now.after(settings.upgrade_timeout);
        Ok(())
    }

    /// Whether a WebSocket has been opened for this session, and may still become its transport.
    #[must_use]
    pub fn is_upgrading(&self) -> bool {
        self.upgrade != Upgrade::None && !self.is_closing()
    }

    /// Takes a packet that came on the WebSocket of the upgrade.
    pub fn receive_probe(&mut self, packet: Packet<'_>) -> Probe {
        match packet {
            Packet::Ping("probe") if self.upgrade != Upgrade::None => {
                self.upgrade = Upgrade::Probed;
                Probe::Answer
            }
            Packet::Upgrade if self.upgrade != Upgrade::None => {
                self.abandon_upgrade();
                self.transport = Transport::WebSocket;
                Probe::Switch
            }
            _ => {
                self.abandon_upgrade();
                Probe::Abandon
            }
        }
    }

    /// The WebSocket of the upgrade is gone; the session stays where it is.
    pub fn abandon_upgrade(&mut self) {
        self.upgrade = Upgrade::None;
        self.upgrade_until = NEVER;
    }

    /// Appends what waited, in order, as one payload, when the transport has been switched to a WebSocket elsewhere.
    pub fn take_waiting(&mut self, payload: &mut Vec<u8>) {
        self.outbox.take_all(payload);
    }

    /// Hands over what waited, in order, when the transport has been switched.
    pub fn drain(&mut self, take: impl FnMut(Body<'_>)) {
        self.outbox.drain(take);
    }
}

//! How the server closes a session, and what its last words are.

use super::super::open::Settings;
use super::Socket;
use crate::time::Millis;

/// How far the server has come with closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Open,
    /// The server has begun to close; what the client has sent until it knows is still taken.
    Closing,
    /// Closing, and the client has been told.
    Told,
}

/// Who ends a session. Decides what a poll that hangs is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client: its poll is released.
    ByClient,
    /// The server, for whatever reason: its poll says so.
    ByServer,
}

impl Socket {
    /// Whether the server has begun to close.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.stage != Stage::Open
    }

    /// Whether a client that polls has been given the close packet.
    #[must_use]
    pub fn has_told_closing(&self) -> bool {
        self.stage == Stage::Told
    }

    /// Begins to close: the next poll is told, once it has what waits. `false` when the session was closing.
    pub fn close(&mut self, settings: &Settings, now: Millis) -> bool {
        if self.is_closing() {
            return false;
        }
        self.stage = Stage::Closing;
        self.close_until = now.after(settings.close_timeout);
        true
    }

    /// Ends the session, which takes nothing more. Appends the answer to a poll that still hangs, if one does (`true`): what
    /// waits, or that it is over.
    pub fn end(&mut self, ending: Ending, settings: &Settings, out: &mut Vec<u8>) -> bool {
        if !self.polling {
            return false;
        }
        if !self.take_response(settings, out) {
            out.push(match ending {
                Ending::ByClient => b'6',
                Ending::ByServer => b'1',
            });
        }
        true
    }
}

//! What a session does with GETs and POSTs while polling carries it.

use super::super::open::{Settings, Transport};
use super::super::outbox::Full;
use super::super::request::Refusal;
use super::closing::Stage;
use super::upgrade::Upgrade;
use super::{ProtocolError, Socket};

/// Why a request for an existing session is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// It is refused, and the session goes on.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It breaks the protocol: refused with [`Refusal::BadRequest`], and the session ends.
    #[error(transparent)]
    Broken(#[from] ProtocolError),
}

impl Socket {
    /// Keeps a packet for the next poll: its type (a digit, or `b` for binary) and what it carries, concatenated.
    ///
    /// # Errors
    /// When more than [`Settings::max_waiting`] would wait.
    pub fn push(&mut self, kind: u8, parts: &[&[u8]], settings: &Settings) -> Result<(), Full> {
        self.outbox.push(kind, parts, settings.max_waiting)
    }

    /// A poll has come. It hangs until [`Self::take_response`] has an answer.
    ///
    /// # Errors
    /// When this session is not polled, or another poll hangs.
    pub fn poll(&mut self) -> Result<(), Unserved> {
        self.expect_polling()?;
        if std::mem::replace(&mut self.polling, true) {
            return Err(ProtocolError::Overlap.into());
        }
        Ok(())
    }

    /// Appends the answer to the poll that hangs, if there is one and there is something to say.
    pub fn take_response(&mut self, settings: &Settings, out: &mut Vec<u8>) -> bool {
        if !self.polling {
            return false;
        }
        if self.transport == Transport::WebSocket {
            out.push(b'6');
        } else if !self.outbox.is_empty() {
            self.outbox.fill(settings, out);
        } else if self.is_closing() {
            self.stage = Stage::Told;
            out.push(b'1');
        } else if self.upgrade == Upgrade::Probed {
            out.push(b'6');
        } else {
            return false;
        }
        self.polling = false;
        true
    }

    /// A POST has come; its body is being read.
    ///
    /// # Errors
    /// When this session does not take any, or another one is being read.
    pub fn begin_post(&mut self) -> Result<(), Unserved> {
        self.expect_polling()?;
        if std::mem::replace(&mut self.posting, true) {
            return Err(ProtocolError::Overlap.into());
        }
        Ok(())
    }

    /// The body of the POST has been taken.
    pub fn end_post(&mut self) {
        self.posting = false;
    }

    fn expect_polling(&self) -> Result<(), Refusal> {
        match self.transport {
            Transport::Polling => Ok(()),
            Transport::WebSocket => Err(Refusal::BadRequest),
        }
    }
}

//! One session's place in its worker: what carries it, and what has not been written yet.

use std::io;

use signaling_core::id::ConnectionId;
use signaling_core::time::Millis;
use signaling_wire::engine_io::Socket;
use signaling_wire::websocket::CloseCode;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::poll::Answer;
use super::stream::WriteHalf;

/// Why the server closes a connection. All but [`Self::GoingAway`] make no difference to stock clients: they come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// 1000: there is nothing more to say.
    Normal,
    /// 1001: the pod is drained.
    GoingAway,
    /// 1008: the client broke a rule of the application.
    Policy,
    /// 1011: the server failed.
    Internal,
}

impl Close {
    /// The code in the WebSocket close frame.
    #[must_use]
    pub const fn code(self) -> CloseCode {
        match self {
            Self::Normal => CloseCode::NORMAL,
            Self::GoingAway => CloseCode::GOING_AWAY,
            Self::Policy => CloseCode::POLICY,
            Self::Internal => CloseCode::INTERNAL,
        }
    }
}

/// A session of a worker. Small: there is one for each person, and most of them are silent.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    /// The random bits of the session's identifier.
    pub(super) salt: u64,
    pub(super) socket: Socket,
    pub(super) carrier: Carrier,
    /// When the worker looks after the session next.
    pub(super) armed: Option<Millis>,
    /// What is to be written to the WebSocket. Owns no memory while there is nothing.
    pub(super) out: Vec<u8>,
    pub(super) writing: Writing,
}

/// What carries a session.
#[derive(Debug)]
pub(super) enum Carrier {
    Polling {
        /// The poll that hangs.
        poll: Option<oneshot::Sender<Answer>>,
        /// The task that reads the WebSocket of an upgrade.
        probe: Option<AbortHandle>,
    },
    WebSocket {
        write: WriteHalf,
        /// The task that reads it. None while that task is being started.
        reader: Option<AbortHandle>,
    },
}

/// Who writes what is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// There is nothing to write.
    Idle,
    /// The engine, when those that can be read now have been.
    Soon,
    /// A task that waits for the socket to take more.
    Task,
    /// Nobody any more: the socket is dead, and its reader is about to find out.
    Dead,
}

/// How far a write has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    All,
    /// The socket takes no more for now.
    Part,
    /// The socket is dead.
    Nothing,
}

/// Writes `bytes` in one system call, where the socket takes them, and removes from the front what it took.
pub(super) fn write_out(write: &WriteHalf, bytes: &mut Vec<u8>) -> Written {
    match write.try_write(bytes) {
        Ok(count) if count == bytes.len() => {
            bytes.clear();
            Written::All
        }
        Ok(0) => Written::Nothing,
        Ok(count) => {
            bytes.drain(..count);
            Written::Part
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Written::Part,
        Err(_) => Written::Nothing,
    }
}

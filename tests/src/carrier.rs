//! What carries the packets of a session: a WebSocket, or polls, until they become one.

use std::task::{Context, Poll, ready};

use signaling_wire::engine_io;
use signaling_wire::websocket::Message;

use crate::connection::{ConnectError, Ended, Handshake};
use crate::polling::{Failed, Polling, packets};
use crate::target::Target;
use crate::websocket::{Closed, Outbox, Traffic, WebSocket};

/// What carries the packets of a session.
#[derive(Debug)]
pub(crate) enum Carrier {
    WebSocket(WebSocket),
    Polling {
        polling: Box<Polling>,
        /// A payload that came when the session was opened.
        early: Option<String>,
    },
    /// A WebSocket, and what went before it over polls.
    Upgraded(WebSocket, Traffic),
}

impl From<Failed> for Ended {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Closed(closed) => Self::Closed(closed),
            Failed::Status(status) => Self::Refused(status),
        }
    }
}

impl Carrier {
    /// Opens a session over polls, which moves to a WebSocket as soon as it can where it `upgrades`.
    pub(crate) async fn poll(target: &Target, upgrades: bool) -> Result<Self, ConnectError> {
        let (mut polling, payload) = Polling::open(target).await?;
        let broken = || Ended::Protocol("a session is opened with its handshake".into());
        let open = match packets(&payload).next().map(engine_io::Packet::parse) {
            Some(Ok(engine_io::Packet::Open(open))) => open,
            _ => return Err(broken().into()),
        };
        let handshake: Handshake = serde_json::from_str(open).map_err(|_| broken())?;
        polling.name(&handshake.sid, upgrades);
        Ok(Self::Polling {
            polling: Box::new(polling),
            early: Some(payload),
        })
    }

    pub(crate) fn outbox(&mut self) -> &mut Outbox {
        match self {
            Self::WebSocket(socket) | Self::Upgraded(socket, _) => socket.outbox(),
            Self::Polling { polling, .. } => polling.outbox(),
        }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        match self {
            Self::WebSocket(socket) => socket.traffic(),
            Self::Polling { polling, .. } => polling.traffic(),
            Self::Upgraded(socket, before) => {
                let Traffic { sent, received } = socket.traffic();
                Traffic {
                    sent: sent + before.sent,
                    received: received + before.received,
                }
            }
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        match self {
            Self::WebSocket(socket) | Self::Upgraded(socket, _) => socket.poll_flush(cx).map_err(Ended::from),
            Self::Polling { polling, .. } => polling.poll_flush(cx).map_err(Ended::from),
        }
    }

    /// Reads once, and hands out the packets that came.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&str, &mut Outbox),
    ) -> Poll<Result<(), Ended>> {
        if let Self::Polling { polling, early } = self {
            let payload = match early.take() {
                Some(payload) => Some(payload),
                None => ready!(polling.poll_read(cx))?,
            };
            if let Some(payload) = payload {
                packets(&payload).for_each(|packet| take(packet, polling.outbox()));
                return Poll::Ready(Ok(()));
            }
            let before = polling.traffic();
            match polling.upgraded() {
                Some(socket) => *self = Self::Upgraded(socket, before),
                None => return Poll::Ready(Err(Closed::Ended.into())),
            }
            // What waits to be sent is sent before anything is waited for.
            return Poll::Ready(Ok(()));
        }
        let (Self::WebSocket(socket) | Self::Upgraded(socket, _)) = self else {
            return Poll::Pending;
        };
        let read = socket.poll_read(cx, |message, outbox| match message {
            Message::Text(text) => take(text, outbox),
            _ => take("", outbox),
        });
        read.map_err(Ended::from)
    }
}

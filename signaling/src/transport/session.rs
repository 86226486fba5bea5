//! What a packet of a client does, by whatever transport it came.

use std::ops::ControlFlow;

use signaling_core::id::ConnectionId;
use signaling_wire::engine_io::{InvalidPacket, Packet, ProtocolError, Received};

use super::application::{Application, Closing, Event, Loss};
use super::engine::{Engine, wire};

/// Why nothing more is taken from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The session has ended otherwise.
    Gone,
    /// The client closes the session.
    Closed,
    /// The client breaks the protocol.
    Broken,
}

impl Stop {
    /// How the session ends, that is still there.
    pub(super) fn how(self) -> Closing {
        match self {
            Self::Gone | Self::Closed => Closing::Lost(Loss::ClosePacket),
            Self::Broken => Closing::Lost(Loss::Protocol),
        }
    }
}

/// Takes a packet, and lets the application know what it means.
pub(super) fn take_packet<A: Application>(
    application: &mut A,
    engine: &mut Engine,
    id: ConnectionId,
    packet: Result<Packet<'_>, InvalidPacket>,
) -> ControlFlow<Stop> {
    let (settings, now) = (engine.settings, wire(engine.now()));
    let Some(connection) = engine.get_mut(id) else {
        return ControlFlow::Break(Stop::Gone);
    };
    let received = packet
        .map_err(ProtocolError::from)
        .and_then(|packet| connection.socket.receive(packet, &settings, now));
    match received {
        Ok(Received::Text(text)) => application.handle(Event::Text { id, text }, engine),
        Ok(Received::Binary(bytes)) => application.handle(Event::Binary { id, bytes }, engine),
        Ok(Received::Pong) => {
            engine.rearm(id);
            application.handle(Event::Alive { id }, engine);
        }
        Ok(Received::Nothing) => {}
        Ok(Received::Close) => return ControlFlow::Break(Stop::Closed),
        Err(_) => return ControlFlow::Break(Stop::Broken),
    }
    ControlFlow::Continue(())
}

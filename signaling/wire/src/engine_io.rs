//! Engine.IO, protocol revision 4, without I/O: the server's side.
//!
//! A request's query becomes a [`Request`] or is [`Refused`](Refusal); a POST's body is read by [`Payload`], a WebSocket
//! message by [`Packet::parse`]; both feed the [`Socket`] of their session, which knows what a packet means, when the
//! next ping is due, and what waits for the next poll. The caller owns sockets, clock and session identifiers.

mod heartbeat;
mod open;
mod outbox;
mod packet;
mod payload;
mod request;
mod socket;

pub use open::{Settings, Transport, Transports};
pub use outbox::{Body, Full};
pub use packet::{InvalidPacket, Packet};
pub use payload::{MAX_PACKETS_PER_PAYLOAD, Payload, SEPARATOR};
pub use request::{Method, Refusal, Request};
pub use socket::{Due, Ending, Probe, ProtocolError, Received, Socket, Unserved};

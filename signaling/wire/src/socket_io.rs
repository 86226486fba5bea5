//! The [Socket.IO protocol], revision 5, with its built-in parser.
//!
//! A packet is an Engine.IO message: text, and for the binary kinds one further binary message for each attachment.
//! Everything here works on message bodies, that is without the `4` in front which Engine.IO puts there.
//!
//! # Who validates what
//! - [`Packet::decode`] checks the head of a packet strictly and the payload by its outer shape alone: an EVENT's must
//!   start like an array whose first item is a string or a number, must not name a reserved event and must end with
//!   `]`. What lies between is not looked at. So the payload of a relayed event is scanned once, by whoever reads its
//!   arguments.
//! - [`Client`] adds the connection's state, the limits, and the whole check of a CONNECT payload, which is JSON when
//!   it is handed out.
//! - [`validate_event`] and [`validate_ack`] check arguments whole, as the reference implementation does before its
//!   handlers run. An application that does not parse the arguments itself, or must close the connection on invalid
//!   JSON, calls them.
//!
//! [Socket.IO protocol]: https://github.com/socketio/socket.io/blob/main/docs/socket.io-protocol/v5-current.md

mod client;
mod encode;
mod error;
mod json;
mod packet;

pub use client::{Client, Limits, Received};
pub use encode::{
    encode_ack, encode_connect, encode_connect_error, encode_disconnect, encode_event, encode_head,
};
pub use error::ProtocolError;
pub use json::{EventArgs, validate_ack, validate_event};
pub use packet::{Kind, MAX_NAMESPACE_BYTES, Packet};

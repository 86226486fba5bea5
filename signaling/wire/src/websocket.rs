//! WebSocket framing, [RFC 6455], without extensions.
//!
//! [`upgrade::validate`] judges the HTTP request, a [`Decoder`] turns the bytes that follow into [`Message`]s, and
//! [`encode`] and its siblings append frames to a buffer. Answering pings and closes is left to the caller, who
//! alone knows when what was written is on its way.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455

mod decode;
mod encode;
mod header;
mod mask;
mod message;
mod text;
pub mod upgrade;

pub use decode::{Decoder, ProtocolError};
pub use encode::{encode, encode_close, encode_close_masked, encode_frame, encode_masked};
pub use message::{CloseCode, CloseFrame, Message, Opcode, Role};
pub use upgrade::accept_key;

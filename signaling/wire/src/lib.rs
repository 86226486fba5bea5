//! The protocols between a socket and a chat: bytes in, packets and deadlines out.
//!
//! ```text
//! bytes of a socket → websocket::Decoder → message → engine_io → packet → socket_io::Client → event
//! event → socket_io::encode_… → engine_io → websocket::encode → bytes of a socket
//! ```
//!
//! Nothing here reads a socket, a clock or a source of randomness: bytes, [time](time::Millis) and mask keys are
//! arguments, what is to be done is the result. What was received is borrowed from the buffer that it was read
//! into, and what is sent is appended to a buffer of the caller's; a relayed event is never copied in between.
//!
//! Whatever the peer sends, no call panics and no state grows beyond the limits it was made with.

pub mod engine_io;
pub mod socket_io;
pub mod time;
pub mod websocket;

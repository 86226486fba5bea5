//! Clients made by hand, down to the byte, so that they can do everything wrong.

mod http;
mod person;
mod polling;
mod raw;
mod websocket;

pub use http::{Answer, ask, get, request};
pub use person::{Person, pair};
pub use polling::Polling;
pub use raw::{PATIENCE, Raw};
pub use websocket::{Heard, OPEN, UPGRADE, WebSocket, text_frame};

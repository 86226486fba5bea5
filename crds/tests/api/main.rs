//! The API as a cluster would show it: the definition is current and sound, a ChatService gets its defaults, and what is
//! wrong is refused with a sentence that helps. No cluster is needed: [`api_server`] does what the API server does.
#![allow(clippy::unwrap_used)]

mod accepted;
mod api_server;
mod current;
mod defaults;
mod definition;
mod refused;

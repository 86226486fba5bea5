//! The two protocols and WebSocket framing over real sockets, against the server of `examples/conformance`: the ground
//! that the suites of the protocols' authors and Autobahn's fuzzing client cover.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "../../examples/conformance/echo.rs"]
mod echo;
#[path = "../../examples/conformance/protocols.rs"]
mod protocols;
#[path = "../../examples/conformance/server.rs"]
mod server;

mod closing;
mod framing;
mod handshake;
mod heartbeat;
mod http;
mod limits;
mod namespaces;
mod packets;
mod polling;
mod started;
mod upgrade;
mod websocket;

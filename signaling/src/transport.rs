//! The Engine.IO server of a pod: sockets and HTTP on one side, an [`Application`] on the other.
//!
//! ```text
//! accept ─ round robin → worker: hyper (HTTP) ┬ everything else → axum::Router
//!                                             ├ GET, POST ──────→ poll ─────┐
//!                                             └ 101 ────────────→ websocket ┴→ Application::handle → Engine → sockets
//! ```
//!
//! A pod has one or more workers, each a thread with its own current-thread runtime, and nothing is shared between them
//! but mailboxes. A worker runs its application in sequence, in *turns*: one input (what one read of a socket, one POST,
//! one mail or one deadline brings), the events that it means, and then one write for each connection that was sent
//! anything. There is no task, channel, timer or lock for each message or connection beyond the one small task that
//! reads a WebSocket.
//!
//! A session belongs to the worker that opened it; its identifier names that worker. A request that reaches another
//! worker is forwarded to it, and a WebSocket is handed over as a socket. A request for a session of another pod is sent
//! on to that pod; but where it opens a WebSocket, the session comes to that.

mod accept;
mod application;
mod clock;
mod config;
mod connection;
mod engine;
mod fetch;
mod forward;
mod http;
mod mailbox;
mod patient;
mod poll;
mod reply;
mod session;
mod sid;
mod stream;
mod upgrade;
mod websocket;
mod worker;

pub use accept::accept;
pub use application::{Application, Closing, Event, Handshake, Loss, Notice, RefusalStatus, Refused};
pub use clock::Clock;
pub use config::{Config, Cors, Peers};
pub use connection::Close;
pub use engine::Engine;
pub use mailbox::{Inbox, Pod};
pub use stream::Stream;
pub use upgrade::Takeover;
pub use worker::Worker;

//! One worker with the suites' applications.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::any;
use signaling::transport::{self, Config, Cors, Pod, Worker};
use signaling_wire::engine_io::{Settings, Transports};
use signaling_wire::socket_io::Limits;
use tokio::net::TcpListener;

use crate::echo;
use crate::protocols::Protocols;

/// What the suites expect to be told in the handshake, and times that make them short.
pub(crate) const SETTINGS: Settings = Settings {
    ping_interval: 300,
    ping_spread: 0,
    ping_timeout: 200,
    upgrade_timeout: 10_000,
    close_timeout: 2_000,
    max_payload: 1_000_000,
    max_waiting: 16 * 1024 * 1024,
    transports: Transports::ALL,
};

/// What a Socket.IO client may ask for, and how long it may take to ask.
pub(crate) const LIMITS: Limits = Limits {
    connect_timeout_ms: 1_000,
    packet_bytes: 1_000_000,
    attachments: 10,
    namespaces: 8,
    depth: 32,
};

/// Serves until the listener is closed. Must be called within a [`tokio::task::LocalSet`].
pub(crate) async fn serve(listener: TcpListener, engine_io: Settings, socket_io: Limits) -> Result<()> {
    let config = Config {
        pod: "conformance".to_owned(),
        paths: vec!["/engine.io/".to_owned(), "/socket.io/".to_owned()],
        engine_io,
        cors: Cors::any(),
        ..Config::default()
    };
    let (pod, inboxes) = Pod::new(config, 1);
    let inbox = inboxes.into_iter().next().context("a pod of one worker")?;
    let router = Router::new().route("/echo", any(echo::upgrade));
    let worker = Worker::start(pod, inbox, Protocols::new(socket_io), router);
    transport::accept(&worker, listener).await;
    Ok(())
}

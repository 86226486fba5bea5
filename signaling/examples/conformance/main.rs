//! A server to run protocol test suites against, on the same layers as the pod.
//!
//! ```text
//! PORT=3000 cargo run --release --example conformance
//! ```
//!
//! - `/engine.io/` echoes every Engine.IO message.
//! - `/socket.io/` has the namespaces `/` and `/custom`; each answers a connection with the event `auth` and the payload
//!   of its CONNECT. On `/`, the event `message` comes back as `message-back`, and `message-with-ack` is acknowledged
//!   with its arguments.
//! - `/echo` echoes every WebSocket message of up to 16 MiB.
//!
//! It pings every 300 ms and waits 200 ms for a pong, so that a suite need not wait long.

mod protocols;
mod raw;

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::any;
use signaling::transport::{self, Config, Cors, Pod, Worker};
use signaling_wire::engine_io::Settings;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use crate::protocols::Protocols;

fn main() -> Result<()> {
    tracing_subscriber::fmt::init();
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse().context("PORT is a number up to 65535")?,
        Err(_) => 3000,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, serve(port))
}

async fn serve(port: u16) -> Result<()> {
    let config = Config {
        pod: "conformance".to_owned(),
        paths: vec!["/engine.io/".to_owned(), "/socket.io/".to_owned()],
        engine_io: Settings {
            ping_interval: 300,
            ping_timeout: 200,
            max_payload: 1_000_000,
            max_waiting: 16 * 1024 * 1024,
            ..Settings::default()
        },
        cors: Cors::any(),
        ..Config::default()
    };
    let listener = match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?,
    };
    tracing::info!(address = %listener.local_addr()?, "serving");
    let (pod, inboxes) = Pod::new(config, 1);
    let inbox = inboxes.into_iter().next().context("a pod of one worker")?;
    let router = Router::new().route("/echo", any(raw::upgrade));
    let worker = Worker::start(pod, inbox, Protocols::default(), router);
    transport::accept(&worker, listener).await;
    Ok(())
}

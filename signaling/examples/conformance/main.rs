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
//!
//! # What it is run against
//! - The suites of the protocols' authors, `docs/engine.io-protocol/v4-test-suite` and
//!   `docs/socket.io-protocol/v5-test-suite` in socket.io's repository: `npm ci && npm test` while the server listens on
//!   port 3000.
//! - Autobahn's fuzzing client (`autobahntestsuite`, for Python 2.7):
//!   `wstest -m fuzzingclient -s spec.json` with `{"servers":[{"url":"ws://127.0.0.1:3000/echo"}],"cases":["*"]}`. The
//!   cases 12 and 13 are about compression, which is not offered.
//!
//! They are not ours and not here; `tests/conformance` covers the same ground in our words.

mod echo;
mod protocols;
mod server;

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

fn main() -> Result<()> {
    tracing_subscriber::fmt::init();
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse().context("PORT is a number up to 65535")?,
        Err(_) => 3000,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = listen(port).await?;
        tracing::info!(address = %listener.local_addr()?, "serving");
        server::serve(listener, server::SETTINGS, server::LIMITS).await
    })
}

/// Listens on all addresses, of either kind where there is IPv6.
async fn listen(port: u16) -> Result<TcpListener> {
    Ok(match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?,
    })
}

//! What the tests of a whole service are made of.
//!
//! - [`pod`] starts the real `signaling` binary on a free port, waits until it listens, and ends it.
//! - [`target`] is where a service is: a URL, and how to open a socket there, with or without TLS.
//! - [`websocket`] is a client's WebSocket on [`signaling_wire`]: no task, timer or buffer of its own, so that one thread
//!   drives thousands.
//! - [`connection`] is Engine.IO and Socket.IO on top of that: packets out, packets in, pings answered by themselves.
//!   Whoever drives many clients or measures uses this one.
//! - [`client`] is a whole client for tests that read like a conversation: `call` an event and get its acknowledgement,
//!   wait for an `event` by its name.
//! - [`bench`] measures the pod beside a bare echo and Node's socket.io. It has sockets of its own, for every cycle of its
//!   one thread is one that the server may wait for.
//! - [`redis`] starts a real Redis on a free port.
//! - [`kubernetes`] is a real Kubernetes with nodes that are fake, and what tests do there.
//! - [`proxy`] stands between clients and a pod, and breaks what passes.
//! - [`chaos`] breaks a whole service in every way while people use it.
//! - [`load_test`] is the load test, [`open_files`] sees to it that many sockets may be open.
//!
//! ```no_run
//! # async fn conversation() -> anyhow::Result<()> {
//! use chat_tests::{client::Client, pod::Pod};
//! use serde_json::json;
//!
//! let pod = Pod::start(&[("CLUSTER_WORKERS", "1")])?;
//! let mut client = Client::connect(&pod.target()).await?;
//! assert_eq!(client.call("find_match", json!({"mode": "text"})).await?, json!({"ok": true}));
//! let waiting = client.event("waiting").await?;
//! assert_eq!(waiting["position"], 1);
//! client.leave().await?;
//! # Ok(())
//! # }
//! ```

pub mod bench;
mod carrier;
pub mod chaos;
pub mod client;
pub mod connection;
pub mod kubernetes;
pub mod load_test;
pub mod open_files;
mod output;
pub mod pod;
mod polling;
pub mod proxy;
pub mod redis;
pub mod target;
pub mod websocket;

//! The bus between pods: a channel for each worker.
//!
//! A message is one version byte, the sender's name with its length ahead, and a packet of the link between the two. It may
//! be lost, doubled or late: the link sees to that.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use redis::RedisError;
use redis::aio::{PubSubSink, PubSubStream};
use signaling_core::id::WorkerId;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep, timeout};

use super::Heard;
use super::backoff::Backoff;
use super::client::Wiring;
use super::server::{PATIENCE, Server, ServerError};
use super::shard::{self, ShardError};

/// The version of the messages that this pod writes.
const VERSION: u8 = 1;
/// How often a silent channel is asked whether it is still there.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Not a message of a version that this pod understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message of version {VERSION}")]
pub(super) struct Unreadable;

/// Why the bus is not listened to any more.
#[derive(Debug, thiserror::Error)]
enum BusError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Shard(#[from] ShardError),
    #[error("cannot subscribe: {0}")]
    Subscribe(#[source] RedisError),
    #[error("the connection has ended")]
    Ended,
    #[error("the connection does not answer")]
    Silent,
}

/// The channel of a worker, in a cluster that of a shard as well.
pub(super) fn channel(prefix: &str, worker: &WorkerId) -> String {
    format!("{prefix}:bus:{worker}")
}

/// Writes a message.
pub(super) fn encode(from: &WorkerId, packet: &[u8]) -> Vec<u8> {
    let name = from.as_str().as_bytes();
    let length = u8::try_from(name.len()).expect("a pod's name has 63 characters at most");
    let mut message = Vec::with_capacity(2 + name.len() + packet.len());
    message.extend_from_slice(&[VERSION, length]);
    message.extend_from_slice(name);
    message.extend_from_slice(packet);
    message
}

/// Reads a message: who sent it, and the packet.
pub(super) fn decode(message: &[u8]) -> Result<(WorkerId, &[u8]), Unreadable> {
    let [VERSION, length, rest @ ..] = message else {
        return Err(Unreadable);
    };
    let (name, packet) = rest.split_at_checked(usize::from(*length)).ok_or(Unreadable)?;
    let name = std::str::from_utf8(name).map_err(|_| Unreadable)?;
    Ok((name.into(), packet))
}

/// A connection that hears a channel.
enum Ear {
    /// Of a server.
    Single(PubSubSink, PubSubStream),
    /// Of a node of a cluster.
    Cluster(shard::Ear),
}

impl Ear {
    async fn open(server: &Server, channel: &str) -> Result<Self, BusError> {
        if server.is_cluster() {
            let opening = timeout(PATIENCE * 2, shard::Ear::open(server, channel));
            return Ok(Self::Cluster(opening.await.map_err(|_| BusError::Silent)??));
        }
        let mut connection = server.connect_to_listen().await?;
        let subscribed = timeout(PATIENCE, connection.subscribe(channel)).await;
        subscribed
            .map_err(|_| BusError::Silent)?
            .map_err(BusError::Subscribe)?;
        let (sink, messages) = connection.split();
        Ok(Self::Single(sink, messages))
    }

    /// Whether it hears what is published to a shard of a cluster.
    fn is_sharded(&self) -> bool {
        matches!(self, Self::Cluster(ear) if ear.is_sharded())
    }

    /// The next message.
    async fn next(&mut self) -> Result<Vec<u8>, BusError> {
        let message = match self {
            Self::Single(_, messages) => {
                let message = messages.next().await;
                message.map(|message| message.get_payload_bytes().to_vec())
            }
            Self::Cluster(ear) => ear.next().await,
        };
        message.ok_or(BusError::Ended)
    }

    /// Finds out whether there is still somebody at the other end: a connection that leads nowhere only falls silent.
    async fn answers(&mut self) -> Result<(), BusError> {
        let asked = match self {
            Self::Single(sink, _) => timeout(PATIENCE, sink.ping::<()>()).await,
            Self::Cluster(ear) => timeout(PATIENCE, ear.ping()).await,
        };
        match asked {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(BusError::Ended),
            Err(_) => Err(BusError::Silent),
        }
    }
}

/// Listens for as long as the worker lives.
pub(super) async fn listen(wiring: Wiring, own: String, heard: mpsc::Sender<Heard>) {
    let mut backoff = Backoff::new();
    loop {
        let began = Instant::now();
        match Ear::open(&wiring.server, &own).await {
            Ok(ear) => {
                let sharded = ear.is_sharded();
                wiring.state.connection_made();
                wiring.state.hears_shard(sharded);
                let ended = hand_on(&wiring, ear, &heard).await;
                wiring.state.connection_broken();
                wiring.state.is_deaf_to_shard(sharded);
                let Err(error) = ended else { return };
                tracing::debug!(channel = own, %error, "the bus is not heard any more");
            }
            Err(error) => tracing::debug!(channel = own, %error, "the bus cannot be heard"),
        }
        sleep(backoff.after(began.elapsed())).await;
    }
}

/// Hands on what is published, until the connection ends; or until nobody wants it, which is fine.
async fn hand_on(wiring: &Wiring, mut ear: Ear, heard: &mpsc::Sender<Heard>) -> Result<(), BusError> {
    let mut ask = interval(ASK_EVERY);
    loop {
        let message = tokio::select! {
            message = ear.next() => message?,
            _ = ask.tick() => {
                ear.answers().await?;
                continue;
            }
        };
        match decode(&message) {
            Ok((from, packet)) => {
                let bytes = packet.to_vec();
                match heard.try_send(Heard::Packet { from, bytes }) {
                    Ok(()) => {}
                    // It is sent again.
                    Err(mpsc::error::TrySendError::Full(_)) => wiring.metrics.bus_dropped(),
                    Err(mpsc::error::TrySendError::Closed(_)) => return Ok(()),
                }
            }
            Err(_) => wiring.metrics.bus_unreadable(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_these_bytes() {
        let from = WorkerId::new("acme-0", 1);
        let message = encode(&from, b"packet");
        assert_eq!(message, b"\x01\x08acme-0/1packet");
        assert_eq!(decode(&message), Ok((from, b"packet".as_slice())));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [
            b"".as_slice(),
            b"\x01",
            b"\x01\x05abc",
            b"\x02\x01ax",
            b"\x01\x02\xff\xfe",
        ] {
            assert_eq!(decode(bytes), Err(Unreadable), "{bytes:?}");
        }
    }
}

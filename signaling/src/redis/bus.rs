//! The bus between pods: a channel for each worker.
//!
//! A message is one version byte, the sender's name with its length ahead, and a packet of the link between the two. It may
//! be lost, doubled or late: the link sees to that.

use std::time::{Duration, Instant};

use std::io::Write as _;

use futures_util::StreamExt as _;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Cmd, RedisError, RedisWrite, ToRedisArgs};
use signaling_core::id::WorkerId;
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, sleep, timeout};

use super::Heard;
use super::backoff::Backoff;
use super::server::{PATIENCE, Server, ServerError};
use super::shard::{self, ShardError};
use super::wiring::Wiring;

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

/// The command `publish` of a packet to a worker.
pub(super) fn publish(publish: &str, channel: String, from: &WorkerId, packet: &[u8]) -> Cmd {
    let message = Message { from, packet };
    let mut command = Cmd::with_capacity(3, publish.len() + channel.len() + message.len());
    command.arg(publish).arg(channel).arg(message);
    command
}

/// A message in the making: written where it is sent from, for packets are large.
struct Message<'a> {
    from: &'a WorkerId,
    packet: &'a [u8],
}

impl Message<'_> {
    fn len(&self) -> usize {
        2 + self.from.as_str().len() + self.packet.len()
    }
}

impl ToRedisArgs for Message<'_> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let name = self.from.as_str().as_bytes();
        let length = u8::try_from(name.len()).expect("a pod's name has 63 characters at most");
        let mut argument = out.writer_for_next_arg();
        for part in [&[VERSION, length], name, self.packet] {
            argument.write_all(part).expect("memory takes every byte");
        }
    }
}

/// A message that has come: who sent it, and the packet.
#[derive(Debug)]
pub struct Packet {
    from: WorkerId,
    message: Vec<u8>,
}

impl Packet {
    fn read(message: Vec<u8>) -> Result<Self, Unreadable> {
        let (from, _) = decode(&message)?;
        Ok(Self { from, message })
    }

    /// The sender.
    #[must_use]
    pub fn from(&self) -> &WorkerId {
        &self.from
    }

    /// The packet of the link.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.message[2 + self.from.as_str().len()..]
    }
}

/// Reads a message: who sent it, and the packet.
fn decode(message: &[u8]) -> Result<(WorkerId, &[u8]), Unreadable> {
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
        let masters = wiring.state.masters();
        match Ear::open(&wiring.server, &own).await {
            Ok(ear) => {
                let sharded = ear.is_sharded();
                wiring.state.connection_made();
                wiring.state.hears_shard(sharded);
                let ended = hand_on(&wiring, ear, masters, &heard).await;
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
async fn hand_on(
    wiring: &Wiring,
    mut ear: Ear,
    mut masters: watch::Receiver<u64>,
    heard: &mpsc::Sender<Heard>,
) -> Result<(), BusError> {
    let mut ask = interval(ASK_EVERY);
    loop {
        let message = tokio::select! {
            message = ear.next() => message?,
            // Who publishes goes to the other one.
            _ = masters.changed() => return Err(BusError::Ended),
            _ = ask.tick() => {
                ear.answers().await?;
                continue;
            }
        };
        let Ok(packet) = Packet::read(message) else {
            wiring.metrics.bus_unreadable();
            continue;
        };
        match heard.try_send(Heard::Packet(packet)) {
            Ok(()) => {}
            // It is sent again.
            Err(mpsc::error::TrySendError::Full(_)) => wiring.metrics.bus_dropped(),
            Err(mpsc::error::TrySendError::Closed(_)) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use redis::Arg;

    use super::*;

    #[test]
    fn a_message_is_these_bytes() {
        let from = WorkerId::new("acme-0", 1);
        let message = b"\x01\x08acme-0/1packet";
        let to = channel("chat", &WorkerId::new("acme-1", 0));
        let published = publish("PUBLISH", to, &from, b"packet");
        let arguments: Vec<_> = published.args_iter().collect();
        let wanted = [b"PUBLISH".as_slice(), b"chat:bus:acme-1/0", message];
        assert_eq!(arguments, wanted.map(Arg::Simple));
        assert_eq!(decode(message), Ok((from.clone(), b"packet".as_slice())));
        let packet = Packet::read(message.to_vec()).unwrap();
        assert_eq!((packet.from(), packet.bytes()), (&from, b"packet".as_slice()));
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

//! Listening in a cluster: to the shard that a channel belongs to, where the servers have that, and to the whole cluster.
//!
//! What is published to a shard (`SPUBLISH`, from Redis 7 on) reaches that shard's nodes only, what is published as usual
//! reaches all nodes. A pod listens to both, and its lease tells the others whether it hears the shard: releases of the
//! service and of Redis may change one by one.

use redis::aio::MultiplexedConnection;
use redis::{ConnectionAddr, ErrorKind, PushInfo, PushKind, RedisError, ServerErrorKind, Value, cmd};
use tokio::sync::mpsc;

use super::server::{Server, ServerError};

/// How much a connection may have left unheard.
const UNHEARD: usize = 4096;
/// How often it is gone on to another node, which should have the channel.
const MAX_MOVES: usize = 3;

/// Why nothing is heard.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShardError {
    /// There is no connection.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The node refuses.
    #[error("cannot subscribe: {0}")]
    Subscribe(#[source] RedisError),
    /// Each node names another one.
    #[error("no node has the channel")]
    Nowhere,
}

/// A connection to a node of a cluster that hears a channel.
pub(super) struct Ear {
    connection: MultiplexedConnection,
    messages: mpsc::Receiver<Vec<u8>>,
    sharded: bool,
}

impl Ear {
    /// Subscribes to `channel` at the node that it belongs to.
    pub(super) async fn open(server: &Server, channel: &str) -> Result<Self, ShardError> {
        let mut address = server.any_url().addr().clone();
        for _ in 0..MAX_MOVES {
            let (sender, messages) = mpsc::channel(UNHEARD);
            let pushes = move |push: PushInfo| pass(&sender, push);
            let mut connection = server.connect_to_node(Some(address.clone()), pushes).await?;
            let subscribed = cmd("SSUBSCRIBE").arg(channel).exec_async(&mut connection).await;
            let sharded = match subscribed {
                Ok(()) => true,
                Err(error) if is_not_to_be_had(&error) => false,
                Err(error) => {
                    address = error
                        .redirect_node()
                        .and_then(|(node, _)| at(&address, node))
                        .ok_or(ShardError::Subscribe(error))?;
                    continue;
                }
            };
            let subscribed = connection.subscribe(channel).await;
            subscribed.map_err(ShardError::Subscribe)?;
            return Ok(Self {
                connection,
                messages,
                sharded,
            });
        }
        Err(ShardError::Nowhere)
    }

    /// Whether it hears what is published to the shard.
    pub(super) fn is_sharded(&self) -> bool {
        self.sharded
    }

    /// The next message; none when the connection has ended, or its node has lost the channel.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        self.messages.recv().await.filter(|message| !message.is_empty())
    }

    /// Finds out whether there is still somebody at the other end.
    pub(super) async fn ping(&mut self) -> Result<(), RedisError> {
        cmd("PING").exec_async(&mut self.connection).await
    }
}

/// Passes on what is published, and an empty message when that is all; no message of the bus is empty.
fn pass(messages: &mpsc::Sender<Vec<u8>>, push: PushInfo) -> Result<(), mpsc::error::TrySendError<Vec<u8>>> {
    let message = match push.kind {
        PushKind::Message | PushKind::SMessage => push.data.into_iter().nth(1),
        PushKind::SUnsubscribe | PushKind::Disconnection => Some(Value::BulkString(Vec::new())),
        _ => None,
    };
    match message {
        // What finds no room is lost, as on any bus.
        Some(Value::BulkString(bytes)) => messages.try_send(bytes),
        _ => Ok(()),
    }
}

/// The server is too old for shards, or the user may not use them.
pub(super) fn is_not_to_be_had(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)
        || error.to_string().to_lowercase().contains("unknown command")
}

/// Another node's address, `host:port`; without a host it is the same one.
fn at(address: &ConnectionAddr, node: &str) -> Option<ConnectionAddr> {
    let (other, port) = node.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let named = |host: &str| if other.is_empty() { host } else { other }.to_owned();
    match address {
        ConnectionAddr::Tcp(host, _) => Some(ConnectionAddr::Tcp(named(host), port)),
        ConnectionAddr::TcpTls {
            host,
            insecure,
            tls_params,
            ..
        } => Some(ConnectionAddr::TcpTls {
            host: named(host),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_a_host_is_on_the_same_one() {
        let seed = ConnectionAddr::Tcp("10.0.0.1".to_owned(), 6379);
        let node = |node| match at(&seed, node) {
            Some(ConnectionAddr::Tcp(host, port)) => Some((host, port)),
            _ => None,
        };
        assert_eq!(node("10.0.0.2:6380"), Some(("10.0.0.2".to_owned(), 6380)));
        assert_eq!(node(":6380"), Some(("10.0.0.1".to_owned(), 6380)));
        assert_eq!(node("::1:6380"), Some(("::1".to_owned(), 6380)));
        assert_eq!(node("nonsense"), None);
    }

    #[test]
    fn an_old_server_and_a_narrow_user_do_without_shards() {
        let error = |text: &'static str| RedisError::from((ErrorKind::Io, text));
        assert!(is_not_to_be_had(&error("ERR unknown command 'SSUBSCRIBE'")));
        assert!(!is_not_to_be_had(&error("the connection is gone")));
    }
}

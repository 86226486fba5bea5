//! What pods share through Redis.
//!
//! ```text
//! chat ─ Client ─┬ line: the pool, records ────┐
//!                └ lines: publish to workers ──┤ Redis
//! chat ─ Heard ──┬ replies of the pool ────────┤
//!                ├ bus: packets of workers ────┤
//!                └ lease: who lives ───────────┘
//! ```
//!
//! Each worker has connections of its own, on its own runtime; the lease is the pod's. Nothing here is relied upon: what
//! is asked while Redis is away is dropped and counted, for links send again and tickets are put again.
//!
//! Every key and channel begins with `REDIS_PREFIX`, so that two services on one Redis never meet. Nothing newer than
//! Redis 6.0 is used, but for `SPUBLISH` and `SSUBSCRIBE` in a cluster that has them.
//!
//! | key or channel | |
//! |---|---|
//! | `prefix:{prefix}:…` | the [`pool`] |
//! | `prefix:pods` | hash: pod → its [`lease`] |
//! | `prefix:bus:<worker>` | channel: packets for that worker |
//! | `prefix:drain` | the [`budget`] of closed connections |
//! | `prefix:session:…`, `prefix:match:…` | the [`records`] |
//! | `prefix:user:<user>` | the [`statistics`] of a user |

mod backoff;
pub mod budget;
mod bus;
mod call;
mod client;
pub mod lease;
mod line;
pub mod pool;
pub mod records;
pub mod server;
mod shard;
mod state;
pub mod statistics;
mod wiring;

use signaling_core::id::{ConnectionId, Epoch, SessionId, WorkerId};
use signaling_core::pairing::Reply;

pub use self::bus::Packet;
pub use self::client::{Client, Listener};
pub use self::server::{Server, ServerError};
pub use self::state::State;

/// What a worker hears from Redis.
#[derive(Debug)]
pub enum Heard {
    /// A packet of another pod's worker.
    Packet(Packet),
    /// The pool's answer.
    Pool(Reply),
    /// The workers of all pods that live, those of this one included.
    Workers(std::sync::Arc<[WorkerId]>),
    /// A worker of a pod that counts as lost.
    Lost(WorkerId),
    /// A session's record, if there is one.
    Loaded {
        /// Whom it was looked for.
        connection: ConnectionId,
        /// The record.
        record: Option<records::Record>,
    },
    /// A record that names this worker as the owner now.
    Taken {
        /// Whom it was for.
        connection: ConnectionId,
        /// None where it is somebody else's.
        record: Option<records::Record>,
    },
    /// A record was not written, for a later owner's is there.
    Superseded {
        /// The session.
        session: SessionId,
        /// The later owner's term.
        epoch: Epoch,
        /// The later owner.
        owner: WorkerId,
    },
    /// The lease was not renewed for so long that others may have taken this pod for lost.
    Interrupted,
    /// Redis has lost what was written to it, or may have.
    Emptied,
}

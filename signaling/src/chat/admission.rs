//! Who is let in.
//!
//! A handshake says nothing of the session that its client may return to. Beyond a limit, a client is therefore let in
//! provisionally while there are sessions to return to, up to twice the limit: it gets its own session back, or is closed
//! and tries again later, as stock clients do.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use signaling_core::time::Millis;

use crate::rate_limit::RateLimiter;
use crate::status::{Phase, Status};
use crate::transport::{Handshake, RefusalStatus, Refused};

/// When a client that was refused should try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How many clients beyond a limit may be between their request and their session.
const MAX_PROVISIONAL: usize = 4096;

/// The pod's gate, shared by its workers.
pub struct Admission {
    max_connections: u64,
    limiter: Arc<RateLimiter>,
    /// How many sessions of each worker wait for their client.
    lost: Box<[AtomicUsize]>,
    /// Clients that were let in beyond a limit, by the address of their socket, until their session is open.
    provisional: Mutex<HashSet<SocketAddr>>,
    /// Set when the pod has begun to close its connections.
    closing: AtomicBool,
}

impl Admission {
    /// A gate for `workers` workers.
    #[must_use]
    pub fn new(max_connections: u64, workers: u16, limiter: Arc<RateLimiter>) -> Self {
        let lost = (0..workers).map(|_| AtomicUsize::new(0)).collect();
        let provisional = Mutex::default();
        Self {
            max_connections,
            limiter,
            lost,
            provisional,
            closing: false.into(),
        }
    }

    /// From now on nobody is let in: the pod closes its connections.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn admit(
        &self,
        handshake: &Handshake<'_>,
        status: &Status,
        now: Millis,
    ) -> Result<(), Refused> {
        let refuse = |code, message| Refused {
            status: RefusalStatus::Unavailable,
            code,
            message,
            retry_after: RETRY_AFTER,
        };
        if self.closing.load(Ordering::Acquire) {
            return Err(refuse("draining", "this pod is going away; try again"));
        }
        if status.phase() == Phase::Starting {
            return Err(refuse("unavailable", "this pod is starting; try again"));
        }
        let active = status.occupancy().active;
        let room_to_return = self.someone_may_return() && active < 2 * self.max_connections;
        if active >= self.max_connections && !(room_to_return && self.note_provisional(handshake.peer)) {
            return Err(refuse("capacity", "this pod is full; try again later"));
        }
        match self.limiter.admit(handshake.peer.ip(), forwarded(handshake), now) {
            Err(limited) if !(room_to_return && self.note_provisional(handshake.peer)) => Err(Refused {
                status: RefusalStatus::TooManyRequests,
                code: "rate_limited",
                message: "too many connections or requests from this address; try again later",
                retry_after: limited.retry_after,
            }),
            _ => Ok(()),
        }
    }

    /// Remembers that a client may only return; `false` when there are too many of those at once.
    fn note_provisional(&self, peer: SocketAddr) -> bool {
        let mut provisional = self.provisional.lock().unwrap_or_else(PoisonError::into_inner);
        let room = provisional.len() < MAX_PROVISIONAL;
        room && {
            provisional.insert(peer);
            true
        }
    }

    /// Whether a client that was let in may only return.
    pub(super) fn is_provisional(&self, peer: SocketAddr) -> bool {
        self.provisional
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&peer)
    }

    pub(super) fn report_lost(&self, worker: usize, lost: usize) {
        self.lost[worker].store(lost, Ordering::Relaxed);
    }

    fn someone_may_return(&self) -> bool {
        self.lost.iter().any(|lost| lost.load(Ordering::Relaxed) > 0)
    }
}

fn forwarded<'a>(handshake: &'a Handshake<'_>) -> impl DoubleEndedIterator<Item = &'a str> {
    handshake.forwarded_for.as_deref().into_iter()
}

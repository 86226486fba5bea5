//! Who is let in.
//!
//! A handshake says nothing of the session that its client may return to. Beyond a limit, a client is therefore let in
//! provisionally while there may be sessions to return to, up to twice the limit: it gets its own session back, or is closed
//! and tries again later, as stock clients do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use signaling_core::time::Millis;

use crate::rate_limit::{Client, RateLimiter};
use crate::status::{Phase, Status};
use crate::transport::{Handshake, RefusalStatus, Refused};

/// When a client that was refused should try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How a client was let in.
#[derive(Clone, Copy, Debug)]
pub struct Admitted {
    /// Beyond a limit: it gets its own session back, or none.
    pub(super) provisional: bool,
    /// Whom the limit of connections has counted it for. A client that returns is forgiven.
    pub(super) counted: Option<Client>,
}

/// The pod's gate, shared by its workers.
pub struct Admission {
    max_connections: u64,
    limiter: Arc<RateLimiter>,
    /// How many sessions of each worker wait for their client.
    lost: Box<[AtomicUsize]>,
    /// There are other pods, any of whose sessions may return here.
    shared: bool,
    /// Set when the pod has begun to close its connections.
    closing: AtomicBool,
}

impl Admission {
    /// A gate for `workers` workers; `shared` where there are other pods, whose sessions may return to this one.
    #[must_use]
    pub fn new(max_connections: u64, workers: u16, limiter: Arc<RateLimiter>, shared: bool) -> Self {
        let lost = (0..workers).map(|_| AtomicUsize::new(0)).collect();
        Self {
            max_connections,
            limiter,
            lost,
            shared,
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
    ) -> Result<Admitted, Refused> {
        self.is_open()?;
        if status.phase() == Phase::Starting {
            return Err(refuse("unavailable", "this pod is starting; try again"));
        }
        let active = status.occupancy().active;
        let full = active >= self.max_connections;
        let provisional = Admitted {
            provisional: true,
            counted: None,
        };
        let may_return = self.someone_may_return() && active < 2 * self.max_connections;
        match (full, may_return) {
            (true, true) => return Ok(provisional),
            (true, false) => return Err(refuse("capacity", "this pod is full; try again later")),
            (false, _) => {}
        }
        match self.limiter.admit(handshake.peer.ip(), forwarded(handshake), now) {
            Ok(counted) => Ok(Admitted {
                provisional: false,
                counted,
            }),
            Err(_) if may_return => Ok(provisional),
            Err(limited) => Err(Refused {
                status: RefusalStatus::TooManyRequests,
                code: "rate_limited",
                message: "too many connections or requests from this address; try again later",
                retry_after: limited.retry_after,
            }),
        }
    }

    fn is_open(&self) -> Result<(), Refused> {
        match self.closing.load(Ordering::Acquire) {
            true => Err(refuse("draining", "this pod is going away; try again")),
            false => Ok(()),
        }
    }

    /// Whether a connection may come from another pod, for which there is as much room as for those who return.
    pub(super) fn admit_moving(&self, status: &Status) -> Result<(), Refused> {
        self.is_open()?;
        if status.occupancy().active >= 2 * self.max_connections {
            return Err(refuse("capacity", "this pod is full; try again later"));
        }
        Ok(())
    }

    /// One more session of a worker waits for its client; [`Self::report_lost`] tells the number sooner or later.
    pub(super) fn note_lost(&self, worker: usize) {
        self.lost[worker].fetch_add(1, Ordering::Relaxed);
    }

    /// A client has returned to its session: whom the limit of connections counted it for is forgiven.
    pub(super) fn note_returned(&self, worker: usize, counted: Option<Client>, now: Millis) {
        let less = |lost: usize| lost.checked_sub(1);
        // Fails at none, and none it is.
        let _ = self.lost[worker].fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if let Some(client) = counted {
            self.limiter.forgive(client, now);
        }
    }

    pub(super) fn report_lost(&self, worker: usize, lost: usize) {
        self.lost[worker].store(lost, Ordering::Relaxed);
    }

    fn someone_may_return(&self) -> bool {
        self.shared || self.lost.iter().any(|lost| lost.load(Ordering::Relaxed) > 0)
    }
}

/// Nobody is served, for now.
fn refuse(code: &'static str, message: &'static str) -> Refused {
    Refused {
        status: RefusalStatus::Unavailable,
        code,
        message,
        retry_after: RETRY_AFTER,
    }
}

fn forwarded<'a>(handshake: &'a Handshake<'_>) -> impl DoubleEndedIterator<Item = &'a str> {
    handshake.forwarded_for.as_deref().into_iter()
}

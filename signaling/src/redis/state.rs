//! How Redis is: for health, and for those who do without it while it is away.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use signaling_core::time::Millis;
use tokio::sync::watch;

/// Another pod that lives.
#[derive(Debug)]
pub(super) struct Peer<'a> {
    pub(super) pod: &'a str,
    /// Where it is reached, `http://host:port` or `https://host:port`.
    pub(super) origin: String,
    /// How many connections it has.
    pub(super) connections: u64,
    /// Whether all its workers hear what is published to a shard of a cluster.
    pub(super) sharded: bool,
}

/// What a pod knows of Redis and of the other pods. Its lease writes it; everyone reads.
#[derive(Debug)]
pub struct State {
    topology: &'static str,
    /// Whether Redis has ever answered.
    reached: AtomicBool,
    up: AtomicBool,
    /// How many of the workers' connections are broken, or not made yet.
    broken: AtomicUsize,
    /// Whether the lease has been there for long enough for all other pods to have seen it.
    known: AtomicBool,
    /// When the pod's lease was renewed last, in milliseconds since the Unix epoch; 0 before the first time.
    renewed_at: AtomicU64,
    /// How far Redis' clock is ahead of this pod's, in milliseconds.
    ahead: AtomicI64,
    /// Why there is no connection.
    error: Mutex<Option<String>>,
    peers: ArcSwap<HashMap<String, String>>,
    /// How many of this pod's workers hear what is published to a shard of a cluster.
    hear_shard: AtomicUsize,
    /// The other pods of which all workers do.
    sharded: ArcSwap<HashSet<String>>,
    /// How many connections the other pods have.
    elsewhere: AtomicU64,
    /// Counts how often the Sentinels have named another master.
    masters: watch::Sender<u64>,
}

impl State {
    /// Before Redis was reached.
    #[must_use]
    pub fn new(topology: &'static str) -> Self {
        Self {
            topology,
            reached: false.into(),
            up: false.into(),
            broken: 0.into(),
            known: false.into(),
            renewed_at: 0.into(),
            ahead: 0.into(),
            error: Mutex::default(),
            peers: ArcSwap::default(),
            hear_shard: 0.into(),
            sharded: ArcSwap::default(),
            elsewhere: 0.into(),
            masters: watch::Sender::new(0),
        }
    }

    /// The kind of Redis.
    #[must_use]
    pub fn topology(&self) -> &'static str {
        self.topology
    }

    /// Whether Redis has ever answered.
    #[must_use]
    pub fn was_reached(&self) -> bool {
        self.reached.load(Ordering::Acquire)
    }

    /// Whether the other pods have had the time to take note of this one: before, they would not know where a session of
    /// it is.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    /// Whether it answers now, on all connections.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.answers() && self.broken.load(Ordering::Acquire) == 0
    }

    /// Whether it answers now, though some connections may be broken.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// The Sentinels name another master: whoever is connected to the last one is to leave it.
    pub(super) fn master_changed(&self) {
        self.masters.send_modify(|masters| *masters += 1);
    }

    /// Changes when the Sentinels name another master.
    pub(super) fn masters(&self) -> watch::Receiver<u64> {
        self.masters.subscribe()
    }

    /// A worker's connection is broken, or not made yet.
    pub(super) fn connection_broken(&self) {
        self.broken.fetch_add(1, Ordering::AcqRel);
    }

    /// A worker's connection is made that was broken.
    pub(super) fn connection_made(&self) {
        self.broken.fetch_sub(1, Ordering::AcqRel);
    }

    /// When the pod's lease was renewed last, if ever.
    #[must_use]
    pub fn renewed_at(&self) -> Option<Millis> {
        match self.renewed_at.load(Ordering::Acquire) {
            0 => None,
            at => Some(Millis(at)),
        }
    }

    /// Why it does not answer.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The other pods that live, or lived when Redis was there last: where each is reached, `http://host:port` or
    /// `https://host:port`, by its name.
    #[must_use]
    pub fn peers(&self) -> Arc<HashMap<String, String>> {
        self.peers.load_full()
    }

    /// A moment of this pod as Redis' clock has it, the only one that all pods share.
    #[must_use]
    pub fn shared(&self, at: Millis) -> Millis {
        Millis(at.0.saturating_add_signed(self.ahead.load(Ordering::Relaxed)))
    }

    /// A moment of Redis' clock as this pod has it.
    #[must_use]
    pub fn own(&self, shared: Millis) -> Millis {
        Millis(
            shared
                .0
                .saturating_add_signed(-self.ahead.load(Ordering::Relaxed)),
        )
    }

    /// The lease was renewed at `now`, when it was `theirs` at Redis; true when Redis was away before.
    pub(super) fn renewed(&self, now: Millis, theirs: Millis, trip: Duration) -> bool {
        // An answer that took long says little about when it was given.
        if trip < Duration::from_millis(100) || !self.was_reached() {
            let ahead = i64::try_from(theirs.0).unwrap_or(0) - i64::try_from(now.0).unwrap_or(0);
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        // All pods look as often as this one renews: between two renewals, all have.
        if self.was_reached() {
            self.known.store(true, Ordering::Release);
        }
        self.renewed_at.store(now.0, Ordering::Release);
        self.reached.store(true, Ordering::Release);
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = None;
        !self.up.swap(true, Ordering::AcqRel)
    }

    /// There is no connection; true when there was.
    pub(super) fn lost(&self, error: &str) -> bool {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_owned());
        self.up.swap(false, Ordering::AcqRel)
    }

    /// How many connections the other pods have, or had when Redis was there last.
    #[must_use]
    pub fn connections_elsewhere(&self) -> u64 {
        self.elsewhere.load(Ordering::Relaxed)
    }

    /// One of this pod's workers hears a channel, and perhaps what is published to its shard.
    pub(super) fn hears_shard(&self, sharded: bool) {
        self.hear_shard.fetch_add(sharded.into(), Ordering::AcqRel);
    }

    /// It does not any more.
    pub(super) fn is_deaf_to_shard(&self, sharded: bool) {
        self.hear_shard.fetch_sub(sharded.into(), Ordering::AcqRel);
    }

    /// How many of this pod's workers hear what is published to a shard.
    pub(super) fn hearers_of_shards(&self) -> usize {
        self.hear_shard.load(Ordering::Acquire)
    }

    /// Whether all workers of another pod hear what is published to a shard.
    pub(super) fn is_sharded(&self, pod: &str) -> bool {
        self.sharded.load().contains(pod)
    }

    /// Takes note of the other pods that live.
    pub(super) fn know<'a>(&self, pods: impl Iterator<Item = Peer<'a>>) {
        let (mut peers, mut sharded, mut connections) = (HashMap::new(), HashSet::new(), 0);
        for peer in pods {
            connections += peer.connections;
            if peer.sharded {
                sharded.insert(peer.pod.to_owned());
            }
            peers.insert(peer.pod.to_owned(), peer.origin);
        }
        self.elsewhere.store(connections, Ordering::Relaxed);
        self.peers.store(Arc::new(peers));
        self.sharded.store(Arc::new(sharded));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_the_way_to_the_shared_clock_and_back() {
        let state = State::new("standalone");
        assert!(state.renewed(Millis(1_000), Millis(400), Duration::ZERO));
        assert_eq!(state.shared(Millis(1_005)), Millis(405));
        assert_eq!(state.own(Millis(405)), Millis(1_005));
        assert!(state.was_reached() && !state.is_known());
        assert!(!state.renewed(Millis(2_000), Millis(9_000), Duration::from_secs(1)));
        assert_eq!(
            state.shared(Millis(1_005)),
            Millis(405),
            "a slow answer tells no time"
        );
    }
}

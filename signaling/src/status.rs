//! What the workers and the HTTP endpoints share: how full, how ready and how alive the pod is.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

/// A worker that has not come round for this long counts as stuck: liveness fails.
pub const STALL: Duration = Duration::from_secs(15);

/// The shared state of a pod. Workers write their own [`WorkerStatus`]; everyone reads.
#[derive(Debug)]
pub struct Status {
    /// This pod's name.
    pub pod: String,
    /// The pod's limit of connections.
    pub max_connections: u64,
    started: Instant,
    phase: AtomicU8,
    workers: Box<[WorkerStatus]>,
}

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum Phase {
    /// Not every worker accepts yet.
    Starting,
    /// Open to clients.
    Serving,
    /// SIGTERM has come: still accepting until load balancers have noticed, then closing.
    Draining,
}

/// One worker's figures. Each is written by that worker alone, but `connections`, which the transport counts.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerStatus {
    connections: AtomicU64,
    waiting: AtomicU64,
    matched: AtomicU64,
    queued: AtomicU64,
    ticked_ms: AtomicU64,
    busy_us: AtomicU64,
    staying: AtomicU64,
}

/// How full a worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Occupancy {
    /// Client connections open now.
    pub active: u64,
    /// Persons of its own looking for a partner.
    pub waiting: u64,
    /// Persons of its own in a match.
    pub matched: u64,
    /// Tickets in the pool that it keeps; zero where the pool lives elsewhere.
    pub queued: u64,
}

impl Status {
    /// The state of a pod that is starting.
    #[must_use]
    pub fn new(pod: &str, workers: u16, max_connections: u64) -> Self {
        Self {
            pod: pod.to_owned(),
            max_connections,
            started: Instant::now(),
            phase: AtomicU8::new(Phase::Starting as u8),
            workers: (0..workers).map(|_| WorkerStatus::default()).collect(),
        }
    }

    /// When the pod was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Where the pod is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            phase if phase == Phase::Starting as u8 => Phase::Starting,
            phase if phase == Phase::Serving as u8 => Phase::Serving,
            _ => Phase::Draining,
        }
    }

    /// Goes on to `phase`; a pod that drains does not come back.
    pub fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }

    /// Every worker, by its number.
    #[must_use]
    pub fn workers(&self) -> &[WorkerStatus] {
        &self.workers
    }

    /// The whole pod's occupancy.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        self.workers
            .iter()
            .map(WorkerStatus::occupancy)
            .fold(Occupancy::default(), |sum, worker| Occupancy {
                active: sum.active + worker.active,
                waiting: sum.waiting + worker.waiting,
                matched: sum.matched + worker.matched,
                queued: sum.queued + worker.queued,
            })
    }

    /// How many connections of the whole pod had not been told to go when its workers were last told to close some.
    #[must_use]
    pub fn staying(&self) -> u64 {
        self.workers.iter().map(WorkerStatus::staying).sum()
    }

    /// The numbers of the workers that have not come round for [`STALL`].
    #[must_use]
    pub fn stalled(&self, now: Instant) -> Vec<usize> {
        let since_start = millis(now.saturating_duration_since(self.started));
        let stalled = |worker: &WorkerStatus| {
            since_start.saturating_sub(worker.ticked_ms.load(Ordering::Relaxed)) > millis(STALL)
        };
        self.workers
            .iter()
            .enumerate()
            .filter(|(_, worker)| stalled(worker))
            .map(|(number, _)| number)
            .collect()
    }

    /// Says that worker `number` came round; to be called every second or so from its own loop.
    pub fn tick(&self, number: usize, now: Instant) {
        let since_start = millis(now.saturating_duration_since(self.started));
        self.workers[number]
            .ticked_ms
            .store(since_start, Ordering::Relaxed);
    }
}

impl WorkerStatus {
    /// A connection opened.
    pub fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that was counted closed.
    pub fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many of its own persons wait and are matched, and how many tickets its pool holds.
    pub fn report(&self, waiting: u64, matched: u64, queued: u64) {
        self.waiting.store(waiting, Ordering::Relaxed);
        self.matched.store(matched, Ordering::Relaxed);
        self.queued.store(queued, Ordering::Relaxed);
    }

    /// Says how many connections have not been told to go, while the pod drains.
    pub fn stay(&self, staying: u64) {
        self.staying.store(staying, Ordering::Relaxed);
    }

    /// How many connections had not been told to go when the worker was last told to close some.
    #[must_use]
    pub fn staying(&self) -> u64 {
        self.staying.load(Ordering::Relaxed)
    }

    /// Says how long the loop has worked since the start.
    pub fn worked(&self, since_start: Duration) {
        self.busy_us.store(
            u64::try_from(since_start.as_micros()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// How long the loop has worked since the start.
    #[must_use]
    pub fn busy_time(&self) -> Duration {
        Duration::from_micros(self.busy_us.load(Ordering::Relaxed))
    }

    /// How full it is.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            active: self.connections.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            matched: self.matched.load(Ordering::Relaxed),
            queued: self.queued.load(Ordering::Relaxed),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draining_pod_never_serves_again() {
        let status = Status::new("pod", 1, 10);
        assert_eq!(status.phase(), Phase::Starting);
        status.enter(Phase::Serving);
        assert_eq!(status.phase(), Phase::Serving);
        status.enter(Phase::Draining);
        status.enter(Phase::Serving);
        assert_eq!(status.phase(), Phase::Draining);
    }

    #[test]
    fn a_worker_that_does_not_come_round_is_stalled() {
        let status = Status::new("pod", 2, 10);
        let later = status.started() + STALL + Duration::from_millis(1);
        assert_eq!(status.stalled(later), [0, 1]);
        status.tick(1, later);
        assert_eq!(status.stalled(later), [0]);
        assert_eq!(status.stalled(status.started()), [0; 0]);
    }

    #[test]
    fn the_pods_occupancy_is_the_sum_of_its_workers() {
        let status = Status::new("pod", 2, 10);
        for worker in status.workers() {
            worker.connected();
            worker.connected();
            worker.report(1, 2, 3);
        }
        status.workers()[0].disconnected();
        assert_eq!(
            status.occupancy(),
            Occupancy {
                active: 3,
                waiting: 2,
                matched: 4,
                queued: 6
            }
        );
    }
}

//! What the pod counts, declared once: names, help, labels and buckets. The documentation's table is generated from
//! the declaration.
//!
//! The relay path touches [`WorkerMetrics`] alone, which no other worker writes; everything rarer goes to the shared
//! instruments. Both meet when someone asks.

mod business;
mod instrument;
mod label;
pub mod process;
mod reference;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Histogram, IntCounter, IntGauge, Registry, TextEncoder};

pub use self::business::Business;
use self::business::Today;
use self::instrument::{Declaration, Family, Instrument, PerWorker};
pub use self::label::{
    CandidateType, Closed, Dropped, ErrorKind, IceState, Label, LimitScope, MatchEnd, Placement,
    RedisOperation, Refused, ResumeOutcome, SearchOutcome, SignalKind, StatusClass, Transport,
};
pub use self::reference::{Documented, documented};
use crate::status::Status;

/// Up to the longest wait that is configured by default.
const WAITS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0,
];
/// From a wrong click to a long evening.
const CALLS: &[f64] = &[1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// Network round trips.
const TRIPS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// Declares the instruments; the doc comment is the help text.
macro_rules! instruments {
    ($($(#[doc = $help:literal])+ $field:ident: $kind:ty = $name:literal $([$buckets:ident])?;)+) => {
        struct Instruments {
            $($(#[doc = $help])+ $field: $kind,)+
        }

        impl Instruments {
            fn declare(registry: &Registry, workers: usize) -> Self {
                Self {
                    $($field: Instrument::declare(&Declaration {
                        registry,
                        name: $name,
                        help: concat!($($help),+).trim_ascii(),
                        buckets: instruments!(@buckets $($buckets)?),
                        workers,
                    }),)+
                }
            }
        }
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { $buckets };
}

instruments! {
    /// Client connections open now.
    active_connections: IntGauge = "webrtc_active_connections";
    /// Client connections opened since the start.
    total_connections: IntCounter = "webrtc_total_connections";
    /// How long people waited until they had a partner.
    matchmaking: Histogram = "webrtc_matchmaking_duration_seconds" [WAITS];
    /// Signals relayed between partners.
    signals: Family<SignalKind> = "webrtc_signaling_messages_total";
    /// Errors told to clients, by code, and connections that broke a protocol.
    errors: Family<ErrorKind> = "webrtc_errors_total";
    /// How long Redis took. No samples while the pod works without Redis.
    redis: Family<RedisOperation, Histogram> = "redis_operation_duration_seconds" [TRIPS];
    /// What was not asked of Redis, because it was away or did not keep up. Links send again, and tickets are put again.
    redis_dropped: Family<RedisOperation> = "redis_dropped_commands_total";
    /// Sessions taken over from their record, because their pod was lost.
    sessions_taken: IntCounter = "webrtc_taken_sessions_total";
    /// Sessions that came from another pod with their connection, because their client's WebSocket has reached this one.
    sessions_moved: IntCounter = "webrtc_moved_sessions_total";
    /// Copies of sessions that were dropped, because another pod had taken the session over meanwhile.
    sessions_superseded: IntCounter = "webrtc_superseded_sessions_total";
    /// Packets of other pods' workers that came faster than they were taken. Links send them again.
    bus_dropped: IntCounter = "webrtc_bus_dropped_total";
    /// Packets and frames of other pods' workers in a version that this pod does not understand.
    bus_unreadable: IntCounter = "webrtc_bus_unreadable_total";

    /// The pod's limit of connections.
    max_connections: IntGauge = "webrtc_max_connections";
    /// Persons looking for a partner.
    waiting: IntGauge = "webrtc_waiting_sessions";
    /// Persons in a match.
    matched: IntGauge = "webrtc_matched_sessions";
    /// Tickets in the matching pool of this pod.
    queue: IntGauge = "webrtc_queue_length";
    /// Searches begun: `find_match` and `next_match`.
    searches: IntCounter = "webrtc_searches_total";
    /// Searches ended, by how.
    search_outcomes: Family<SearchOutcome> = "webrtc_search_outcomes_total";
    /// Matches made, by whether both persons are on one pod.
    matches: Family<Placement> = "webrtc_matches_total";
    /// Matches ended, by why.
    match_ends: Family<MatchEnd> = "webrtc_matches_ended_total";
    /// How long matches lasted.
    match_length: Histogram = "webrtc_match_duration_seconds" [CALLS];
    /// Clients that wanted their session back, by what became of it.
    resumes: Family<ResumeOutcome> = "webrtc_resumes_total";
    /// States of ICE that clients reported.
    ice_states: Family<IceState> = "webrtc_ice_states_total";
    /// Calls that clients reported as connected, by the kind of candidate used.
    ice_connected: Family<CandidateType> = "webrtc_ice_connected_total";
    /// Round trips between partners that clients reported.
    ice_round_trip: Histogram = "webrtc_ice_round_trip_seconds" [TRIPS];
    /// Partners blocked.
    blocks: IntCounter = "webrtc_blocks_total";
    /// Partners reported.
    reports: IntCounter = "webrtc_reports_total";

    /// Payload bytes of relayed signals.
    signal_bytes: Family<SignalKind> = "webrtc_signaling_bytes_total";
    /// Bytes received from clients.
    received: Family<Transport> = "webrtc_received_bytes_total";
    /// Bytes sent to clients.
    sent: Family<Transport> = "webrtc_sent_bytes_total";
    /// Signals that did not reach the partner, by why.
    dropped: Family<Dropped> = "webrtc_dropped_signals_total";
    /// Matches that did not come about, because a person did not answer a ping or was there no more.
    failed_confirmations: IntCounter = "webrtc_failed_confirmations_total";
    /// Links between workers that were full, so that the other worker was taken for lost.
    full_links: IntCounter = "webrtc_full_links_total";
    /// Connections closed, by how.
    closed: Family<Closed> = "webrtc_closed_connections_total";
    /// Connections refused, by why.
    refused: Family<Refused> = "webrtc_refused_connections_total";
    /// What was turned away by a limit, by what the limit counts.
    limited: Family<LimitScope> = "webrtc_rate_limited_total";
    /// Writes that a socket did not take whole at once, so that the rest was buffered.
    deferred: IntCounter = "webrtc_deferred_writes_total";
    /// Clients cut off because they left more unread than a session may buffer.
    slow_readers: IntCounter = "webrtc_slow_readers_total";
    /// Plain HTTP requests answered, by class of status.
    requests: Family<StatusClass> = "http_requests_total";

    /// Client connections open now, by worker.
    worker_connections: PerWorker<IntGauge> = "webrtc_worker_connections";
    /// Processor time of a worker's thread; its rate is how busy the worker is, 1 being all that one thread can do.
    worker_busy: PerWorker<Counter> = "webrtc_worker_busy_seconds_total";
    /// Whether the pod is ready for clients.
    ready: IntGauge = "webrtc_ready";

    /// Processor time of the process.
    cpu: Counter = "process_cpu_seconds_total";
    /// Memory of the process that is in RAM.
    resident: Gauge = "process_resident_memory_bytes";
    /// Address space of the process.
    virtual_memory: Gauge = "process_virtual_memory_bytes";
    /// Open file descriptors, sockets among them.
    open_fds: IntGauge = "process_open_fds";
    /// The limit of open file descriptors.
    max_fds: IntGauge = "process_max_fds";
    /// Threads of the process.
    threads: IntGauge = "process_threads";
    /// When the process was started, in seconds since the Unix epoch.
    start_time: Gauge = "process_start_time_seconds";
}

/// Everything that the pod counts.
pub struct Metrics {
    registry: Registry,
    instruments: Instruments,
    workers: Box<[Arc<WorkerMetrics>]>,
    today: Today,
}

impl Metrics {
    /// The instruments of a pod with so many workers, all at zero.
    #[must_use]
    pub fn new(workers: u16) -> Self {
        let registry = Registry::new();
        let instruments = Instruments::declare(&registry, usize::from(workers));
        reference::declare_build(&registry);
        let workers = (0..workers).map(|_| Arc::default()).collect();
        Self {
            registry,
            instruments,
            workers,
            today: Today::default(),
        }
    }

    /// What worker `number` counts on its own.
    #[must_use]
    pub fn worker(&self, number: usize) -> Arc<WorkerMetrics> {
        self.workers[number].clone()
    }

    /// Every metric in Prometheus' text format, with the figures of `status` and of the process as they are now.
    #[must_use]
    pub fn text(&self, status: &Status) -> String {
        self.refresh(status);
        let mut text = String::new();
        TextEncoder::new()
            .encode_utf8(&self.families(), &mut text)
            .expect("a string takes everything");
        text
    }

    fn families(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// Takes over what is counted elsewhere.
    fn refresh(&self, status: &Status) {
        self.collect_workers();
        let instruments = &self.instruments;
        let occupancy = status.occupancy();
        instruments.active_connections.set(gauge(occupancy.active));
        instruments.max_connections.set(gauge(status.max_connections));
        instruments.waiting.set(gauge(occupancy.waiting));
        instruments.matched.set(gauge(occupancy.matched));
        instruments.queue.set(gauge(occupancy.queued));
        instruments
            .ready
            .set(i64::from(status.phase() == crate::status::Phase::Serving));
        let series = instruments
            .worker_connections
            .0
            .iter()
            .zip(&instruments.worker_busy.0);
        for (worker, (connections, busy)) in status.workers().iter().zip(series) {
            connections.set(gauge(worker.occupancy().active));
            raise(busy, worker.busy_time().as_secs_f64());
        }
        if let Ok(process) = process::Process::read() {
            raise(&instruments.cpu, process.cpu.as_secs_f64());
            instruments.resident.set(process.resident_bytes as f64);
            instruments.virtual_memory.set(process.virtual_bytes as f64);
            instruments.open_fds.set(gauge(process.open_fds));
            instruments.max_fds.set(gauge(process.max_fds));
            instruments.threads.set(gauge(process.threads));
            instruments.start_time.set(process.started_unix);
        }
    }

    /// Moves what the workers counted into the shared instruments.
    fn collect_workers(&self) {
        let instruments = &self.instruments;
        for worker in &self.workers {
            for &kind in SignalKind::ALL {
                instruments
                    .signals
                    .of(kind)
                    .inc_by(take(&worker.signals[kind.index()]));
                instruments
                    .signal_bytes
                    .of(kind)
                    .inc_by(take(&worker.signal_bytes[kind.index()]));
            }
            for &transport in Transport::ALL {
                instruments
                    .received
                    .of(transport)
                    .inc_by(take(&worker.received[transport.index()]));
                instruments
                    .sent
                    .of(transport)
                    .inc_by(take(&worker.sent[transport.index()]));
            }
        }
    }

    /// A client connection opened.
    pub fn connection_opened(&self) {
        self.instruments.total_connections.inc();
    }

    /// A client connection closed. A slow reader is counted as one here.
    pub fn connection_closed(&self, how: Closed) {
        self.instruments.closed.of(how).inc();
        if how == Closed::SlowReader {
            self.instruments.slow_readers.inc();
        }
    }

    /// A connection was refused, before or after its handshake.
    pub fn connection_refused(&self, reason: Refused) {
        self.instruments.refused.of(reason).inc();
    }

    /// Someone began to look for a partner.
    pub fn search_began(&self) {
        self.instruments.searches.inc();
    }

    /// Someone's search ended after `waited`; to be called once for each person.
    pub fn search_ended(&self, outcome: SearchOutcome, waited: Duration) {
        self.instruments.search_outcomes.of(outcome).inc();
        if outcome == SearchOutcome::Matched {
            self.instruments.matchmaking.observe(waited.as_secs_f64());
        }
    }

    /// A match was made; to be called once for the two of them.
    pub fn match_made(&self, placement: Placement) {
        self.instruments.matches.of(placement).inc();
        self.today.count(business::day());
    }

    /// A match ended after `lasted`; to be called once for the two of them.
    pub fn match_ended(&self, reason: MatchEnd, lasted: Duration) {
        self.instruments.match_ends.of(reason).inc();
        self.instruments.match_length.observe(lasted.as_secs_f64());
    }

    /// A client wanted its session back.
    pub fn resumed(&self, outcome: ResumeOutcome) {
        self.instruments.resumes.of(outcome).inc();
    }

    /// A client reported a state of ICE. The candidate counts where the state is `Connected`.
    pub fn ice_state(&self, state: IceState, candidate: CandidateType, round_trip: Option<Duration>) {
        self.instruments.ice_states.of(state).inc();
        if state == IceState::Connected {
            self.instruments.ice_connected.of(candidate).inc();
        }
        if let Some(round_trip) = round_trip {
            self.instruments.ice_round_trip.observe(round_trip.as_secs_f64());
        }
    }

    /// Someone blocked a partner.
    pub fn peer_blocked(&self) {
        self.instruments.blocks.inc();
    }

    /// Someone reported a partner.
    pub fn peer_reported(&self) {
        self.instruments.reports.inc();
    }

    /// An error was told to a client, or a connection broke a protocol.
    pub fn error(&self, kind: ErrorKind) {
        self.instruments.errors.of(kind).inc();
    }

    /// So many signals did not reach the partner.
    pub fn signals_dropped(&self, reason: Dropped, count: u64) {
        self.instruments.dropped.of(reason).inc_by(count);
    }

    /// A match did not come about for want of a sign of life.
    pub fn confirmation_failed(&self) {
        self.instruments.failed_confirmations.inc();
    }

    /// A link to another worker was full.
    pub fn link_full(&self) {
        self.instruments.full_links.inc();
    }

    /// A limit turned something away.
    pub fn limited(&self, scope: LimitScope) {
        self.instruments.limited.of(scope).inc();
    }

    /// So many writes were not taken whole at once by their sockets.
    pub fn writes_deferred(&self, count: u64) {
        self.instruments.deferred.inc_by(count);
    }

    /// A plain HTTP request was answered.
    pub fn request_answered(&self, class: StatusClass) {
        self.instruments.requests.of(class).inc();
    }

    /// A session was taken over from its record.
    pub fn session_taken(&self) {
        self.instruments.sessions_taken.inc();
    }

    /// A session came from another pod with its connection.
    pub fn session_moved(&self) {
        self.instruments.sessions_moved.inc();
    }

    /// A session had another owner meanwhile.
    pub fn session_superseded(&self) {
        self.instruments.sessions_superseded.inc();
    }

    /// Something was not asked of Redis.
    pub fn redis_dropped(&self, operation: RedisOperation) {
        self.instruments.redis_dropped.of(operation).inc();
    }

    /// A packet of another pod came faster than it was taken.
    pub fn bus_dropped(&self) {
        self.instruments.bus_dropped.inc();
    }

    /// Something of another pod could not be read.
    pub fn bus_unreadable(&self) {
        self.instruments.bus_unreadable.inc();
    }

    /// Redis answered after `took`.
    pub fn redis_answered(&self, operation: RedisOperation, took: Duration) {
        self.instruments.redis.of(operation).observe(took.as_secs_f64());
    }
}

/// What one worker counts on the relay path: no lookup, no lock, no cache line shared with another worker.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerMetrics {
    signals: [AtomicU64; SignalKind::ALL.len()],
    signal_bytes: [AtomicU64; SignalKind::ALL.len()],
    received: [AtomicU64; Transport::ALL.len()],
    sent: [AtomicU64; Transport::ALL.len()],
}

impl WorkerMetrics {
    /// A signal of so many payload bytes was relayed.
    pub fn signal_relayed(&self, kind: SignalKind, bytes: usize) {
        add(&self.signals[kind.index()], 1);
        add(&self.signal_bytes[kind.index()], bytes as u64);
    }

    /// So many bytes came from clients.
    pub fn received(&self, transport: Transport, bytes: usize) {
        add(&self.received[transport.index()], bytes as u64);
    }

    /// So many bytes went to clients.
    pub fn sent(&self, transport: Transport, bytes: usize) {
        add(&self.sent[transport.index()], bytes as u64);
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn take(counter: &AtomicU64) -> u64 {
    counter.swap(0, Ordering::Relaxed)
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Brings a counter of something that is counted elsewhere up to `total`.
fn raise(counter: &Counter, total: f64) {
    counter.inc_by((total - counter.get()).max(0.0));
}

#[cfg(test)]
mod tests;

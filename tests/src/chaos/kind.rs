//! What is broken, in which ways.

use std::fmt;
use std::str::FromStr;

/// The kind of Redis below the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Topology {
    /// One server.
    Standalone,
    /// A master and two replicas, watched by a Sentinel.
    Sentinel,
    /// Three shards of a master and a replica each.
    Cluster,
}

/// What one fault breaks. Two faults never break the same thing at the same time; all else overlaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The process of a pod.
    Pod(usize),
    /// The connections between a pod and Redis.
    RedisLink(usize),
    /// The connections between clients and a pod.
    ClientLink(usize),
    /// The processes of Redis.
    Redis,
    /// Some of the clients' connections, of all pods.
    Clients,
}

/// A way to break something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A pod is killed (SIGKILL), and started again under the same name.
    PodKilled,
    /// A pod is stopped (SIGSTOP) for less than its lease.
    PodPaused,
    /// A pod is stopped for so long that the others count it as lost.
    PodStopped,
    /// A pod is told to end (SIGTERM) while a new one takes its place.
    PodDrained,
    /// Nothing passes between a pod and Redis, and no connection ends.
    RedisUnreachable,
    /// What passes between a pod and Redis is late.
    RedisDelayed,
    /// Nothing passes between clients and a pod, and no connection ends.
    PodUnreachable,
    /// What passes between clients and a pod is late.
    PodDelayed,
    /// Redis is killed, and started again with nothing in it.
    RedisEmptied,
    /// Redis is stopped in order, and started again with all that it had.
    RedisRestarted,
    /// FLUSHALL.
    RedisFlushed,
    /// Redis is killed, and started again with what it had some seconds before.
    RedisRestored,
    /// Some clients lose their connection.
    ClientsDropped,
    /// Some connections end in one direction only.
    HalfClosed,
    /// The master is killed, so that a replica takes its place; it comes back later.
    MasterKilled,
    /// A replica is told to take its master's place.
    FailedOver,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::PodKilled,
        Self::PodPaused,
        Self::PodStopped,
        Self::PodDrained,
        Self::RedisUnreachable,
        Self::RedisDelayed,
        Self::PodUnreachable,
        Self::PodDelayed,
        Self::RedisEmptied,
        Self::RedisRestarted,
        Self::RedisFlushed,
        Self::RedisRestored,
        Self::ClientsDropped,
        Self::HalfClosed,
        Self::MasterKilled,
        Self::FailedOver,
    ];

    /// The name, as the options and the report have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PodKilled => "pod-killed",
            Self::PodPaused => "pod-paused",
            Self::PodStopped => "pod-stopped",
            Self::PodDrained => "pod-drained",
            Self::RedisUnreachable => "redis-unreachable",
            Self::RedisDelayed => "redis-delayed",
            Self::PodUnreachable => "pod-unreachable",
            Self::PodDelayed => "pod-delayed",
            Self::RedisEmptied => "redis-emptied",
            Self::RedisRestarted => "redis-restarted",
            Self::RedisFlushed => "redis-flushed",
            Self::RedisRestored => "redis-restored",
            Self::ClientsDropped => "clients-dropped",
            Self::HalfClosed => "half-closed",
            Self::MasterKilled => "master-killed",
            Self::FailedOver => "failed-over",
        }
    }

    /// Whether this can be done to a Redis of that kind. Sentinels and clusters tell addresses of their own, so nothing
    /// stands between a pod and them; and who is stopped or emptied there is failed over, which has kinds of its own.
    #[must_use]
    pub fn fits(self, topology: Topology) -> bool {
        match self {
            Self::RedisUnreachable
            | Self::RedisDelayed
            | Self::RedisEmptied
            | Self::RedisRestarted
            | Self::RedisFlushed
            | Self::RedisRestored => topology == Topology::Standalone,
            Self::MasterKilled | Self::FailedOver => topology != Topology::Standalone,
            _ => true,
        }
    }

    /// What it breaks, where it is about this pod.
    #[must_use]
    pub fn part(self, pod: usize) -> Part {
        match self {
            Self::PodKilled | Self::PodPaused | Self::PodStopped | Self::PodDrained => Part::Pod(pod),
            Self::RedisUnreachable | Self::RedisDelayed => Part::RedisLink(pod),
            Self::PodUnreachable | Self::PodDelayed => Part::ClientLink(pod),
            Self::RedisEmptied
            | Self::RedisRestarted
            | Self::RedisFlushed
            | Self::RedisRestored
            | Self::MasterKilled
            | Self::FailedOver => Part::Redis,
            Self::ClientsDropped | Self::HalfClosed => Part::Clients,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| format!("one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

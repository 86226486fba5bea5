//! What the status is made of: plain values, read by whoever holds a client.

use k8s_openapi::jiff::Timestamp;

/// What there is after a reconciliation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The signaling pods.
    pub pods: PodCounts,
    /// The Deployment's `spec.replicas`.
    pub desired: i32,
    /// How the replacement of pods goes.
    pub rollout: Rollout,
    /// What the Deployment says of pods that it cannot make (`ReplicaFailure`), such as a quota.
    pub replica_failure: Option<String>,
    /// What could not be applied, in the words of the API server.
    pub apply_failure: Option<String>,
    /// The Redis.
    pub redis: Health,
    /// The Kafka, where there is one.
    pub kafka: Health,
    /// The Ingress, HTTPRoute or Service of type LoadBalancer.
    pub exposure: Health,
    /// The host name or address of the Service of type LoadBalancer.
    pub address: Option<String>,
    /// The operator's HorizontalPodAutoscaler or ScaledObject.
    pub autoscaler: Health,
    /// The name of a HorizontalPodAutoscaler that is not the operator's and scales the Deployment.
    pub foreign_autoscaler: Option<String>,
    /// How many connections all pods have; `None`: it is not known.
    pub connections: Option<i64>,
    /// When `status.connections` was last written.
    pub connections_written: Option<Timestamp>,
}

/// The signaling pods by what they are at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    /// Those that are not ending.
    pub current: i32,
    /// Those of them that are ready.
    pub ready: i32,
    /// Those of them that are of the newest template.
    pub updated: i32,
    /// Those that are ending.
    pub draining: i32,
}

/// How the replacement of pods goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rollout {
    /// There is none.
    #[default]
    Ended,
    /// Older pods are being replaced.
    Running,
    /// It has made no progress for longer than it may.
    Stalled,
    /// The rollout gate has stopped it, for this reason.
    Stopped(String),
}

/// How something is that has a state of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Nothing is known of it yet.
    #[default]
    Unknown,
    /// It is as it should be.
    Up,
    /// It is not, for this reason.
    Down(String),
}

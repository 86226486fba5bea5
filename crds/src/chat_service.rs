//! `ChatService` itself: its spec, its scale subresource and its columns.

// Two columns of one type are no mistake.
#![allow(clippy::duplicated_attributes)]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::auth::Auth;
use crate::autoscaling::Autoscaling;
use crate::expose::Expose;
use crate::image::Image;
use crate::kafka::Kafka;
use crate::limits::{NetworkPolicy, RateLimit};
use crate::monitoring::Monitoring;
use crate::redis::Redis;
use crate::rules::rules;
use crate::signaling::Signaling;
use crate::status::ChatServiceStatus;
use crate::turn::Turn;

/// What the service should be. Everything but `capacity` has a default.
#[derive(Clone, Debug, PartialEq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "chat.webrtc.io",
    version = "v1alpha1",
    kind = "ChatService",
    plural = "chatservices",
    shortname = "chat",
    namespaced,
    derive = "PartialEq",
    status = "ChatServiceStatus",
    doc = "A random one-to-one WebRTC chat service: signaling pods, and the Redis and Kafka behind them.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether people can be matched."
    ),
    printcolumn(
        name = "Desired",
        type_ = "integer",
        json_path = ".spec.replicas",
        description = "How many pods there should be."
    ),
    printcolumn(
        name = "Up",
        type_ = "integer",
        json_path = ".status.readyReplicas",
        description = "How many pods take new people."
    ),
    printcolumn(
        name = "Conns",
        type_ = "integer",
        json_path = ".status.connections",
        description = "How many connections all pods have."
    ),
    printcolumn(
        name = "Users",
        type_ = "integer",
        json_path = ".spec.capacity.users",
        description = "How many people at once the service is sized for."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "How long ago the ChatService was made."
    ),
    printcolumn(
        name = "Draining",
        type_ = "integer",
        json_path = ".status.drainingReplicas",
        priority = 1,
        description = "How many pods hand their people over before they end."
    ),
    printcolumn(
        name = "URL",
        type_ = "string",
        json_path = ".status.url",
        priority = 1,
        description = "Where people connect."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1,
        description = "Why the service is ready, or is not."
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!has(self.autoscaling.targetConnectionsPerPod) || !has(self.signaling.maxConnectionsPerPod) || self.autoscaling.targetConnectionsPerPod <= self.signaling.maxConnectionsPerPod",
        "autoscaling.targetConnectionsPerPod is above signaling.maxConnectionsPerPod, no pod could ever reach it: lower the one or raise the other",
    ),
    (
        "!(self.expose.type in ['Ingress', 'Gateway']) || !has(self.rateLimit.trustProxyHops) || self.rateLimit.trustProxyHops > 0 || self.rateLimit.maxRequests == 0",
        "rateLimit.trustProxyHops must be 1 at least when expose.type is Ingress or Gateway, or all people count as one address: take it out, or set rateLimit.maxRequests: 0",
    ),
])))]
pub struct ChatServiceSpec {
    /// How many people the service is for. It decides about the number of pods, their memory and CPU, and their connections to
    /// Redis.
    pub capacity: Capacity,
    /// How many signaling pods there are. Written by you, by `kubectl scale` or by the autoscaler. Default: filled in once by
    /// the operator, with the number of pods in the row of `capacity.users`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3000))]
    pub replicas: Option<i32>,
    /// Which image the signaling pods run.
    #[serde(default)]
    pub image: Image,
    /// The pods that people connect to.
    #[serde(default)]
    pub signaling: Signaling,
    /// Who changes the number of pods, and by what.
    #[serde(default)]
    pub autoscaling: Autoscaling,
    /// The Redis that pods share.
    #[serde(default)]
    pub redis: Redis,
    /// Where events are published.
    #[serde(default)]
    pub kafka: Kafka,
    /// How people outside the cluster reach the pods.
    #[serde(default)]
    pub expose: Expose,
    /// The servers that help two browsers find a way to each other.
    #[serde(default)]
    pub turn: Turn,
    /// Who may connect.
    #[serde(default)]
    pub auth: Auth,
    /// How many connections and requests one client address has.
    #[serde(default)]
    pub rate_limit: RateLimit,
    /// Who may reach the pods.
    #[serde(default)]
    pub network_policy: NetworkPolicy,
    /// What Prometheus and Grafana are told.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// When pods are replaced after an upgrade of the operator would build them differently: `OnSpecChange` with the next change
    /// of this spec (the condition `UpdateAvailable` tells meanwhile), `Immediate` at once.
    #[serde(default)]
    pub update_policy: UpdatePolicy,
    /// Stops the operator from changing anything of this service. Pods, and an autoscaler that is there, go on.
    #[serde(default)]
    pub paused: bool,
}

/// How many people the service is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// How many people may be connected at once. The scaling table's first row that is at least as large decides about pods,
    /// memory, CPU and Redis connections; above its last row they grow in proportion.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub users: i32,
}

/// When an upgrade of the operator may replace pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpdatePolicy {
    /// With the next change of the spec.
    #[default]
    OnSpecChange,
    /// At once.
    Immediate,
}

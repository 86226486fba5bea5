//! `spec.autoscaling`: who changes the number of pods, and by what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::rules;

/// Who changes the number of pods, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "self.mode == 'None' || has(self.maxReplicas)",
        "autoscaling.maxReplicas is required when autoscaling.mode is HPA or KEDA: add how many pods there may be at most",
    ),
    (
        "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
        "autoscaling.minReplicas is above autoscaling.maxReplicas: lower the one or raise the other",
    ),
    (
        "self.mode != 'KEDA' || self.connectionsFrom == 'Auto'",
        "autoscaling.connectionsFrom has no meaning for KEDA, which asks the operator itself: take it out, or set autoscaling.mode: HPA",
    ),
])))]
pub struct Autoscaling {
    /// Who changes `replicas` through the scale subresource: `None` leaves it to people, `HPA` makes a HorizontalPodAutoscaler,
    /// `KEDA` a ScaledObject (KEDA must be installed). Going from one to another changes no number by itself.
    pub mode: AutoscalingMode,
    /// The fewest pods the autoscaler may choose. Default: 2, or `maxReplicas` where that is less.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3000))]
    pub min_replicas: Option<i32>,
    /// The most pods the autoscaler may choose. Required with `HPA` and `KEDA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3000))]
    pub max_replicas: Option<i32>,
    /// How many connections a pod should have on average. Default: `capacity.users` divided by the pods of its row; but where a
    /// target for CPU or memory is given and this is not, connections are not a signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub target_connections_per_pod: Option<i32>,
    /// Where a HorizontalPodAutoscaler gets the number of connections: `CustomMetrics` from an adapter that serves the pods'
    /// metric, `ExternalMetrics` from the operator's own endpoint, `Auto` from what the cluster has (the condition
    /// `AutoscalingActive` says which).
    pub connections_from: ConnectionsFrom,
    /// The average CPU use to aim for, in percent of what pods request. Default: CPU is not a signal.
    #[serde(
        rename = "targetCPUUtilizationPercentage",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(range(min = 1, max = 1000))]
    pub target_cpu_utilization_percentage: Option<i32>,
    /// The average memory use to aim for, in percent of what pods request. Default: memory is not a signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub target_memory_utilization_percentage: Option<i32>,
    /// How quickly pods are taken away. Each pod that goes drains its people first.
    pub scale_down: ScaleDown,
    /// How quickly pods are added.
    pub scale_up: ScaleUp,
}

/// Who changes `replicas`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AutoscalingMode {
    /// People, with `kubectl scale` or in the spec.
    #[default]
    None,
    /// A HorizontalPodAutoscaler.
    #[serde(rename = "HPA")]
    Hpa,
    /// A ScaledObject of KEDA.
    #[serde(rename = "KEDA")]
    Keda,
}

/// Where a HorizontalPodAutoscaler gets the number of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConnectionsFrom {
    /// From what the cluster has.
    #[default]
    Auto,
    /// From `custom.metrics.k8s.io`.
    CustomMetrics,
    /// From `external.metrics.k8s.io`, which the operator serves.
    ExternalMetrics,
}

/// How quickly pods are taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ScaleDown {
    /// How many seconds a lower number must have been enough before pods go.
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_window_seconds: i32,
    /// How many pods go within a minute at most.
    #[schemars(range(min = 1, max = 3000))]
    pub max_pods_per_minute: i32,
}

impl Default for ScaleDown {
    fn default() -> Self {
        Self {
            stabilization_window_seconds: 600,
            max_pods_per_minute: 1,
        }
    }
}

/// How quickly pods are added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ScaleUp {
    /// How many seconds a higher number must have been needed before pods come.
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_window_seconds: i32,
    /// How many pods come within a minute at most.
    #[schemars(range(min = 1, max = 3000))]
    pub max_pods_per_minute: i32,
}

impl Default for ScaleUp {
    fn default() -> Self {
        Self {
            stabilization_window_seconds: 0,
            max_pods_per_minute: 10,
        }
    }
}

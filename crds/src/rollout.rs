//! How pods end, and how a new version replaces the old one.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{pods_or_percent, rules};

/// How a pod lets its people go when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Drain {
    /// How many seconds a pod takes, at most, to hand its people over to other pods. The grace period of the pod is 30 s
    /// longer.
    #[schemars(range(min = 10, max = 3600))]
    pub timeout_seconds: i32,
    /// How many connections a second all pods that end close together. Default: 50, or a 120th of all sessions where that is
    /// more. It rises by itself where the deadline demands it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_disconnects_per_second: Option<i32>,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            timeout_seconds: 300,
            max_disconnects_per_second: None,
        }
    }
}

/// How a new version replaces the old one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!(string(self.maxSurge) in ['0', '0%'] && string(self.maxUnavailable) in ['0', '0%'])",
        "rollout.maxSurge and rollout.maxUnavailable cannot both be 0, no pod could ever be replaced: set rollout.maxSurge: 1",
    ),
    (
        "!has(self.gate) || string(self.maxUnavailable) != '100%'",
        "rollout.gate compares new pods with old ones, which rollout.maxUnavailable: 100% takes away at once: lower it, or take rollout.gate out",
    ),
])))]
pub struct Rollout {
    /// How many pods there may be beyond `replicas` during a rollout: a number, or a share such as `25%`.
    #[schemars(schema_with = "pods_or_percent")]
    pub max_surge: IntOrString,
    /// How many of `replicas` may be missing during a rollout: a number, or a share such as `25%`.
    #[schemars(schema_with = "pods_or_percent")]
    pub max_unavailable: IntOrString,
    /// How many seconds a new pod must have been ready before the next old one goes.
    #[schemars(range(min = 0, max = 3600))]
    pub min_ready_seconds: i32,
    /// Stops a rollout whose new pods connect fewer calls than the old ones. Default: no gate; `gate: {}` is one with all its
    /// defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            max_surge: IntOrString::Int(1),
            max_unavailable: IntOrString::Int(0),
            min_ready_seconds: 10,
            gate: None,
        }
    }
}

/// Compares matches wholly on new pods with matches wholly on old ones: the share of them whose ICE connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Gate {
    /// How many matches on new pods, and how many on old ones, are compared.
    #[schemars(range(min = 1, max = 10_000))]
    pub min_matches: i32,
    /// How many percentage points the share of connected calls may fall before the rollout is stopped.
    #[schemars(range(min = 1, max = 100))]
    pub max_drop_percent: i32,
    /// How many seconds the gate waits for that many matches. A rollout without them then goes on, and an Event says so.
    #[schemars(range(min = 10, max = 86_400))]
    pub timeout_seconds: i32,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            min_matches: 50,
            max_drop_percent: 10,
            timeout_seconds: 600,
        }
    }
}

/// How many pods an eviction may take at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DisruptionBudget {
    /// How many pods may be evicted at once: a number, or a share such as `25%`. With 0 the drain of a node waits until
    /// somebody changes it. A pod that is not ready may always be evicted.
    #[schemars(schema_with = "pods_or_percent")]
    pub max_unavailable: IntOrString,
}

impl Default for DisruptionBudget {
    fn default() -> Self {
        Self {
            max_unavailable: IntOrString::Int(1),
        }
    }
}

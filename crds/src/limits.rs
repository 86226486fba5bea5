//! `spec.rateLimit` and `spec.networkPolicy`: what one address may do, and who may reach the pods.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many connections and requests one client address has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RateLimit {
    /// How many seconds a window is long.
    #[schemars(range(min = 1, max = 86_400))]
    pub window_seconds: i32,
    /// How many new connections and plain HTTP requests a client address has in one window; 0 lifts the limit.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub max_requests: i32,
    /// How many proxies in front of the pods add to `X-Forwarded-For`: that many of its last entries are believed. Default: 1
    /// with `expose.type` `Ingress` or `Gateway`, else 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 16))]
    pub trust_proxy_hops: Option<i32>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            window_seconds: 60,
            max_requests: 200,
            trust_proxy_hops: None,
        }
    }
}

/// Who may reach the pods and the managed Redis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// Whether a NetworkPolicy limits traffic to what the service needs: people to the client port, Prometheus and the operator
    /// to the metrics port, pods among themselves, and to Redis.
    pub enabled: bool,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self { enabled: true }
    }
}

//! `spec.monitoring`: what Prometheus and Grafana are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What Prometheus and Grafana are told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Monitoring {
    /// Whether a ServiceMonitor is made: `Auto` where the cluster knows that kind, `Enabled` always (a condition says so where
    /// it cannot), `Disabled` never.
    pub service_monitor: ServiceMonitor,
    /// Whether a ConfigMap with dashboards is made, labelled `grafana_dashboard: "1"` for Grafana's sidecar.
    pub dashboards: bool,
}

/// Whether a ServiceMonitor is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceMonitor {
    /// Where the cluster knows that kind.
    #[default]
    Auto,
    /// Always.
    Enabled,
    /// Never.
    Disabled,
}

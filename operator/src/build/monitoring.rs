//! What Prometheus and Grafana are told.

use crds::ServiceMonitor;
use serde_json::{Value, json};

use super::{BuildError, Building, Kind, METRICS_PORT_NAME};
use crate::contents::canonical;
use crate::names::{self, Component};

/// What the dashboard shows: a title, and a query for the pods of one service.
const PANELS: &[(&str, &str)] = &[
    ("Connections", "sum(webrtc_active_connections{SERVICE}) by (pod)"),
    ("People waiting", "sum(webrtc_waiting_sessions{SERVICE})"),
    (
        "Signals per second",
        "sum(rate(webrtc_signaling_messages_total{SERVICE}[5m])) by (type)",
    ),
    (
        "Wait for a partner, 95 %",
        "histogram_quantile(0.95, sum(rate(webrtc_matchmaking_duration_seconds_bucket{SERVICE}[5m])) by (le))",
    ),
    (
        "Errors per second",
        "sum(rate(webrtc_errors_total{SERVICE}[5m])) by (type)",
    ),
];

pub(super) fn add(building: &mut Building<'_>) -> Result<(), BuildError> {
    let (chat, is_known) = (building.chat, building.facts.apis.service_monitors);
    match (chat.monitoring.service_monitor, is_known) {
        (ServiceMonitor::Disabled, _) | (ServiceMonitor::Auto, false) => {}
        (ServiceMonitor::Enabled, false) => building.built.unknown_kinds.push(Kind::ServiceMonitor),
        (ServiceMonitor::Auto | ServiceMonitor::Enabled, true) => {
            // Of the Services with these labels only the headless one has a port of that name.
            let monitor = json!({ "spec": {
                "selector": { "matchLabels": names::selector(&chat.name, Component::Signaling) },
                "targetLabels": ["app.kubernetes.io/instance"],
                "endpoints": [{ "port": METRICS_PORT_NAME, "path": "/metrics" }],
            }});
            building.add(Kind::ServiceMonitor, &chat.name, Component::Signaling, monitor)?;
        }
    }
    if chat.monitoring.dashboards {
        let name = names::dashboards(&chat.name);
        let file = format!("{}-{}.json", chat.namespace, chat.name);
        let dashboard = canonical(&dashboard(&chat.namespace, &chat.name));
        let data = json!({ "data": { file: dashboard } });
        let child = building.add(Kind::ConfigMap, &name, Component::Signaling, data)?;
        let labels = child.object.metadata.labels.get_or_insert_default();
        labels.insert("grafana_dashboard".to_owned(), "1".to_owned());
    }
    Ok(())
}

/// A dashboard with the figures that a person looks at first. It is a beginning: more of them are to come.
fn dashboard(namespace: &str, name: &str) -> Value {
    let service = format!("{{namespace=\"{namespace}\",app_kubernetes_io_instance=\"{name}\"}}");
    let panels = PANELS.iter().enumerate().map(|(index, (title, query))| {
        json!({
            "id": index + 1,
            "type": "timeseries",
            "title": title,
            "gridPos": { "h": 8, "w": 12, "x": index % 2 * 12, "y": index / 2 * 8 },
            "targets": [{ "refId": "A", "expr": query.replace("{SERVICE}", &service) }],
        })
    });
    json!({
        "title": format!("Chat service {namespace}/{name}"),
        "tags": ["chat-service"],
        "timezone": "browser",
        "schemaVersion": 39,
        "time": { "from": "now-1h", "to": "now" },
        "panels": panels.collect::<Vec<_>>(),
    })
}

//! The HorizontalPodAutoscaler or ScaledObject. Both write the ChatService's scale subresource; the operator follows.

use std::fmt;

use crds::ConnectionsFrom;
use serde_json::{Value, json};

use super::{BuildError, Building, Kind};
use crate::facts::Apis;
use crate::names::{self, Component};
use crate::validate::{Autoscaler, Scaling, ValidatedChatService};

/// The name of the number of connections, as the pods' own metric and as the operator's external one.
pub const CONNECTIONS_METRIC: &str = "webrtc_active_connections";
/// The label of the external metric with the ChatService's name. Its namespace is that of the request.
pub const SERVICE_LABEL: &str = "chatservice";
/// The field of the answer at [`connections_path`] with the number of connections.
const CONNECTIONS_FIELD: &str = "connections";

/// Where the operator's HTTP port tells `{"connections": …}` of a ChatService: the number that all of its pods have.
#[must_use]
pub fn connections_path(namespace: &str, name: &str) -> String {
    format!("/namespaces/{namespace}/chatservices/{name}/connections")
}

/// Where an autoscaler gets the number of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionsSource {
    /// `custom.metrics.k8s.io`, from an adapter.
    CustomMetrics,
    /// `external.metrics.k8s.io`, from the operator.
    ExternalMetrics,
    /// The operator's HTTP port, by KEDA.
    Operator,
    /// Nowhere: the cluster has not what the spec asks for, or neither of both.
    Nowhere,
}

impl fmt::Display for ConnectionsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CustomMetrics => "custom.metrics.k8s.io",
            Self::ExternalMetrics => "external.metrics.k8s.io",
            Self::Operator => "the operator",
            Self::Nowhere => "nowhere",
        })
    }
}

pub(super) fn add(building: &mut Building<'_>) -> Result<(), BuildError> {
    let (chat, facts) = (building.chat, building.facts);
    match &chat.autoscaler {
        Autoscaler::None => {}
        Autoscaler::Hpa(scaling) => {
            let source = scaling.connections.map(|_| source(scaling, &facts.apis));
            building.built.connections_from = source;
            let spec = json!({ "spec": hpa(chat, scaling, source) });
            let kind = Kind::HorizontalPodAutoscaler;
            building.add(kind, &chat.name, Component::Signaling, spec)?;
        }
        Autoscaler::Keda(_) if !facts.apis.keda => {
            building.built.unknown_kinds.push(Kind::ScaledObject);
        }
        Autoscaler::Keda(scaling) => {
            building.built.connections_from = scaling.connections.map(|_| ConnectionsSource::Operator);
            let spec = json!({ "spec": scaled_object(chat, scaling, &facts.operator.endpoint) });
            building.add(Kind::ScaledObject, &chat.name, Component::Signaling, spec)?;
        }
    }
    Ok(())
}

/// An adapter that serves this very metric was set up for the purpose: it goes first.
fn source(scaling: &Scaling, apis: &Apis) -> ConnectionsSource {
    let wants = |source| [ConnectionsFrom::Auto, source].contains(&scaling.connections_from);
    if wants(ConnectionsFrom::CustomMetrics) && apis.custom_connections {
        ConnectionsSource::CustomMetrics
    } else if wants(ConnectionsFrom::ExternalMetrics) && apis.external_connections {
        ConnectionsSource::ExternalMetrics
    } else {
        ConnectionsSource::Nowhere
    }
}

fn target(chat: &ValidatedChatService) -> Value {
    json!({ "apiVersion": names::API_VERSION, "kind": names::KIND, "name": chat.name })
}

fn hpa(chat: &ValidatedChatService, scaling: &Scaling, source: Option<ConnectionsSource>) -> Value {
    let mut metrics: Vec<_> = scaling
        .connections
        .zip(source)
        .and_then(|(target, source)| connections(chat, scaling, target, source))
        .into_iter()
        .collect();
    for (name, percent) in [("cpu", scaling.cpu_percent), ("memory", scaling.memory_percent)] {
        if let Some(percent) = percent {
            let target = json!({ "type": "Utilization", "averageUtilization": percent });
            metrics.push(json!({ "type": "Resource", "resource": { "name": name, "target": target } }));
        }
    }
    json!({
        "scaleTargetRef": target(chat),
        "minReplicas": scaling.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "metrics": metrics,
        "behavior": behavior(scaling),
    })
}

fn connections(
    chat: &ValidatedChatService,
    scaling: &Scaling,
    target: i32,
    source: ConnectionsSource,
) -> Option<Value> {
    let target = json!({ "type": "AverageValue", "averageValue": target.to_string() });
    let custom = || {
        json!({
            "type": "Pods",
            "pods": { "metric": { "name": CONNECTIONS_METRIC }, "target": target },
        })
    };
    let external = || {
        let selector = json!({ "matchLabels": { SERVICE_LABEL: chat.name } });
        json!({
            "type": "External",
            "external": {
                "metric": { "name": CONNECTIONS_METRIC, "selector": selector },
                "target": target,
            },
        })
    };
    let has_others = scaling.cpu_percent.is_some() || scaling.memory_percent.is_some();
    match (source, scaling.connections_from) {
        (ConnectionsSource::CustomMetrics, _) => Some(custom()),
        (ConnectionsSource::ExternalMetrics, _) => Some(external()),
        // A signal that cannot be had keeps the others from ever taking a pod away.
        _ if has_others => None,
        // Without any, Kubernetes would put CPU in place of connections. This one works as soon as it is there.
        (_, ConnectionsFrom::CustomMetrics) => Some(custom()),
        _ => Some(external()),
    }
}

fn behavior(scaling: &Scaling) -> Value {
    let rules = |window: i32, pods: i32| {
        json!({
            "stabilizationWindowSeconds": window,
            "policies": [{ "type": "Pods", "value": pods, "periodSeconds": 60 }],
        })
    };
    let (down, up) = (&scaling.scale_down, &scaling.scale_up);
    json!({
        "scaleDown": rules(down.stabilization_window_seconds, down.max_pods_per_minute),
        "scaleUp": rules(up.stabilization_window_seconds, up.max_pods_per_minute),
    })
}

fn scaled_object(chat: &ValidatedChatService, scaling: &Scaling, endpoint: &str) -> Value {
    let mut triggers = Vec::new();
    if let Some(target) = scaling.connections {
        triggers.push(json!({
            "type": "metrics-api",
            "metricType": "AverageValue",
            "metadata": {
                "url": format!("{endpoint}{}", connections_path(&chat.namespace, &chat.name)),
                "valueLocation": CONNECTIONS_FIELD,
                "targetValue": target.to_string(),
            },
        }));
    }
    for (name, percent) in [("cpu", scaling.cpu_percent), ("memory", scaling.memory_percent)] {
        if let Some(percent) = percent {
            let metadata = json!({ "value": percent.to_string() });
            triggers.push(json!({ "type": name, "metricType": "Utilization", "metadata": metadata }));
        }
    }
    json!({
        "scaleTargetRef": target(chat),
        "minReplicaCount": scaling.min_replicas,
        "maxReplicaCount": scaling.max_replicas,
        "triggers": triggers,
        "advanced": {
            // What runs stays when the ScaledObject goes.
            "restoreToOriginalReplicaCount": false,
            "horizontalPodAutoscalerConfig": { "behavior": behavior(scaling) },
        },
    })
}

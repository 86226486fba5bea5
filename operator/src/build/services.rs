//! The Services of the signaling pods. None needs session affinity.

use serde_json::{Value, json};

use super::{BuildError, Building, CLIENT_PORT_NAME, Kind, METRICS_PORT, METRICS_PORT_NAME};
use crate::names::{self, Component};
use crate::validate::{ExposedBy, ValidatedChatService};

pub(super) fn add(building: &mut Building<'_>) -> Result<(), BuildError> {
    let chat = building.chat;
    let clients = json!({ "spec": { "selector": selector(chat), "ports": [client_port(chat)] } });
    building.add(Kind::Service, &chat.name, Component::Signaling, clients)?;
    let headless = json!({ "spec": {
        "clusterIP": "None",
        "selector": selector(chat),
        "ports": [{
            "name": METRICS_PORT_NAME,
            "port": METRICS_PORT,
            "targetPort": METRICS_PORT_NAME,
            "protocol": "TCP",
        }],
        // A pod that drains is the one that is to be watched.
        "publishNotReadyAddresses": true,
    }});
    let name = names::headless(&chat.name);
    building.add(Kind::Service, &name, Component::Signaling, headless)?;
    if let ExposedBy::LoadBalancer {
        annotations,
        source_ranges,
        ..
    } = &chat.exposure.by
    {
        let mut spec = json!({
            "type": "LoadBalancer",
            // People's own addresses are what the rate limit counts by.
            "externalTrafficPolicy": "Local",
            "selector": selector(chat),
            "ports": [client_port(chat)],
        });
        if !source_ranges.is_empty() {
            spec["loadBalancerSourceRanges"] = json!(source_ranges);
        }
        let name = names::load_balancer(&chat.name);
        let spec = json!({ "spec": spec });
        let child = building.add(Kind::Service, &name, Component::Signaling, spec)?;
        if !annotations.is_empty() {
            child.object.metadata.annotations = Some(annotations.clone());
        }
    }
    Ok(())
}

fn selector(chat: &ValidatedChatService) -> Value {
    json!(names::selector(&chat.name, Component::Signaling))
}

fn client_port(chat: &ValidatedChatService) -> Value {
    let (name, port) = client_port_of_service(chat);
    json!({ "name": name, "port": port, "targetPort": CLIENT_PORT_NAME, "protocol": "TCP" })
}

/// The name and number of the port for people on a Service: as their scheme has it.
pub(super) fn client_port_of_service(chat: &ValidatedChatService) -> (&'static str, u16) {
    match chat.exposure.pod_certificate() {
        Some(_) => ("https", 443),
        None => ("http", 80),
    }
}

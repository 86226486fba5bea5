//! Who may reach the signaling pods and the managed Redis.

use serde_json::json;

use super::{BuildError, Building, CLIENT_PORT_NAME, Kind, METRICS_PORT_NAME, REDIS_PORT};
use crate::names::{self, Component};
use crate::validate::RedisServer;

/// Kubernetes's own label with a namespace's name.
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";

pub(super) fn add(building: &mut Building<'_>) -> Result<(), BuildError> {
    let (chat, facts) = (building.chat, building.facts);
    if !chat.network_policy {
        return Ok(());
    }
    let pods = names::selector(&chat.name, Component::Signaling);
    // Where they go is theirs: Redis, Kafka and collectors may be anywhere.
    let signaling = json!({ "spec": {
        "podSelector": { "matchLabels": pods },
        "policyTypes": ["Ingress"],
        "ingress": [
            // From everywhere: people, whatever stands in front of the pods, and the other pods.
            { "ports": [{ "port": CLIENT_PORT_NAME, "protocol": "TCP" }] },
            {
                "ports": [{ "port": METRICS_PORT_NAME, "protocol": "TCP" }],
                "from": [
                    { "namespaceSelector": { "matchLabels": { NAMESPACE_LABEL: facts.operator.namespace } } },
                    {
                        "namespaceSelector": {},
                        "podSelector": { "matchLabels": { "app.kubernetes.io/name": "prometheus" } },
                    },
                ],
            },
        ],
    }});
    building.add(Kind::NetworkPolicy, &chat.name, Component::Signaling, signaling)?;
    if let RedisServer::Managed(_) = chat.redis.server {
        let redis = json!({ "spec": {
            "podSelector": { "matchLabels": names::selector(&chat.name, Component::Redis) },
            // It has nobody to ask.
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{
                "ports": [{ "port": REDIS_PORT, "protocol": "TCP" }],
                "from": [{ "podSelector": { "matchLabels": pods } }],
            }],
            "egress": [],
        }});
        let name = names::redis(&chat.name);
        building.add(Kind::NetworkPolicy, &name, Component::Redis, redis)?;
    }
    Ok(())
}

//! What a ChatService of three lines is.

use crds::ChatService;
use serde_json::{Value, json};

use crate::api_server::{chat_service, create};

const LEAST: &str = "
apiVersion: chat.webrtc.io/v1alpha1
kind: ChatService
metadata: {name: acme}
spec: {capacity: {users: 1000}}
";

#[test]
fn the_least_chat_service_has_the_documented_defaults() {
    let object: Value = serde_saphyr::from_str(LEAST).unwrap();
    let spec = create(&object).unwrap()["spec"].clone();
    assert_eq!(
        spec,
        json!({
            "capacity": {"users": 1000},
            "image": {"pullPolicy": "IfNotPresent"},
            "signaling": {
                "logLevel": "info",
                "topologySpread": "Soft",
                "demoPage": false,
                "drain": {"timeoutSeconds": 300},
                "rollout": {"maxSurge": 1, "maxUnavailable": 0, "minReadySeconds": 10},
                "disruptionBudget": {"maxUnavailable": 1},
            },
            "autoscaling": {
                "mode": "None",
                "connectionsFrom": "Auto",
                "scaleDown": {"stabilizationWindowSeconds": 600, "maxPodsPerMinute": 1},
                "scaleUp": {"stabilizationWindowSeconds": 0, "maxPodsPerMinute": 10},
            },
            "redis": {
                "mode": "Managed",
                "ttls": {"socketMapSeconds": 7200, "matchMapSeconds": 3600, "userStatsSeconds": 172_800},
            },
            "kafka": {"mode": "Disabled", "topic": "webrtc-events", "batchSize": 100, "batchTimeoutMs": 1000},
            "expose": {"type": "None"},
            "turn": {"ttlSeconds": 3600, "stunUrls": ["stun:stun.l.google.com:19302"]},
            "auth": {},
            "rateLimit": {"windowSeconds": 60, "maxRequests": 200},
            "networkPolicy": {"enabled": true},
            "monitoring": {"serviceMonitor": "Auto", "dashboards": false},
            "updatePolicy": "OnSpecChange",
            "paused": false,
        })
    );
}

#[test]
fn the_types_have_the_defaults_of_the_schema() {
    // `operator plan` reads a file that no API server has filled in.
    for spec in [
        "{}",
        "redis: {mode: External, external: {endpoints: ['redis:6379'], credentialsSecretRef: {name: redis}}}",
        "kafka: {mode: External, external: {bootstrapServers: ['kafka:9092']}}",
        "kafka: {mode: Strimzi, strimzi: {clusterName: events}}",
        "signaling: {drain: {}, rollout: {gate: {}}, disruptionBudget: {}}",
        "turn: {stunUrls: []}",
        "autoscaling: {mode: HPA, maxReplicas: 9, scaleDown: {}, scaleUp: {maxPodsPerMinute: 2}}",
        "redis: {managed: {storage: {size: 1Gi}}, ttls: {matchMapSeconds: 60}}",
        "expose: {type: Ingress, hostnames: [chat.example.com], tls: {}, ingress: {}}",
    ] {
        let object = chat_service(spec);
        let read: ChatService = serde_json::from_value(object.clone()).unwrap();
        let kept: ChatService = serde_json::from_value(create(&object).unwrap()).unwrap();
        assert_eq!(read, kept, "{spec}");
    }
}

#[test]
fn null_is_the_same_as_nothing() {
    let nothing = create(&chat_service("{}")).unwrap();
    assert_eq!(
        create(&chat_service(
            "{redis: null, replicas: null, turn: {ttlSeconds: null}}"
        ))
        .unwrap(),
        nothing
    );
}

#[test]
fn an_empty_list_of_stun_servers_stays_empty() {
    let object = create(&chat_service("turn: {stunUrls: []}")).unwrap();
    let read: ChatService = serde_json::from_value(object).unwrap();
    assert!(read.spec.turn.stun_urls.is_empty());
    assert_eq!(
        serde_json::to_value(read).unwrap()["spec"]["turn"]["stunUrls"],
        json!([])
    );
}

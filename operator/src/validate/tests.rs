use kube::core::DynamicObject;
use serde_json::json;

use super::*;

fn object(spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "chat.webrtc.io/v1alpha1",
        "kind": "ChatService",
        "metadata": { "name": "acme", "namespace": "chat", "uid": "u", "generation": 3 },
        "spec": { "capacity": { "users": 1000 } },
    });
    if let (Value::Object(all), Value::Object(spec)) = (&mut object["spec"], spec) {
        all.extend(spec);
    }
    object
}

fn valid(spec: Value) -> ValidatedChatService {
    validate(&object(spec)).unwrap()
}

fn invalid(spec: Value) -> Invalid {
    validate(&object(spec)).unwrap_err()
}

#[test]
fn defaults_that_depend_on_other_fields_are_resolved() {
    let chat = valid(json!({}));
    assert_eq!(chat.redis.prefix, "chat/acme");
    assert_eq!((chat.trusted_hops, &*chat.pods.client_url), (0, "*"));
    assert_eq!(chat.sizing.row.workers, 4);
    assert_eq!((chat.generation, chat.uid.as_deref()), (Some(3), Some("u")));
    let resources = json!(chat.pods.resources);
    assert_eq!(
        resources,
        json!({"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}})
    );

    let chat = valid(json!({"expose": {"type": "Ingress", "hostnames": ["a.example.com", "b.example.com"]}}));
    assert_eq!(chat.trusted_hops, 1);
    assert_eq!(
        chat.pods.client_url,
        "https://a.example.com,https://b.example.com"
    );
    let chat = valid(json!({"expose": {"type": "LoadBalancer", "hostnames": ["a.example.com"]}}));
    assert_eq!(chat.trusted_hops, 0);
    let chat = valid(json!({
        "expose": {"type": "Ingress", "hostnames": ["a.example.com"]},
        "rateLimit": {"trustProxyHops": 2},
        "signaling": {"clientUrl": "*"},
    }));
    assert_eq!((chat.trusted_hops, &*chat.pods.client_url), (2, "*"));
}

#[test]
fn an_autoscaler_aims_for_the_share_of_a_pod_unless_told_otherwise() {
    // spec.autoscaling, signaling → least, most, connections.
    for (autoscaling, signaling, expected) in [
        (json!({"maxReplicas": 12}), json!({}), (2, 12, Some(250))),
        (json!({"maxReplicas": 1}), json!({}), (1, 1, Some(250))),
        (
            json!({"maxReplicas": 9}),
            json!({"maxConnectionsPerPod": 100}),
            (2, 9, Some(100)),
        ),
        (
            json!({"maxReplicas": 9, "minReplicas": 4, "targetConnectionsPerPod": 90}),
            json!({}),
            (4, 9, Some(90)),
        ),
        (
            json!({"maxReplicas": 9, "targetCPUUtilizationPercentage": 70}),
            json!({}),
            (2, 9, None),
        ),
        (
            json!({"maxReplicas": 9, "targetMemoryUtilizationPercentage": 70, "targetConnectionsPerPod": 9}),
            json!({}),
            (2, 9, Some(9)),
        ),
    ] {
        for mode in ["HPA", "KEDA"] {
            let mut autoscaling = autoscaling.clone();
            autoscaling["mode"] = mode.into();
            let chat = valid(json!({"autoscaling": autoscaling, "signaling": signaling}));
            let scaling = chat.autoscaler.scaling().unwrap();
            let found = (scaling.min_replicas, scaling.max_replicas, scaling.connections);
            assert_eq!(found, expected, "{autoscaling}");
        }
    }
}

/// A spec, and why it cannot be acted upon: the reason, the field, and a part of the sentence.
const INVALID: &[(&str, Reason, &str, &str)] = &[
    (
        r#"{"capacity": {"users": 0}}"#,
        Reason::FieldInvalid,
        "spec.capacity.users",
        "from 1 to 1000000",
    ),
    (
        r#"{"capacity": {"users": 1000001}}"#,
        Reason::FieldInvalid,
        "spec.capacity.users",
        "from 1",
    ),
    (
        r#"{"replicas": -1}"#,
        Reason::FieldInvalid,
        "spec.replicas",
        "0 or more",
    ),
    (
        r#"{"capacity": {"users": "many"}}"#,
        Reason::Undecodable,
        "spec.capacity.users",
        "invalid type",
    ),
    (
        r#"{"redis": {"mode": "Embedded"}}"#,
        Reason::Undecodable,
        "spec.redis.mode",
        "unknown variant",
    ),
    (
        r#"{"redis": {"mode": "External"}}"#,
        Reason::FieldMissing,
        "spec.redis.external",
        "add redis.external.endpoints",
    ),
    (
        r#"{"redis": {"mode": "External", "external": {"endpoints": []}}}"#,
        Reason::FieldMissing,
        "spec.redis.external.endpoints",
        "host:port",
    ),
    (
        r#"{"redis": {"mode": "External", "external": {"endpoints": ["a:1"], "topology": "Sentinel"}}}"#,
        Reason::FieldMissing,
        "spec.redis.external.masterName",
        "add the name",
    ),
    (
        r#"{"redis": {"mode": "External", "external": {"endpoints": ["a:1"], "tls": {"serverName": "b"}}}}"#,
        Reason::Unsupported,
        "spec.redis.external.tls.serverName",
        "take it out",
    ),
    (
        r#"{"redis": {"mode": "External", "external": {"endpoints": ["a:1"], "tls": {"insecureSkipVerify": true}}}}"#,
        Reason::Unsupported,
        "spec.redis.external.tls.insecureSkipVerify",
        "caSecretRef",
    ),
    (
        r#"{"redis": {"managed": {"storage": {"size": "big"}}}}"#,
        Reason::FieldInvalid,
        "spec.redis.managed.storage.size",
        "512Mi",
    ),
    (
        r#"{"kafka": {"mode": "External"}}"#,
        Reason::FieldMissing,
        "spec.kafka.external",
        "add kafka.external",
    ),
    (
        r#"{"kafka": {"mode": "Strimzi"}}"#,
        Reason::FieldMissing,
        "spec.kafka.strimzi",
        "clusterName",
    ),
    (
        r#"{"kafka": {"mode": "External", "external": {"bootstrapServers": ["a:1"], "security": {"protocol": "SASL_SSL"}}}}"#,
        Reason::FieldMissing,
        "spec.kafka.external.security.mechanism",
        "add PLAIN",
    ),
    (
        r#"{"kafka": {"mode": "External", "external": {"bootstrapServers": ["a:1"], "security": {"protocol": "SASL_SSL", "mechanism": "PLAIN"}}}}"#,
        Reason::FieldMissing,
        "spec.kafka.external.security.credentialsSecretRef",
        "add the name",
    ),
    (
        r#"{"expose": {"type": "Gateway", "hostnames": ["a"]}}"#,
        Reason::FieldMissing,
        "spec.expose.gateway",
        "parentRefs",
    ),
    (
        r#"{"expose": {"type": "Ingress"}}"#,
        Reason::FieldMissing,
        "spec.expose.hostnames",
        "chat.example.com",
    ),
    (
        r#"{"expose": {"type": "LoadBalancer", "tls": {}}}"#,
        Reason::FieldMissing,
        "spec.expose.tls.secretName",
        "kubernetes.io/tls",
    ),
    (
        r#"{"turn": {"urls": ["turn:a"]}}"#,
        Reason::FieldMissing,
        "spec.turn.secretRef",
        "static-auth-secret",
    ),
    (
        r#"{"auth": {"jwt": {}}}"#,
        Reason::FieldInvalid,
        "spec.auth.jwt",
        "exactly one",
    ),
    (
        r#"{"autoscaling": {"mode": "HPA"}}"#,
        Reason::FieldMissing,
        "spec.autoscaling.maxReplicas",
        "add how many",
    ),
    (
        r#"{"autoscaling": {"mode": "HPA", "minReplicas": 3, "maxReplicas": 2}}"#,
        Reason::FieldInvalid,
        "spec.autoscaling.minReplicas",
        "lower the one",
    ),
    (
        r#"{"autoscaling": {"mode": "HPA", "maxReplicas": 2, "targetCPUUtilizationPercentage": 50}, "signaling": {"resources": {}}}"#,
        Reason::FieldInvalid,
        "spec.autoscaling.targetCPUUtilizationPercentage",
        "add requests.cpu",
    ),
    (
        r#"{"signaling": {"resources": {"limits": {"memory": "much"}}}}"#,
        Reason::FieldInvalid,
        "spec.signaling.resources.limits.memory",
        "512Mi",
    ),
    (
        r#"{"signaling": {"tolerations": [{"key": "a", "operater": "Exists"}]}}"#,
        Reason::FieldUnknown,
        "spec.signaling.tolerations[0].operater",
        "spelling",
    ),
    (
        r#"{"signaling": {"tolerations": [{}, {"operator": "Exist"}]}}"#,
        Reason::FieldInvalid,
        "spec.signaling.tolerations[1].operator",
        "Exists, Equal",
    ),
    (
        r#"{"signaling": {"tolerations": [{"effect": "Never"}]}}"#,
        Reason::FieldInvalid,
        "spec.signaling.tolerations[0].effect",
        "NoExecute",
    ),
    (
        r#"{"signaling": {"tolerations": [{"tolerationSeconds": "5"}]}}"#,
        Reason::Undecodable,
        "spec.signaling.tolerations[0].tolerationSeconds",
        "invalid type",
    ),
    (
        r#"{"signaling": {"affinity": {"nodeAfinity": {}}}}"#,
        Reason::FieldUnknown,
        "spec.signaling.affinity.nodeAfinity",
        "spelling",
    ),
    (
        r#"{"signaling": {"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": "1"}]}}}}"#,
        Reason::Undecodable,
        "spec.signaling.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight",
        "invalid type",
    ),
    (
        r#"{"signaling": {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}, "value": "c"}]}}"#,
        Reason::FieldInvalid,
        "spec.signaling.env[0]",
        "either value",
    ),
    (
        r#"{"signaling": {"env": [{"name": "A", "valueFrom": {}}]}}"#,
        Reason::FieldInvalid,
        "spec.signaling.env[0]",
        "exactly one source",
    ),
    (
        r#"{"signaling": {"env": [{"name": "A", "valuefrom": {}}]}}"#,
        Reason::FieldUnknown,
        "spec.signaling.env[0].valuefrom",
        "spelling",
    ),
    (
        r#"{"signaling": {"env": [{"name": "REDIS_URL", "value": "c"}]}}"#,
        Reason::FieldInvalid,
        "spec.signaling.env[0].name",
        "take it out",
    ),
];

#[test]
fn what_cannot_be_acted_upon_is_told_with_reason_field_and_cure() {
    for (spec, reason, field, cure) in INVALID {
        let found = invalid(serde_json::from_str(spec).unwrap());
        assert_eq!(
            (found.reason, &*found.field),
            (*reason, *field),
            "{spec}: {found}"
        );
        assert!(found.message.contains(cure), "{found}");
        assert!(!found.message.contains('\n'), "{found}");
    }
}

#[test]
fn an_object_without_what_every_object_has_is_told_so() {
    for (field, path) in [
        ("metadata.name", "/metadata/name"),
        ("metadata.namespace", "/metadata/namespace"),
    ] {
        let mut object = object(json!({}));
        *object.pointer_mut(path).unwrap() = Value::Null;
        assert_eq!(validate(&object).unwrap_err().field, field);
    }
    assert_eq!(validate(&json!({})).unwrap_err().field, "spec");
    assert_eq!(validate(&json!({"spec": 5})).unwrap_err().field, "metadata.name");
}

#[test]
fn an_object_as_a_dynamic_client_holds_it_is_the_same() {
    let value = object(json!({"signaling": {"demoPage": true}}));
    let dynamic: DynamicObject = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(validate_dynamic(&dynamic), validate(&value));
    let broken: DynamicObject = serde_json::from_value(object(json!({"signaling": 7}))).unwrap();
    assert_eq!(validate_dynamic(&broken).unwrap_err().field, "spec.signaling");
}

#[test]
fn only_what_shapes_a_pod_changes_the_shape() {
    let shape = valid(json!({})).shape;
    for same in [
        json!({"replicas": 7}),
        json!({"paused": true}),
        json!({"updatePolicy": "Immediate"}),
        json!({"autoscaling": {"mode": "HPA", "maxReplicas": 9}}),
        json!({"signaling": {"rollout": {"maxSurge": 2}, "disruptionBudget": {"maxUnavailable": 2}}}),
        json!({"redis": {"managed": {"image": "redis:8"}}}),
        json!({"networkPolicy": {"enabled": false}}),
        json!({"monitoring": {"dashboards": true}}),
        json!({"expose": {"tls": {"secretName": "a"}, "ingress": {"className": "b"}}}),
        json!({"expose": {"hostnames": []}}),
        // What is at its default, whoever wrote it.
        json!({"signaling": {"logLevel": "info", "drain": {"timeoutSeconds": 300}}, "image": {"pullPolicy": "IfNotPresent"}}),
    ] {
        assert_eq!(valid(same.clone()).shape, shape, "{same}");
    }
    let mut shapes = std::collections::BTreeSet::from([shape]);
    for other in [
        json!({"capacity": {"users": 1001}}),
        json!({"image": {"tag": "2"}}),
        json!({"image": {"pullSecrets": [{"name": "a"}]}}),
        json!({"signaling": {"demoPage": true}}),
        json!({"signaling": {"drain": {"timeoutSeconds": 60}}}),
        json!({"signaling": {"maxConnectionsPerPod": 400}}),
        json!({"signaling": {"env": [{"name": "A", "value": "b"}]}}),
        json!({"signaling": {"podLabels": {"a": "b"}}}),
        json!({"redis": {"poolSizePerPod": 4}}),
        json!({"redis": {"ttls": {"matchMapSeconds": 60}}}),
        json!({"redis": {"mode": "External", "external": {"endpoints": ["a:1"]}}}),
        json!({"kafka": {"mode": "Managed"}}),
        json!({"turn": {"stunUrls": []}}),
        json!({"auth": {"jwt": {"secretRef": {"name": "a", "key": "b"}}}}),
        json!({"rateLimit": {"maxRequests": 5}}),
        json!({"expose": {"hostnames": ["a.example.com"]}}),
        json!({"expose": {"type": "LoadBalancer"}}),
        json!({"expose": {"type": "LoadBalancer", "tls": {"secretName": "a"}}}),
    ] {
        assert!(shapes.insert(valid(other.clone()).shape), "{other}");
    }
}

#[test]
fn the_shape_of_a_spec_is_the_same_in_every_release() {
    // Another hash would replace every pod of every service on the next upgrade of the operator.
    assert_eq!(valid(json!({})).shape, "89a4cdfec6fad732");
    let chat = valid(json!({"signaling": {"logLevel": "debug", "podLabels": {"b": "c", "a": "d"}}}));
    assert_eq!(chat.shape, "ce59401112031778");
}

#[test]
fn secrets_and_config_maps_that_pods_read_are_known_with_their_keys() {
    let chat = valid(json!({
        "redis": {"mode": "External", "external": {
            "endpoints": ["a:1"],
            "tls": {"caSecretRef": {"name": "redis", "key": "ca.crt"}},
            "credentialsSecretRef": {"name": "redis", "usernameKey": "user", "passwordKey": "pass"},
        }},
        "kafka": {"mode": "Strimzi", "strimzi": {"clusterName": "events"}},
        "auth": {"jwt": {"jwksConfigMapRef": {"name": "keys", "key": "jwks.json"}}},
        "signaling": {"env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "own", "key": "a"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "own", "key": "b", "optional": true}}},
        ]},
    }));
    let sources = crate::credentials::sources(&chat).0;
    let found: Vec<_> = sources
        .iter()
        .map(|(source, keys)| {
            let (required, optional): (Vec<_>, Vec<_>) = (
                keys.required.iter().map(String::as_str).collect(),
                keys.optional.iter().map(String::as_str).collect(),
            );
            format!("{source} {} [{}]", required.join(","), optional.join(","))
        })
        .collect();
    assert_eq!(
        found,
        [
            "ConfigMap keys jwks.json []",
            "ConfigMap own  [b]",
            "Secret acme-events user.crt,user.key []",
            "Secret events-cluster-ca-cert ca.crt []",
            "Secret own a []",
            "Secret redis ca.crt,pass [user]",
        ]
    );
}

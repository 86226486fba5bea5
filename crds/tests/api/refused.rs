//! What is refused, and the sentence that says where and what to write instead.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api_server::{chat_service, create, schema};

/// A spec, and `path: sentence` as a person reads it; a sentence that goes on may be cut off.
const REFUSED: &[(&str, &str)] = &[
    // Shapes, which need no rule.
    (
        "capacity: {users: 0}",
        "spec.capacity.users: should be greater than or equal to 1",
    ),
    (
        "capacity: {users: 2000000}",
        "spec.capacity.users: should be less than or equal to 1000000",
    ),
    ("capacity: {}", "spec.capacity.users: Required value"),
    (
        "capacity: {users: many}",
        "spec.capacity.users: must be of type \"integer\"",
    ),
    (
        "replicas: -1",
        "spec.replicas: should be greater than or equal to 0",
    ),
    ("replica: 4", "spec.replica: unknown field"),
    (
        "redis: {mode: Embedded}",
        "spec.redis.mode: Unsupported value: \"Embedded\": supported values: [\"Managed\",\"External\"]",
    ),
    (
        "redis: {mode: External, external: {}}",
        "spec.redis.external.endpoints: Required value",
    ),
    (
        "redis: {mode: External, external: {endpoints: []}}",
        "spec.redis.external.endpoints: should have at least 1 items",
    ),
    (
        "redis: {mode: External, external: {endpoints: ['a:1'], database: -1}}",
        "spec.redis.external.database: should be greater",
    ),
    (
        "redis: {poolSizePerPod: 0}",
        "spec.redis.poolSizePerPod: should be greater than or equal to 1",
    ),
    (
        "redis: {ttls: {socketMapSeconds: 5}}",
        "spec.redis.ttls.socketMapSeconds: should be greater than or equal to 60",
    ),
    (
        "kafka: {mode: Strimzi, strimzi: {}}",
        "spec.kafka.strimzi.clusterName: Required value",
    ),
    (
        "kafka: {batchSize: 0}",
        "spec.kafka.batchSize: should be greater than or equal to 1",
    ),
    (
        "kafka: {batchTimeoutMs: 100000}",
        "spec.kafka.batchTimeoutMs: should be less than or equal to 60000",
    ),
    (
        "signaling: {drain: {timeoutSeconds: 5}}",
        "spec.signaling.drain.timeoutSeconds: should be greater than or equal to 10",
    ),
    (
        "signaling: {drain: {timeoutSeconds: 7200}}",
        "spec.signaling.drain.timeoutSeconds: should be less than or equal to 3600",
    ),
    (
        "signaling: {logLevel: verbose}",
        "spec.signaling.logLevel: Unsupported value: \"verbose\"",
    ),
    (
        "signaling: {env: [{name: A}, {name: A}]}",
        "spec.signaling.env[1]: Duplicate value: \"A\"",
    ),
    (
        "signaling: {rollout: {maxSurge: -1}}",
        "spec.signaling.rollout.maxSurge: should be greater than or equal to 0",
    ),
    (
        "expose: {type: NodePort}",
        "spec.expose.type: Unsupported value: \"NodePort\"",
    ),
    (
        "expose: {type: Gateway, hostnames: [a.b], gateway: {parentRefs: []}}",
        "spec.expose.gateway.parentRefs: should have at least 1 items",
    ),
    (
        "expose: {hostnames: [a.b, a.b]}",
        "spec.expose.hostnames[1]: Duplicate value",
    ),
    (
        "turn: {ttlSeconds: 10}",
        "spec.turn.ttlSeconds: should be greater than or equal to 60",
    ),
    (
        "rateLimit: {trustProxyHops: 99}",
        "spec.rateLimit.trustProxyHops: should be less than or equal to 16",
    ),
    (
        "auth: {jwt: {secretRef: {name: jwt}}}",
        "spec.auth.jwt.secretRef.key: Required value",
    ),
    (
        "image: {pullPolicy: Sometimes}",
        "spec.image.pullPolicy: Unsupported value: \"Sometimes\"",
    ),
    (
        "signaling: {resources: {requests: {cpu: 0.5}}}",
        "spec.signaling.resources.requests.cpu: must be of type",
    ),
    // Image.
    (
        "image: {repository: 'example.com/chat:1.4'}",
        "spec.image.repository: image.repository is a name such as registry.example.com/chat/signaling: write its tag into image.tag",
    ),
    (
        "image: {repository: 'https://example.com/chat'}",
        "spec.image.repository: image.repository is a name such as",
    ),
    (
        "image: {tag: ''}",
        "spec.image.tag: image.tag is a tag such as 1.4.0, or a digest such as sha256: and 64 hexadecimal digits",
    ),
    ("image: {tag: 'sha256:12'}", "spec.image.tag: image.tag is a tag"),
    // Pods.
    (
        "signaling: {env: [{name: REDIS_URL, value: x}]}",
        "spec.signaling.env[0]: the operator writes this variable: take it out of signaling.env, and set its field, redis (REDIS_*)",
    ),
    (
        "signaling: {env: [{name: A}, {name: LOG_LEVEL, value: x}]}",
        "spec.signaling.env[1]: the operator writes this variable",
    ),
    (
        "signaling: {env: [{name: CLUSTER_WORKERS, value: '4'}]}",
        "spec.signaling.env[0]: the operator writes this variable",
    ),
    (
        "signaling: {env: [{name: POD_SECRET, value: x}]}",
        "spec.signaling.env[0]: the operator alone writes this variable: take it out of signaling.env",
    ),
    (
        "signaling: {env: [{name: 'A B'}]}",
        "spec.signaling.env[0]: a name in signaling.env has letters, digits and _, such as MATCH_TIMEOUT_MS",
    ),
    (
        "signaling: {podLabels: {app.kubernetes.io/name: x}}",
        "spec.signaling.podLabels: signaling.podLabels may not set app.kubernetes.io/name",
    ),
    (
        "signaling: {podLabels: {'a b': x}}",
        "spec.signaling.podLabels: the key of a label must be like team or example.com/team",
    ),
    (
        "signaling: {nodeSelector: {a: 'b c'}}",
        "spec.signaling.nodeSelector.a: the value of a label must be up to 63 letters",
    ),
    (
        "signaling: {podAnnotations: {'/a': x}}",
        "spec.signaling.podAnnotations: the key of an annotation must be like team or example.com/team",
    ),
    (
        "signaling: {podAnnotations: {controller.kubernetes.io/pod-deletion-cost: '5'}}",
        "spec.signaling.podAnnotations: signaling.podAnnotations may not set controller.kubernetes.io/pod-deletion-cost",
    ),
    (
        "signaling: {clientUrl: chat.example.com}",
        "spec.signaling.clientUrl: signaling.clientUrl is one or several origins such as https://chat.example.com, without a path",
    ),
    (
        "signaling: {clientUrl: 'https://chat.example.com/'}",
        "spec.signaling.clientUrl: signaling.clientUrl is one or several origins",
    ),
    (
        "signaling: {resources: {requests: {memory: lots}}}",
        "spec.signaling.resources.requests.memory: must be a quantity such as 500m, 2, 512Mi or 1.5Gi",
    ),
    (
        "signaling: {resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}}",
        "spec.signaling.resources: resources.requests may not be above resources.limits: lower the request or raise the limit",
    ),
    (
        "signaling: {rollout: {maxSurge: 0}}",
        "spec.signaling.rollout: rollout.maxSurge and rollout.maxUnavailable cannot both be 0",
    ),
    (
        "signaling: {rollout: {maxSurge: 0%}}",
        "spec.signaling.rollout: rollout.maxSurge and rollout.maxUnavailable cannot both be 0",
    ),
    (
        "signaling: {rollout: {maxSurge: some}}",
        "spec.signaling.rollout.maxSurge: must be a number of pods such as 1, or a share of them from \"0%\" to \"100%\"",
    ),
    (
        "signaling: {rollout: {maxUnavailable: 100%, gate: {}}}",
        "spec.signaling.rollout: rollout.gate compares new pods with old ones",
    ),
    (
        "signaling: {disruptionBudget: {maxUnavailable: '1'}}",
        "spec.signaling.disruptionBudget.maxUnavailable: must be a number of pods",
    ),
    // Autoscaling.
    (
        "autoscaling: {mode: HPA}",
        "spec.autoscaling: autoscaling.maxReplicas is required when autoscaling.mode is HPA or KEDA: add how many pods",
    ),
    (
        "autoscaling: {mode: KEDA}",
        "spec.autoscaling: autoscaling.maxReplicas is required",
    ),
    (
        "autoscaling: {mode: HPA, minReplicas: 9, maxReplicas: 8}",
        "spec.autoscaling: autoscaling.minReplicas is above autoscaling.maxReplicas: lower the one or raise the other",
    ),
    (
        "autoscaling: {mode: KEDA, maxReplicas: 8, connectionsFrom: CustomMetrics}",
        "spec.autoscaling: autoscaling.connectionsFrom has no meaning for KEDA",
    ),
    (
        "{autoscaling: {targetConnectionsPerPod: 300}, signaling: {maxConnectionsPerPod: 200}}",
        "spec: autoscaling.targetConnectionsPerPod is above signaling.maxConnectionsPerPod",
    ),
    // Redis.
    (
        "redis: {mode: External}",
        "spec.redis: redis.external is required when redis.mode is External: add redis.external.endpoints",
    ),
    (
        "redis: {external: {endpoints: ['redis:6379']}}",
        "spec.redis: redis.external is not used when redis.mode is Managed: set redis.mode: External, or take redis.external out",
    ),
    (
        "redis: {mode: External, managed: {}, external: {endpoints: ['redis:6379']}}",
        "spec.redis: redis.managed is not used when redis.mode is External",
    ),
    (
        "redis: {prefix: 'a b'}",
        "spec.redis.prefix: redis.prefix has 1 to 128 letters, digits and any of -_.:/",
    ),
    (
        "redis: {prefix: ''}",
        "spec.redis.prefix: redis.prefix has 1 to 128 letters",
    ),
    (
        "redis: {managed: {image: 'redis latest'}}",
        "spec.redis.managed.image: redis.managed.image is an image such as redis:7.4-alpine",
    ),
    (
        "redis: {managed: {storage: {size: big}}}",
        "spec.redis.managed.storage.size: must be a quantity",
    ),
    (
        "redis: {mode: External, external: {endpoints: ['redis://redis:6379']}}",
        "spec.redis.external.endpoints[0]: an item of redis.external.endpoints is host:port, such as redis.example.com:6379, without redis:// before it",
    ),
    (
        "redis: {mode: External, external: {endpoints: ['redis']}}",
        "spec.redis.external.endpoints[0]: an item of redis.external.endpoints is host:port",
    ),
    (
        "redis: {mode: External, external: {endpoints: ['redis:65536']}}",
        "spec.redis.external.endpoints[0]: an item of redis.external.endpoints is host:port",
    ),
    (
        "redis: {mode: External, external: {endpoints: ['a:1', 'b:1']}}",
        "spec.redis.external: redis.external.endpoints takes one endpoint when redis.external.topology is Standalone",
    ),
    (
        "redis: {mode: External, external: {topology: Sentinel, endpoints: ['a:1', 'b:1']}}",
        "spec.redis.external: redis.external.masterName is required when redis.external.topology is Sentinel",
    ),
    (
        "redis: {mode: External, external: {endpoints: ['a:1'], masterName: chat}}",
        "spec.redis.external: redis.external.masterName is for Sentinels",
    ),
    (
        "redis: {mode: External, external: {topology: Cluster, endpoints: ['a:1'], database: 1}}",
        "spec.redis.external: redis.external.database must be 0 when redis.external.topology is Cluster",
    ),
    (
        "redis: {mode: External, external: {endpoints: ['a:1'], tls: {insecureSkipVerify: true, serverName: a}}}",
        "spec.redis.external.tls: redis.external.tls.insecureSkipVerify checks nothing",
    ),
    // Kafka.
    (
        "kafka: {mode: External}",
        "spec.kafka: kafka.external is required when kafka.mode is External: add kafka.external.bootstrapServers",
    ),
    (
        "kafka: {mode: Strimzi}",
        "spec.kafka: kafka.strimzi is required when kafka.mode is Strimzi: add kafka.strimzi.clusterName",
    ),
    (
        "kafka: {mode: Managed, external: {bootstrapServers: ['a:1']}}",
        "spec.kafka: kafka.external is only used when kafka.mode is External",
    ),
    (
        "kafka: {mode: Managed, strimzi: {clusterName: a}}",
        "spec.kafka: kafka.strimzi is only used when kafka.mode is Strimzi",
    ),
    (
        "kafka: {topic: 'chat events'}",
        "spec.kafka.topic: kafka.topic has 1 to 249 letters, digits and any of -_.",
    ),
    (
        "kafka: {topic: '..'}",
        "spec.kafka.topic: kafka.topic has 1 to 249 letters",
    ),
    (
        "kafka: {mode: External, external: {bootstrapServers: ['kafka']}}",
        "spec.kafka.external.bootstrapServers[0]: an item of kafka.external.bootstrapServers is host:port, such as kafka.example.com:9092",
    ),
    (
        "kafka: {mode: External, external: {bootstrapServers: ['a:1'], security: {protocol: SASL_SSL, credentialsSecretRef: {name: a}}}}",
        "spec.kafka.external.security: kafka.external.security.mechanism is required with SASL: add PLAIN",
    ),
    (
        "kafka: {mode: External, external: {bootstrapServers: ['a:1'], security: {protocol: SASL_PLAINTEXT, mechanism: PLAIN}}}",
        "spec.kafka.external.security: kafka.external.security.credentialsSecretRef is required with SASL",
    ),
    (
        "kafka: {mode: External, external: {bootstrapServers: ['a:1'], security: {protocol: SSL, mechanism: PLAIN}}}",
        "spec.kafka.external.security: kafka.external.security.mechanism and credentialsSecretRef are for SASL",
    ),
    (
        "kafka: {mode: External, external: {bootstrapServers: ['a:1'], security: {caSecretRef: {name: a, key: b}}}}",
        "spec.kafka.external.security: kafka.external.security.caSecretRef is for TLS",
    ),
    // The way in.
    (
        "expose: {type: Ingress}",
        "spec.expose: expose.hostnames is required when expose.type is Ingress or Gateway: add the name that people connect to",
    ),
    (
        "expose: {type: Gateway, gateway: {parentRefs: [{name: a}]}}",
        "spec.expose: expose.hostnames is required",
    ),
    (
        "expose: {type: Gateway, hostnames: [a.b]}",
        "spec.expose: expose.gateway is required when expose.type is Gateway: add expose.gateway.parentRefs",
    ),
    (
        "expose: {type: LoadBalancer, ingress: {}}",
        "spec.expose: expose.ingress is only used when expose.type is Ingress",
    ),
    (
        "expose: {type: Ingress, hostnames: [a.b], gateway: {parentRefs: [{name: a}]}}",
        "spec.expose: expose.gateway is only used when expose.type is Gateway",
    ),
    (
        "expose: {type: Ingress, hostnames: [a.b], loadBalancer: {}}",
        "spec.expose: expose.loadBalancer is only used when expose.type is LoadBalancer",
    ),
    (
        "expose: {type: Gateway, hostnames: [a.b], gateway: {parentRefs: [{name: a}]}, tls: {}}",
        "spec.expose: expose.tls is not used when expose.type is Gateway",
    ),
    (
        "expose: {type: LoadBalancer, tls: {}}",
        "spec.expose: expose.tls.secretName is required when expose.type is LoadBalancer",
    ),
    (
        "expose: {hostnames: ['https://chat.example.com']}",
        "spec.expose.hostnames[0]: an item of expose.hostnames is a DNS name in lower case such as chat.example.com",
    ),
    (
        "expose: {hostnames: ['*.example.com']}",
        "spec.expose.hostnames[0]: an item of expose.hostnames is a DNS name",
    ),
    (
        "expose: {type: LoadBalancer, loadBalancer: {sourceRanges: [203.0.113.7]}}",
        "spec.expose.loadBalancer.sourceRanges[0]: an item of expose.loadBalancer.sourceRanges is a network in CIDR notation",
    ),
    (
        "{expose: {type: Ingress, hostnames: [a.b]}, rateLimit: {trustProxyHops: 0}}",
        "spec: rateLimit.trustProxyHops must be 1 at least when expose.type is Ingress or Gateway",
    ),
    // TURN, STUN and tokens.
    (
        "turn: {urls: ['turn:turn.example.com']}",
        "spec.turn: turn.secretRef is required with turn.urls",
    ),
    (
        "turn: {secretRef: {name: a, key: b}}",
        "spec.turn: turn.secretRef is only used with turn.urls",
    ),
    (
        "turn: {urls: ['https://turn.example.com'], secretRef: {name: a, key: b}}",
        "spec.turn.urls[0]: an item of turn.urls begins with turn: or turns:",
    ),
    (
        "turn: {urls: ['turn:a,turn:b'], secretRef: {name: a, key: b}}",
        "spec.turn.urls[0]: an item of turn.urls begins with turn: or turns:",
    ),
    (
        "turn: {stunUrls: ['stun.example.com']}",
        "spec.turn.stunUrls[0]: an item of turn.stunUrls begins with stun: or stuns:",
    ),
    (
        "auth: {jwt: {}}",
        "spec.auth.jwt: auth.jwt takes exactly one of secretRef, publicKeySecretRef and jwksConfigMapRef",
    ),
    (
        "auth: {jwt: {secretRef: {name: a, key: b}, jwksConfigMapRef: {name: a, key: b}}}",
        "spec.auth.jwt: auth.jwt takes exactly one of",
    ),
];

#[test]
fn what_is_wrong_is_refused_with_one_sentence_that_names_field_and_cure() {
    let mut wrong = Vec::new();
    for (spec, expected) in REFUSED {
        match create(&chat_service(spec)) {
            Ok(_) => wrong.push(format!("accepted: {spec}")),
            Err(errors) => {
                if errors.len() != 1 || !errors[0].starts_with(expected) {
                    wrong.push(format!("{spec}\n  expected {expected}\n  got {errors:#?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_name_that_a_service_could_not_have_is_refused() {
    let mut object = chat_service("{}");
    for name in [
        "1chat",
        "chat.example",
        "chat-",
        "a1234567890123456789012345678901234567890",
    ] {
        object["metadata"]["name"] = name.into();
        let errors = create(&object).unwrap_err();
        assert!(
            errors[0].contains("metadata.name must be 1 to 40 characters"),
            "{name}: {errors:?}"
        );
    }
}

#[test]
fn every_rule_refuses_something_here() {
    fn messages(schema: &Value, all: &mut BTreeSet<String>) {
        for rule in schema["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            all.insert(rule["message"].as_str().unwrap().to_owned());
        }
        for property in schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.values())
        {
            messages(property, all);
        }
        for inner in ["items", "additionalProperties"] {
            if schema[inner].is_object() {
                messages(&schema[inner], all);
            }
        }
    }
    let mut untried = BTreeSet::new();
    messages(&schema()["properties"]["spec"], &mut untried);
    for (spec, _) in REFUSED {
        for error in create(&chat_service(spec)).err().into_iter().flatten() {
            untried.retain(|message| !error.ends_with(message.as_str()));
        }
    }
    assert_eq!(untried, BTreeSet::new());
}

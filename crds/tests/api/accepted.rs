//! What is accepted, is read without loss.

use std::collections::BTreeSet;

use crds::ChatService;
use serde_json::Value;

use crate::api_server::{chat_service, create, schema};

/// Specs that together have every field.
const ACCEPTED: &[&str] = &[
    "{}",
    "
replicas: 0
paused: true
updatePolicy: Immediate
image:
  repository: registry.example.com:5000/chat/signaling
  tag: 1.4.0-rc.1
  pullPolicy: Always
  pullSecrets: [{name: registry}, {name: mirror}]
networkPolicy: {enabled: false}
monitoring: {serviceMonitor: Disabled, dashboards: true}
rateLimit: {windowSeconds: 10, maxRequests: 0, trustProxyHops: 2}
",
    "image: {tag: 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', repository: signaling}",
    "
signaling:
  maxConnectionsPerPod: 500
  resources: {requests: {cpu: 500m, memory: 512Mi, example.com/port: 1}, limits: {cpu: 1, memory: 1Gi}}
  env:
  - {name: MATCH_TIMEOUT_MS, value: '30000'}
  - {name: OTEL_EXPORTER_OTLP_ENDPOINT, valueFrom: {configMapKeyRef: {name: tracing, key: endpoint}}}
  - {name: POD_LEASE_MS, value: '4000'}
  logLevel: debug
  podLabels: {team: chat, example.com/tier: ''}
  podAnnotations: {prometheus.io/scrape: 'true', sidecar.istio.io/inject: 'no, thanks'}
  nodeSelector: {kubernetes.io/arch: arm64}
  tolerations: [{key: chat, operator: Exists, effect: NoSchedule}]
  affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}
  priorityClassName: important
  topologySpread: Hard
  clientUrl: https://chat.example.com,https://www.example.com:8443, http://localhost:3001
  demoPage: true
  drain: {timeoutSeconds: 600, maxDisconnectsPerSecond: 20}
  rollout:
    maxSurge: 25%
    maxUnavailable: 100%
    minReadySeconds: 0
  disruptionBudget: {maxUnavailable: 0}
",
    "signaling: {clientUrl: '*', rollout: {maxSurge: 0, maxUnavailable: 1, gate: {minMatches: 9, maxDropPercent: 5, timeoutSeconds: 60}}}",
    "
autoscaling:
  mode: HPA
  minReplicas: 4
  maxReplicas: 4
  targetConnectionsPerPod: 250
  connectionsFrom: ExternalMetrics
  targetCPUUtilizationPercentage: 70
  targetMemoryUtilizationPercentage: 120
  scaleDown: {stabilizationWindowSeconds: 0, maxPodsPerMinute: 2}
  scaleUp: {stabilizationWindowSeconds: 30, maxPodsPerMinute: 4}
signaling: {maxConnectionsPerPod: 250}
",
    "autoscaling: {mode: KEDA, maxReplicas: 10}",
    "autoscaling: {mode: None, minReplicas: 2, maxReplicas: 10}",
    "
redis:
  mode: Managed
  managed:
    image: docker.io/valkey/valkey:8.1-alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    storage: {size: 1Gi, className: fast}
    resources: {requests: {memory: 128Mi}, limits: {memory: 256Mi}}
  prefix: team-a/chat:1
  poolSizePerPod: 4
  ttls: {socketMapSeconds: 600, matchMapSeconds: 600, userStatsSeconds: 600}
",
    "
redis:
  mode: External
  external:
    topology: Sentinel
    endpoints: ['sentinel-0.redis:26379', '10.0.0.7:26379', '[2001:db8::7]:26379']
    database: 3
    masterName: chat
    tls: {caSecretRef: {name: redis-ca, key: ca.crt}, serverName: redis.example.com}
    credentialsSecretRef: {name: redis, usernameKey: user, passwordKey: secret}
",
    "redis: {mode: External, external: {topology: Cluster, endpoints: ['a:1', 'b:65535'], tls: {insecureSkipVerify: true}}}",
    "redis: {mode: External, external: {endpoints: ['redis.example.com:6379'], database: 7, tls: {}}}",
    "
kafka:
  mode: External
  external:
    bootstrapServers: ['kafka-0:9092', 'kafka-1.kafka.svc:9093']
    security:
      protocol: SASL_SSL
      mechanism: SCRAM-SHA-512
      credentialsSecretRef: {name: kafka, usernameKey: user, passwordKey: secret}
      caSecretRef: {name: kafka-ca, key: ca.crt}
  topic: chat_events.v1
  batchSize: 1
  batchTimeoutMs: 0
",
    "kafka: {mode: External, external: {bootstrapServers: ['kafka:9093'], security: {protocol: SSL, caSecretRef: {name: ca, key: ca.crt}}}}",
    "kafka: {mode: Strimzi, strimzi: {clusterName: events}}",
    "kafka: {mode: Managed}",
    "kafka: {mode: Disabled, external: {bootstrapServers: ['kafka:9092']}, strimzi: {clusterName: events}}",
    "
expose:
  type: Ingress
  hostnames: [chat.example.com, chat.example.org]
  tls: {secretName: chat-tls}
  ingress: {className: nginx, annotations: {cert-manager.io/cluster-issuer: letsencrypt}}
",
    "
expose:
  type: Gateway
  hostnames: [chat.example.com]
  gateway: {parentRefs: [{name: public, namespace: gateways, sectionName: https, port: 443}]}
rateLimit: {trustProxyHops: 0, maxRequests: 0}
",
    "
expose:
  type: LoadBalancer
  hostnames: [chat.example.com]
  tls: {secretName: chat-tls}
  loadBalancer:
    annotations: {service.beta.kubernetes.io/aws-load-balancer-type: nlb}
    sourceRanges: [203.0.113.0/24, '2001:db8::/32']
rateLimit: {trustProxyHops: 0}
",
    "expose: {type: None, hostnames: [chat.example.com], tls: {}, ingress: {}, loadBalancer: {}}",
    "
turn:
  urls: ['turn:turn.example.com:3478?transport=udp', 'turns:turn.example.com', 'turn:[2001:db8::1]:3478']
  secretRef: {name: turn, key: secret}
  ttlSeconds: 600
  stunUrls: ['stun:stun.example.com', 'stuns:192.0.2.1:5349']
auth: {jwt: {secretRef: {name: jwt, key: secret}, audience: chat, issuer: https://id.example.com/}}
",
    "auth: {jwt: {publicKeySecretRef: {name: jwt, key: public.pem}}}",
    "auth: {jwt: {jwksConfigMapRef: {name: jwks, key: jwks.json}}}",
];

#[test]
fn what_is_right_is_accepted() {
    for spec in ACCEPTED {
        if let Err(errors) = create(&chat_service(spec)) {
            panic!("{spec}\n{errors:#?}");
        }
    }
}

#[test]
fn what_is_accepted_is_read_and_written_without_loss() {
    for spec in ACCEPTED {
        let kept = create(&chat_service(spec)).unwrap();
        let read: ChatService = serde_json::from_value(kept.clone()).unwrap();
        let mut written = serde_json::to_value(&read).unwrap();
        // Quantities are text in the types of Kubernetes, whatever they were written as.
        for quantity in [
            "/spec/signaling/resources/requests/example.com~1port",
            "/spec/signaling/resources/limits/cpu",
        ] {
            if let Some(quantity) = written.pointer_mut(quantity) {
                assert_eq!(*quantity, "1");
                *quantity = 1.into();
            }
        }
        assert_eq!(written["spec"], kept["spec"], "{spec}");
    }
}

#[test]
fn every_field_of_the_spec_is_in_one_of_these() {
    fn seen_in(schema: &Value, value: &Value, path: &str, seen: &mut BTreeSet<String>) {
        seen.insert(path.to_owned());
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(field) = value.get(name) {
                seen_in(property, field, &format!("{path}.{name}"), seen);
            }
        }
        for item in value.as_array().into_iter().flatten() {
            seen_in(&schema["items"], item, &format!("{path}[]"), seen);
        }
    }
    fn all_in(schema: &Value, path: &str, all: &mut BTreeSet<String>) {
        all.insert(path.to_owned());
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            all_in(property, &format!("{path}.{name}"), all);
        }
        if schema["items"].is_object() {
            all_in(&schema["items"], &format!("{path}[]"), all);
        }
    }
    let schema = &schema()["properties"]["spec"];
    let (mut seen, mut all) = (BTreeSet::new(), BTreeSet::new());
    all_in(schema, "spec", &mut all);
    for spec in ACCEPTED {
        seen_in(schema, &chat_service(spec)["spec"], "spec", &mut seen);
    }
    assert_eq!(all.difference(&seen).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_name_may_have_forty_characters() {
    let mut object = chat_service("{}");
    for name in ["a", "chat-1", "a123456789b123456789c123456789d12345678e"] {
        object["metadata"]["name"] = name.into();
        assert!(create(&object).is_ok(), "{name}");
    }
}

#[test]
fn the_operator_knows_which_variables_are_its_own() {
    for own in [
        "REDIS_URL",
        "POD_SECRET_FILE",
        "CLIENT_URL",
        "TRUST_PROXY",
        "KAFKA_SASL_PASSWORD",
    ] {
        assert!(crds::is_written_by_operator(own), "{own}");
    }
    for other in [
        "MATCH_TIMEOUT_MS",
        "SHUTDOWN_DELAY_MS",
        "POD_LEASE_MS",
        "CLIENT_URLS",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ] {
        assert!(!crds::is_written_by_operator(other), "{other}");
    }
}

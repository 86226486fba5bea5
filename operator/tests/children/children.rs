//! What holds for the children of every ChatService.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use operator::build::{Built, ConnectionsSource, Kind, build};
use operator::facts::{Apis, Facts};
use serde_json::{Value, json};

use crate::examples::{acme, all, build_from_nothing, child, entropy, example, nothing_yet};

fn workloads(built: &Built) -> impl Iterator<Item = Value> {
    let children = built.children.iter();
    children
        .filter(|child| [Kind::Deployment, Kind::StatefulSet].contains(&child.kind))
        .map(|child| serde_json::to_value(&child.object).unwrap())
}

fn of(spec: &str) -> Built {
    build(&acme(spec), &nothing_yet(4), &entropy()).unwrap()
}

#[test]
fn every_child_is_owned_by_the_chat_service_and_labelled() {
    for example in all() {
        for child in build_from_nothing(&example).children {
            let metadata = &child.object.metadata;
            let owners = metadata.owner_references.as_ref().unwrap();
            assert_eq!(owners.len(), 1);
            let owner = &owners[0];
            assert_eq!(
                (&*owner.kind, &*owner.name, owner.controller),
                ("ChatService", "acme", Some(true))
            );
            assert_eq!(metadata.namespace.as_deref(), Some("chat"));
            let labels = metadata.labels.as_ref().unwrap();
            assert_eq!(labels["app.kubernetes.io/instance"], "acme");
            assert_eq!(labels["app.kubernetes.io/managed-by"], "chat-operator");
            assert!(child.name().starts_with("acme"));
        }
    }
}

#[test]
fn every_pod_passes_the_admission_level_restricted_and_has_a_read_only_root() {
    for example in all() {
        for workload in workloads(&build_from_nothing(&example)) {
            let pod = &workload["spec"]["template"]["spec"];
            let name = &workload["metadata"]["name"];
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_ne!(pod["securityContext"]["runAsUser"], 0, "{name}");
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
            assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
            assert_eq!(pod["enableServiceLinks"], false, "{name}");
            for container in pod["containers"].as_array().unwrap() {
                assert_eq!(
                    container["securityContext"],
                    json!({
                        "allowPrivilegeEscalation": false,
                        "capabilities": { "drop": ["ALL"] },
                        "readOnlyRootFilesystem": true,
                    }),
                    "{name}"
                );
            }
            let volumes = pod["volumes"].as_array().unwrap();
            let allowed = ["projected", "secret", "emptyDir"];
            assert!(
                volumes
                    .iter()
                    .all(|volume| allowed.iter().any(|kind| volume[kind].is_object())),
                "{name}"
            );
        }
    }
}

#[test]
fn every_selector_finds_the_pods_of_its_workload_and_no_others() {
    for example in all() {
        let built = build_from_nothing(&example);
        let all: Vec<_> = workloads(&built).collect();
        for workload in &all {
            let selector = workload["spec"]["selector"]["matchLabels"].as_object().unwrap();
            for other in &all {
                let labels = &other["spec"]["template"]["metadata"]["labels"];
                let is_found = selector.iter().all(|(label, value)| labels[label] == *value);
                assert_eq!(
                    is_found,
                    workload["metadata"]["name"] == other["metadata"]["name"]
                        && workload["kind"] == other["kind"]
                );
            }
        }
    }
}

#[test]
fn the_grace_period_is_half_a_minute_longer_than_the_drain() {
    for (spec, expected) in [("", 330), ("signaling: {drain: {timeoutSeconds: 3600}}", 3630)] {
        let deployment = child(&of(spec), Kind::Deployment, "acme");
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["terminationGracePeriodSeconds"], expected);
    }
}

#[test]
fn a_rollout_may_take_longer_than_a_pod_must_be_ready() {
    for seconds in [0, 10, 3600] {
        let spec = format!("signaling: {{rollout: {{minReadySeconds: {seconds}}}}}");
        let deployment = child(&of(&spec), Kind::Deployment, "acme");
        assert!(deployment["spec"]["progressDeadlineSeconds"].as_i64().unwrap() > seconds);
    }
}

#[test]
fn a_stopped_rollout_pauses_the_deployment_and_nobody_elses_pause_is_undone() {
    let mut facts = nothing_yet(4);
    let chat = acme("");
    let paused = |facts: &Facts| {
        let built = build(&chat, facts, &entropy()).unwrap();
        child(&built, Kind::Deployment, "acme")["spec"]
            .get("paused")
            .cloned()
    };
    assert_eq!(paused(&facts), None);
    facts.rollout_stopped = true;
    assert_eq!(paused(&facts), Some(true.into()));
}

#[test]
fn autoscalers_scale_the_chat_service_and_not_the_deployment() {
    for name in ["hpa", "hpa-custom-metrics", "hpa-cpu-and-memory", "keda"] {
        let chat = example(name);
        let built = build(&chat, &nothing_yet(4), &entropy()).unwrap();
        let kinds = [Kind::HorizontalPodAutoscaler, Kind::ScaledObject];
        let mut autoscalers = built.children.iter().filter(|child| kinds.contains(&child.kind));
        let object = serde_json::to_value(&autoscalers.next().unwrap().object).unwrap();
        assert!(autoscalers.next().is_none());
        assert_eq!(
            object["spec"]["scaleTargetRef"],
            json!({"apiVersion": "chat.webrtc.io/v1alpha1", "kind": "ChatService", "name": "acme"})
        );
    }
}

#[test]
fn connections_come_from_what_the_cluster_has() {
    use ConnectionsSource::{CustomMetrics, ExternalMetrics, Nowhere};
    // connectionsFrom, custom and external metrics → source, type of the metric.
    for (from, custom, external, source, kind) in [
        ("Auto", true, true, CustomMetrics, "Pods"),
        ("Auto", true, false, CustomMetrics, "Pods"),
        ("Auto", false, true, ExternalMetrics, "External"),
        ("Auto", false, false, Nowhere, "External"),
        ("CustomMetrics", true, true, CustomMetrics, "Pods"),
        ("CustomMetrics", false, true, Nowhere, "Pods"),
        ("ExternalMetrics", true, true, ExternalMetrics, "External"),
        ("ExternalMetrics", true, false, Nowhere, "External"),
    ] {
        for cpu in [false, true] {
            let cpu_target = if cpu {
                ", targetCPUUtilizationPercentage: 70, targetConnectionsPerPod: 200"
            } else {
                ""
            };
            let chat = acme(&format!(
                "autoscaling: {{mode: HPA, maxReplicas: 9, connectionsFrom: {from}{cpu_target}}}"
            ));
            let mut facts = nothing_yet(4);
            facts.apis.custom_connections = custom;
            facts.apis.external_connections = external;
            let built = build(&chat, &facts, &entropy()).unwrap();
            assert_eq!(built.connections_from, Some(source));
            let object = child(&built, Kind::HorizontalPodAutoscaler, "acme");
            let metrics = object["spec"]["metrics"].as_array().unwrap();
            let kinds: Vec<_> = metrics
                .iter()
                .map(|metric| metric["type"].as_str().unwrap())
                .collect();
            // A signal that cannot be had would keep the other one from ever taking a pod away.
            let expected = match (cpu, source) {
                (false, _) => vec![kind],
                (true, Nowhere) => vec!["Resource"],
                (true, _) => vec![kind, "Resource"],
            };
            assert_eq!(kinds, expected, "{from} {custom} {external} {cpu}");
        }
    }
}

#[test]
fn what_the_cluster_does_not_know_is_not_built_but_named() {
    let mut facts = nothing_yet(4);
    facts.apis = Apis::default();
    for (spec, expected) in [
        ("", &[][..]),
        ("monitoring: {serviceMonitor: Enabled}", &[Kind::ServiceMonitor]),
        ("autoscaling: {mode: KEDA, maxReplicas: 9}", &[Kind::ScaledObject]),
        (
            "kafka: {mode: Strimzi, strimzi: {clusterName: a}}",
            &[Kind::KafkaTopic, Kind::KafkaUser],
        ),
        (
            "expose: {type: Gateway, hostnames: [a.example.com], gateway: {parentRefs: [{name: a}]}}",
            &[Kind::HttpRoute],
        ),
    ] {
        let built = build(&acme(spec), &facts, &entropy()).unwrap();
        assert_eq!(built.unknown_kinds, expected, "{spec}");
        assert!(built.children.iter().all(|child| child.kind.is_built_in()));
    }
}

#[test]
fn strimzi_is_asked_in_its_own_version_and_for_rights_only_where_there_are_any() {
    let mut facts = nothing_yet(4);
    let strimzi = facts.apis.strimzi.as_mut().unwrap();
    strimzi.version = "v1beta2".to_owned();
    strimzi.simple_authorization = false;
    let chat = acme("kafka: {mode: Strimzi, strimzi: {clusterName: a}}");
    let built = build(&chat, &facts, &entropy()).unwrap();
    let user = child(&built, Kind::KafkaUser, "acme-events");
    assert_eq!(user["apiVersion"], "kafka.strimzi.io/v1beta2");
    assert_eq!(user["spec"], json!({"authentication": {"type": "tls"}}));
}

#[test]
fn pods_of_an_ipv6_cluster_are_reached_by_their_addresses_unless_a_person_says_otherwise() {
    let variables = |spec: &str| -> Vec<(String, String)> {
        let mut facts = nothing_yet(4);
        facts.operator.ipv6 = true;
        let built = build(&acme(spec), &facts, &entropy()).unwrap();
        let deployment = child(&built, Kind::Deployment, "acme");
        let template: PodTemplateSpec =
            serde_json::from_value(deployment["spec"]["template"].clone()).unwrap();
        let env = template.spec.unwrap().containers.remove(0).env.unwrap();
        env.into_iter()
            .filter(|variable| ["HOST", "POD_ADDRESS"].contains(&variable.name.as_str()))
            .map(|variable| (variable.name, variable.value.unwrap()))
            .collect()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        variables(""),
        [pair("HOST", "::"), pair("POD_ADDRESS", "[$(CHAT_POD_IP)]:3000")]
    );
    assert_eq!(
        variables("signaling: {env: [{name: HOST, value: '0.0.0.0'}]}"),
        [
            pair("POD_ADDRESS", "[$(CHAT_POD_IP)]:3000"),
            pair("HOST", "0.0.0.0")
        ]
    );
}

#[test]
fn a_person_may_call_a_variable_pod_ip() {
    let own = "{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}";
    let built = of(&format!("signaling: {{env: [{own}]}}"));
    let deployment = child(&built, Kind::Deployment, "acme");
    let env = &deployment["spec"]["template"]["spec"]["containers"][0]["env"];
    let names: Vec<_> = env
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| &variable["name"])
        .collect();
    let position = |name: &str| names.iter().position(|known| *known == name).unwrap();
    assert!(position("CHAT_POD_IP") < position("POD_ADDRESS"));
    assert_eq!(position("POD_IP"), names.len() - 1);
}

#[test]
fn kubelet_puts_no_variable_into_what_a_person_wrote() {
    let built = of("auth: {jwt: {secretRef: {name: a, key: b}, audience: '$(POD_IP)'}}");
    let text = child(&built, Kind::Deployment, "acme").to_string();
    assert!(text.contains("\"$$(POD_IP)\""), "{text}");
}

//! What the status says.

use crds::ChatServiceStatus;
use k8s_openapi::jiff::Timestamp;
use operator::build::{Built, build};
use operator::facts::{Apis, Facts};
use operator::replicas::{Decision, Held, Scale, ScaleReason};
use operator::status::{Health, Observed, PodCounts, Rollout, TYPES, status, status_of_invalid};
use operator::validate::{ValidatedChatService, validate};
use serde_json::json;

use crate::examples::{acme, applied, entropy, example, nothing_yet};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// Everything that goes into a status, of a service at rest.
struct Scene {
    chat: ValidatedChatService,
    built: Built,
    decision: Decision,
    seen: Observed,
}

impl Scene {
    fn of(chat: ValidatedChatService) -> Self {
        Self::in_cluster(chat, &nothing_yet(4))
    }

    fn in_cluster(chat: ValidatedChatService, facts: &Facts) -> Self {
        Self {
            built: build(&chat, facts, &entropy()).unwrap(),
            decision: Decision {
                replicas: 4,
                ..Decision::default()
            },
            seen: Observed {
                pods: PodCounts {
                    current: 4,
                    ready: 4,
                    updated: 4,
                    draining: 0,
                },
                desired: 4,
                redis: Health::Up,
                kafka: Health::Up,
                exposure: Health::Up,
                autoscaler: Health::Up,
                connections: Some(100),
                ..Observed::default()
            },
            chat,
        }
    }

    fn status(&self, previous: &ChatServiceStatus, now: Timestamp) -> ChatServiceStatus {
        status(previous, &self.chat, &self.built, &self.decision, &self.seen, now)
    }

    /// `status reason: message` of a condition.
    fn told(&self, kind: &str) -> String {
        let status = self.status(&ChatServiceStatus::default(), at(0));
        let mut conditions = status.conditions.iter();
        let condition = conditions.find(|condition| condition.type_ == kind).unwrap();
        format!("{} {}: {}", condition.status, condition.reason, condition.message)
    }
}

fn down(reason: &str) -> Health {
    Health::Down(reason.to_owned())
}

#[test]
fn a_service_at_rest_has_every_condition_and_says_that_all_is_well() {
    let scene = Scene::of(acme(""));
    let status = scene.status(&ChatServiceStatus::default(), at(0));
    let told: Vec<_> = status
        .conditions
        .iter()
        .map(|condition| {
            assert_eq!(condition.observed_generation, Some(1));
            format!("{} {} {}", condition.type_, condition.status, condition.reason)
        })
        .collect();
    assert_eq!(
        told,
        [
            "Ready True PodsReady",
            "Progressing False AsSpecified",
            "RedisReady True Reachable",
            "KafkaReady False Disabled",
            "Exposed False NotExposed",
            "AutoscalingActive False Disabled",
            "UpdateAvailable False UpToDate",
            "Paused False NotPaused",
        ]
    );
    assert_eq!(TYPES.len(), told.len());
    assert_eq!(
        (status.replicas, status.ready_replicas, status.updated_replicas),
        (4, 4, 4)
    );
    assert_eq!(status.observed_generation, Some(1));
    assert_eq!(status.url.as_deref(), Some("http://acme.chat.svc"));
    assert!(
        status
            .selector
            .starts_with("app.kubernetes.io/component=signaling,")
    );
    let sizing = status.sizing.unwrap();
    assert_eq!((sizing.replicas, sizing.users), (4, 1000));
    assert_eq!((&*sizing.memory_per_pod, &*sizing.cpu_per_pod), ("512Mi", "500m"));
}

#[test]
fn a_service_at_rest_writes_no_status() {
    let scene = Scene::of(acme(""));
    let first = scene.status(&ChatServiceStatus::default(), at(0));
    let second = scene.status(&first, at(3600));
    assert_eq!(first, second);
    // As it is read back from the API server.
    let read: ChatServiceStatus = serde_json::from_value(json!(first)).unwrap();
    assert_eq!(scene.status(&read, at(7200)), read);
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let mut scene = Scene::of(acme(""));
    let since = |status: &ChatServiceStatus, kind: &str| {
        let mut conditions = status.conditions.iter();
        let condition = conditions.find(|condition| condition.type_ == kind).unwrap();
        (condition.reason.clone(), condition.last_transition_time.0)
    };
    let first = scene.status(&ChatServiceStatus::default(), at(0));
    scene.seen.pods.ready = 3;
    let second = scene.status(&first, at(10));
    assert_eq!(
        since(&second, "Ready"),
        ("SomePodsNotReady".to_owned(), at(0)),
        "another reason of the same status"
    );
    assert_eq!(since(&second, "Progressing"), ("Scaling".to_owned(), at(10)));
    scene.seen.pods.ready = 0;
    let third = scene.status(&second, at(20));
    assert_eq!(since(&third, "Ready"), ("NoPodReady".to_owned(), at(20)));
    assert_eq!(since(&third, "Progressing"), ("Scaling".to_owned(), at(10)));
}

#[test]
fn ready_says_whether_people_can_be_matched() {
    type Change = fn(&mut Scene);
    let cases: &[(Change, &str)] = &[
        (|_| {}, "True PodsReady: 4 pods are ready."),
        (
            |scene| scene.seen.pods.ready = 3,
            "True SomePodsNotReady: 3 of 4 pods are ready.",
        ),
        (
            |scene| scene.seen.pods.ready = 0,
            "False NoPodReady: None of 4 pods is ready: see kubectl -n chat describe pods -l app.kubernetes.io/component=signaling,",
        ),
        (
            |scene| {
                scene.seen.pods = PodCounts::default();
                scene.seen.desired = 0;
            },
            "False ScaledToZero: spec.replicas is 0: kubectl -n chat scale chatservice/acme --replicas=4",
        ),
        (
            |scene| {
                scene.seen.pods.ready = 0;
                scene.seen.replica_failure = Some("exceeded quota".to_owned());
            },
            "False PodsRefused: Kubernetes makes no pods: exceeded quota",
        ),
        (
            |scene| scene.seen.redis = down("connection refused"),
            "True RedisAway: Only people of one pod are matched",
        ),
    ];
    for (change, expected) in cases {
        let mut scene = Scene::of(acme(""));
        change(&mut scene);
        let told = scene.told("Ready");
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn progressing_says_what_moves_and_what_does_not() {
    type Change = fn(&mut Scene);
    let cases: &[(Change, &str)] = &[
        (|_| {}, "False AsSpecified"),
        (|scene| scene.chat.paused = true, "False Paused"),
        (
            |scene| scene.seen.apply_failure = Some("Service acme: port is taken".to_owned()),
            "False ApplyFailed: Service acme: port is taken. It is tried again.",
        ),
        (
            |scene| scene.seen.rollout = Rollout::Stopped("9 % fewer calls".to_owned()),
            "False RolloutStopped: 9 % fewer calls",
        ),
        (
            |scene| {
                scene.seen.rollout = Rollout::Stalled;
                scene.seen.pods.updated = 1;
            },
            "False RolloutStalled: 1 of 4 pods are new",
        ),
        (
            |scene| {
                scene.seen.rollout = Rollout::Running;
                scene.seen.pods.updated = 1;
            },
            "True RollingOut: 1 of 4 pods",
        ),
        (
            |scene| {
                scene.seen.rollout = Rollout::Running;
                scene.decision.held = Some(Held::RollingOut);
            },
            "True ScaleInWaits",
        ),
        (
            |scene| scene.decision.held = Some(Held::Ranking),
            "True ScalingIn",
        ),
        (
            |scene| scene.seen.pods.draining = 2,
            "True Draining: 2 pods hand their people over.",
        ),
        (
            |scene| scene.seen.desired = 6,
            "True Scaling: 4 of 6 pods are ready.",
        ),
        (
            |scene| scene.seen.replica_failure = Some("exceeded quota".to_owned()),
            "False PodsRefused",
        ),
    ];
    for (change, expected) in cases {
        let mut scene = Scene::of(acme(""));
        change(&mut scene);
        let told = scene.told("Progressing");
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn what_the_spec_names_and_is_not_there_is_named() {
    let mut scene = Scene::of(example("jwks"));
    let expected = "ReferenceMissing: ConfigMap identity does not exist: make it. Pods that need it do not start until then.";
    assert_eq!(scene.told("Progressing"), format!("False {expected}"));
    assert!(scene.told("Ready").starts_with("True PodsReady"));
    scene.seen.pods.ready = 0;
    assert_eq!(scene.told("Ready"), format!("False {expected}"));
}

#[test]
fn a_secret_that_strimzi_makes_is_not_for_a_person_to_make() {
    let told = Scene::of(example("kafka-strimzi")).told("Progressing");
    assert!(
        told.starts_with("False ReferenceMissing: Secret acme-events does not exist: Strimzi makes it"),
        "{told}"
    );
    assert!(told.contains("; Secret events-cluster-ca-cert does not exist: Strimzi makes it"));
}

#[test]
fn redis_and_kafka_are_as_they_were_seen() {
    let mut scene = Scene::of(acme("kafka: {mode: Managed}"));
    assert_eq!(
        scene.told("RedisReady"),
        "True Reachable: The managed Redis is reachable."
    );
    scene.seen.redis = down("The password is refused");
    assert_eq!(
        scene.told("RedisReady"),
        "False NotReachable: The password is refused. Calls, and matches within a pod, go on meanwhile."
    );
    scene.seen.redis = Health::Unknown;
    assert!(scene.told("RedisReady").starts_with("Unknown NotYetKnown"));
    assert_eq!(scene.told("KafkaReady"), "True Reachable: Kafka is reachable.");
    scene.seen.kafka = down("No broker answers");
    assert!(
        scene
            .told("KafkaReady")
            .starts_with("False NotReachable: No broker answers.")
    );
}

#[test]
fn a_volume_that_stays_as_it_was_is_told_with_the_way_to_change_it() {
    let chat = acme("redis: {managed: {storage: {size: 1Gi}}}");
    let facts = nothing_yet(4);
    let facts = applied(&chat, &build(&chat, &facts, &entropy()).unwrap(), &facts);
    let scene = Scene::in_cluster(acme("redis: {managed: {storage: {size: 2Gi}}}"), &facts);
    let told = scene.told("RedisReady");
    assert!(told.starts_with("True VolumeUnchanged"), "{told}");
    assert!(
        told.contains("kubectl -n chat delete statefulset acme-redis"),
        "{told}"
    );
}

#[test]
fn the_way_in_is_told_with_its_url() {
    for (name, url, accepted) in [
        (
            "ingress",
            "https://chat.example.com",
            "True Accepted: People connect to https://chat.example.com.",
        ),
        (
            "gateway",
            "https://chat.example.com",
            "True Accepted: People connect to https://chat.example.com.",
        ),
        (
            "load-balancer",
            "https://chat.example.com",
            "True Accepted: People connect to https://chat.example.com.",
        ),
        (
            "load-balancer-plain",
            "http://203.0.113.9",
            "True Accepted: People connect to http://203.0.113.9.",
        ),
    ] {
        let mut scene = Scene::of(example(name));
        scene.seen.address = Some("203.0.113.9".to_owned());
        let status = scene.status(&ChatServiceStatus::default(), at(0));
        assert_eq!(status.url.as_deref(), Some(url), "{name}");
        assert_eq!(scene.told("Exposed"), accepted);
        scene.seen.exposure = down("no such class.");
        assert!(scene.told("Exposed").starts_with("False NotAccepted: The "));
        scene.seen.exposure = Health::Unknown;
        assert!(scene.told("Exposed").starts_with("Unknown NotYetAccepted"));
    }
}

#[test]
fn an_autoscaler_is_told_with_where_its_connections_come_from() {
    let mut scene = Scene::of(example("hpa"));
    assert_eq!(
        scene.told("AutoscalingActive"),
        "True Active: The HorizontalPodAutoscaler sets spec.replicas. Connections come from external.metrics.k8s.io."
    );
    scene.seen.autoscaler = down("the metric cannot be had");
    assert!(
        scene
            .told("AutoscalingActive")
            .starts_with("False NotActive: The HorizontalPodAutoscaler: the metric cannot be had.")
    );
    scene.seen.foreign_autoscaler = Some("own".to_owned());
    let told = scene.told("AutoscalingActive");
    assert!(
        told.starts_with("False ForeignAutoscaler: HorizontalPodAutoscaler own scales the Deployment"),
        "{told}"
    );
    let scene = Scene::of(example("keda"));
    assert_eq!(
        scene.told("AutoscalingActive"),
        "True Active: The ScaledObject sets spec.replicas. Connections come from the operator."
    );
    let mut nowhere = nothing_yet(4);
    nowhere.apis.external_connections = false;
    let scene = Scene::in_cluster(example("hpa"), &nowhere);
    let told = scene.told("AutoscalingActive");
    assert!(told.starts_with("False NoConnections"), "{told}");
    assert!(told.contains("externalMetrics.enabled=true"), "{told}");
}

#[test]
fn a_kind_that_the_cluster_does_not_know_is_told_with_the_cure() {
    let mut facts = nothing_yet(4);
    facts.apis = Apis::default();
    for (name, condition, cure) in [
        ("keda", "AutoscalingActive", "install KEDA"),
        ("gateway", "Exposed", "install the Gateway API"),
        ("kafka-strimzi", "KafkaReady", "install Strimzi"),
    ] {
        let told = Scene::in_cluster(example(name), &facts).told(condition);
        assert!(told.starts_with("False KindUnknown"), "{told}");
        assert!(told.contains(cure), "{told}");
    }
    let chat = acme("monitoring: {serviceMonitor: Enabled}");
    let told = Scene::in_cluster(chat, &facts).told("Progressing");
    assert!(told.starts_with("False KindUnknown"), "{told}");
}

#[test]
fn an_update_is_told_with_what_it_would_bring() {
    let chat = acme("");
    let facts = nothing_yet(4);
    let mut facts = applied(&chat, &build(&chat, &facts, &entropy()).unwrap(), &facts);
    facts.operator.signaling_tag = "2.0.0".to_owned();
    let scene = Scene::in_cluster(chat, &facts);
    assert_eq!(
        scene.told("UpdateAvailable"),
        "True OperatorUpgraded: This operator builds signaling pods from localhost/chat-signaling:2.0.0 instead of localhost/chat-signaling:1.0.0: the next change of the spec, or updatePolicy: Immediate, replaces the pods."
    );
}

#[test]
fn sizing_speaks_of_the_number_that_was_just_decided() {
    let mut scene = Scene::of(acme(""));
    scene.decision.scale = Some(Scale {
        replicas: 6,
        why: ScaleReason::CapacityMoved,
    });
    let status = scene.status(&ChatServiceStatus::default(), at(0));
    assert_eq!(status.sizing.unwrap().users, 1500);
}

#[test]
fn a_paused_service_keeps_the_sizing_that_was_last_acted_upon() {
    let before = Scene::of(acme("")).status(&ChatServiceStatus::default(), at(0));
    let mut scene = Scene::of(example("users-2000"));
    scene.chat.paused = true;
    let paused = scene.status(&before, at(10));
    assert_eq!(paused.sizing, before.sizing);
    scene.chat.paused = false;
    assert_ne!(scene.status(&paused, at(20)).sizing, before.sizing);
}

#[test]
fn what_cannot_be_acted_upon_leaves_everything_as_it_was() {
    let before = Scene::of(acme("")).status(&ChatServiceStatus::default(), at(0));
    let invalid = validate(&json!({
        "metadata": {"name": "acme", "namespace": "chat", "generation": 2},
        "spec": {"capacity": {"users": "many"}},
    }))
    .unwrap_err();
    let after = status_of_invalid(&before, &invalid, Some(2), None, at(10));
    let ready = &after.conditions[0];
    assert_eq!(
        (&*ready.type_, &*ready.status, &*ready.reason),
        ("Ready", "False", "Undecodable")
    );
    assert!(ready.message.contains("spec.capacity.users"), "{}", ready.message);
    assert_eq!(ready.observed_generation, Some(2));
    assert_eq!(after.observed_generation, Some(2));
    assert_eq!(after.conditions[1..], before.conditions[1..]);
    assert_eq!(after.sizing, before.sizing);
    assert_eq!(status_of_invalid(&after, &invalid, Some(2), None, at(99)), after);
}

#[test]
fn reasons_are_words_that_the_api_takes() {
    let is_word = |reason: &str| {
        reason.starts_with(|first: char| first.is_ascii_alphabetic())
            && reason.chars().all(|char| char.is_ascii_alphanumeric())
    };
    for name in ["hpa", "keda", "ingress", "kafka-development", "jwks"] {
        let status = Scene::of(example(name)).status(&ChatServiceStatus::default(), at(0));
        for condition in status.conditions {
            assert!(is_word(&condition.reason), "{}", condition.reason);
            assert!(condition.message.len() < 1024 && !condition.message.is_empty());
        }
    }
}

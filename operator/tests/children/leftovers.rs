//! What a switched-off feature leaves behind is removed, and not too early.

use operator::build::build;
use operator::facts::Facts;
use operator::leftovers::{Leftovers, Owned, leftovers};

use crate::examples::{acme, entropy, nothing_yet};

/// What is left of one spec when another one is applied; `settled`: no older pod is there.
fn left(before: &str, after: &str, settled: bool) -> Leftovers {
    let facts = Facts {
        rolled_out: settled,
        ..nothing_yet(4)
    };
    let owned = build(&acme(before), &facts, &entropy()).unwrap().children;
    let owned = owned.into_iter().map(|child| Owned {
        kind: child.kind,
        name: child.name().to_owned(),
    });
    let chat = acme(after);
    let mut built = build(&chat, &facts, &entropy()).unwrap();
    built.replaces_pods = !settled;
    leftovers(&chat, &facts, &built, owned)
}

fn names(owned: &[Owned]) -> Vec<String> {
    owned
        .iter()
        .map(|object| format!("{} {}", object.kind, object.name))
        .collect()
}

#[test]
fn nothing_is_left_of_what_is_still_there() {
    let spec = "autoscaling: {mode: HPA, maxReplicas: 9}, kafka: {mode: Managed}";
    assert_eq!(left(spec, spec, true), Leftovers::default());
}

#[test]
fn each_feature_is_removed_with_all_that_it_had() {
    for (before, expected) in [
        (
            "expose: {type: Ingress, hostnames: [a.example.com]}",
            &["Ingress acme"][..],
        ),
        (
            "expose: {type: Gateway, hostnames: [a.example.com], gateway: {parentRefs: [{name: a}]}}",
            &["HTTPRoute acme"],
        ),
        ("expose: {type: LoadBalancer}", &["Service acme-public"]),
        ("monitoring: {dashboards: true}", &["ConfigMap acme-dashboards"]),
        (
            "kafka: {mode: Managed}",
            &["Service acme-kafka", "StatefulSet acme-kafka"],
        ),
        (
            "kafka: {mode: Strimzi, strimzi: {clusterName: a}}",
            &["KafkaTopic acme-events", "KafkaUser acme-events"],
        ),
    ] {
        assert_eq!(names(&left(before, "", true).after), expected, "{before}");
    }
    let off = "networkPolicy: {enabled: false}, monitoring: {serviceMonitor: Disabled}";
    assert_eq!(
        names(&left("", off, true).after),
        [
            "NetworkPolicy acme",
            "NetworkPolicy acme-redis",
            "ServiceMonitor acme"
        ]
    );
}

#[test]
fn an_autoscaler_goes_before_the_next_one_comes() {
    let (hpa, keda) = (
        "autoscaling: {mode: HPA, maxReplicas: 9}",
        "autoscaling: {mode: KEDA, maxReplicas: 9}",
    );
    for settled in [true, false] {
        assert_eq!(
            names(&left(hpa, keda, settled).before),
            ["HorizontalPodAutoscaler acme"]
        );
        assert_eq!(names(&left(keda, hpa, settled).before), ["ScaledObject acme"]);
    }
}

#[test]
fn the_redis_of_before_stays_for_as_long_as_older_pods_use_it() {
    let external = "redis: {mode: External, external: {endpoints: ['redis:6379']}}";
    assert_eq!(left("", external, false), Leftovers::default());
    assert_eq!(
        names(&left("", external, true).after),
        [
            "Secret acme-redis",
            "Service acme-redis",
            "NetworkPolicy acme-redis",
            "StatefulSet acme-redis"
        ]
    );
}

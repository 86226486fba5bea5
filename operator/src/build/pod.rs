//! The template of a signaling pod.

use crds::{PullPolicy, TopologySpread};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, HTTPGetAction, LocalObjectReference, PodSpec, PodTemplateSpec, Probe,
    TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::environment::environment;
use super::{CLIENT_PORT, CLIENT_PORT_NAME, METRICS_PORT, METRICS_PORT_NAME, security};
use crate::credentials;
use crate::facts::{Facts, Operator};
use crate::names::{self, Component};
use crate::validate::ValidatedChatService;

/// How many seconds the grace period is longer than the drain: for what the pod still has to say when its people are gone.
const AFTER_DRAIN_SECONDS: i64 = 30;
/// The user that pods run as; no file of the image is its own.
const USER: i64 = 65_532;

/// The template as this operator builds it.
pub(super) fn template(chat: &ValidatedChatService, facts: &Facts) -> PodTemplateSpec {
    let pods = &chat.pods;
    let mut labels = pods.labels.clone();
    labels.extend(names::labels(&chat.name, Component::Signaling));
    let credentials = [credentials::generated(chat), credentials::named(chat)].concat();
    let pull_secrets = chat.image.pull_secrets.iter().map(|secret| LocalObjectReference {
        name: secret.name.clone(),
    });
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: some(pods.annotations.clone(), |given| given.is_empty()),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            containers: vec![container(chat, facts, &credentials)],
            volumes: Some(vec![credentials::volume(&credentials)]),
            security_context: Some(security::pod(USER)),
            automount_service_account_token: Some(false),
            // `REDIS_PORT=tcp://…` and its like would be taken for settings.
            enable_service_links: Some(false),
            // The pod drains by itself on SIGTERM, accepting for a while as endpoints lag behind: no preStop is needed, and
            // the image has nothing to run one with.
            termination_grace_period_seconds: Some(
                i64::from(pods.drain.timeout_seconds) + AFTER_DRAIN_SECONDS,
            ),
            image_pull_secrets: some(pull_secrets.collect::<Vec<_>>(), Vec::is_empty),
            node_selector: some(pods.node_selector.clone(), |given| given.is_empty()),
            tolerations: some(pods.tolerations.clone(), Vec::is_empty),
            affinity: pods.affinity.clone(),
            priority_class_name: pods.priority_class.clone(),
            topology_spread_constraints: spread(chat),
            ..PodSpec::default()
        }),
    }
}

fn some<T>(value: T, is_empty: impl Fn(&T) -> bool) -> Option<T> {
    (!is_empty(&value)).then_some(value)
}

/// The image, with what the spec leaves out from the operator's release.
pub(super) fn image(chat: &ValidatedChatService, operator: &Operator) -> String {
    let image = &chat.image;
    let repository = image
        .repository
        .as_deref()
        .unwrap_or(&operator.signaling_repository);
    let tag = image.tag.as_deref().unwrap_or(&operator.signaling_tag);
    let separator = if tag.starts_with("sha256:") { '@' } else { ':' };
    format!("{repository}{separator}{tag}")
}

fn container(
    chat: &ValidatedChatService,
    facts: &Facts,
    credentials: &[credentials::Credential],
) -> Container {
    let port = |name: &str, number: u16| ContainerPort {
        name: Some(name.to_owned()),
        container_port: number.into(),
        ..ContainerPort::default()
    };
    let pull_policy = match chat.image.pull_policy {
        PullPolicy::Always => "Always",
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Never => "Never",
    };
    Container {
        name: Component::Signaling.to_string(),
        image: Some(image(chat, &facts.operator)),
        image_pull_policy: Some(pull_policy.to_owned()),
        ports: Some(vec![
            port(CLIENT_PORT_NAME, CLIENT_PORT),
            port(METRICS_PORT_NAME, METRICS_PORT),
        ]),
        env: Some(environment(chat, credentials, facts.operator.ipv6)),
        resources: Some(chat.pods.resources.clone()),
        readiness_probe: Some(probe(chat, "/health/ready", 5, 2)),
        liveness_probe: Some(probe(chat, "/health/live", 10, 3)),
        security_context: Some(security::container()),
        volume_mounts: Some(vec![credentials::mount()]),
        ..Container::default()
    }
}

/// Asks the port that people use, so that a listener that hangs is noticed.
fn probe(chat: &ValidatedChatService, path: &str, period_seconds: i32, failures: i32) -> Probe {
    let speaks_tls = chat.exposure.pod_certificate().is_some();
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(CLIENT_PORT_NAME.to_owned()),
            scheme: Some(if speaks_tls { "HTTPS" } else { "HTTP" }.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(3),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

fn spread(chat: &ValidatedChatService) -> Option<Vec<TopologySpreadConstraint>> {
    let otherwise = match chat.pods.topology_spread {
        TopologySpread::None => return None,
        TopologySpread::Soft => "ScheduleAnyway",
        TopologySpread::Hard => "DoNotSchedule",
    };
    let over = |key: &str| TopologySpreadConstraint {
        topology_key: key.to_owned(),
        max_skew: 1,
        when_unsatisfiable: otherwise.to_owned(),
        label_selector: Some(LabelSelector {
            match_labels: Some(names::selector(&chat.name, Component::Signaling)),
            ..LabelSelector::default()
        }),
        // Each version is spread by itself: the pods that a rollout is about to take away do not count.
        match_label_keys: Some(vec!["pod-template-hash".to_owned()]),
        // A node that no pod may run on is not one that lacks pods.
        node_taints_policy: Some("Honor".to_owned()),
        ..TopologySpreadConstraint::default()
    };
    Some(vec![
        over("topology.kubernetes.io/zone"),
        over("kubernetes.io/hostname"),
    ])
}

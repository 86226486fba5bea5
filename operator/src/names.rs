//! What children are called, and the labels and annotations by which they are known.
//!
//! Names follow from the ChatService's, which the CRD keeps to 40 characters, so that a pod's name is always a DNS label
//! of 63 at most. Labels are [those that Kubernetes recommends][labels].
//!
//! [labels]: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/

use std::collections::BTreeMap;
use std::fmt;

/// The field manager of every server-side apply.
pub const FIELD_MANAGER: &str = "chat-operator";
/// The `kind` of a ChatService.
pub const KIND: &str = "ChatService";
/// The `apiVersion` of a ChatService.
pub const API_VERSION: &str = "chat.webrtc.io/v1alpha1";

/// On a Deployment or StatefulSet: the hash of what in the spec shapes its pods. While it stays, so does the pod template.
pub const SHAPE_ANNOTATION: &str = "chat.webrtc.io/shape-hash";
/// On a Deployment or StatefulSet: the hash of the pod template as an operator built it, without what it was mixed with.
pub const TEMPLATE_ANNOTATION: &str = "chat.webrtc.io/template-hash";
/// On a pod template: the hash of the Secrets and ConfigMaps that its pods mount.
pub const CONTENT_ANNOTATION: &str = "chat.webrtc.io/content-hash";
/// On a pod template: what `kubectl rollout restart` writes.
pub const RESTART_ANNOTATION: &str = "kubectl.kubernetes.io/restartedAt";
/// On a pod: pods with a lower number go first when their ReplicaSet shrinks.
pub const DELETION_COST_ANNOTATION: &str = "controller.kubernetes.io/pod-deletion-cost";
/// On children that are no match for production: what is missing.
pub const SUITABILITY_LABEL: &str = "chat.webrtc.io/suitable-for";

const NAME_LABEL: &str = "app.kubernetes.io/name";
const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
const COMPONENT_LABEL: &str = "app.kubernetes.io/component";
const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// A part of the service that has pods of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The pods that people connect to.
    Signaling,
    /// The managed Redis.
    Redis,
    /// The managed Kafka.
    Kafka,
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signaling => "signaling",
            Self::Redis => "redis",
            Self::Kafka => "kafka",
        })
    }
}

/// The labels that select the pods of a component. They never change: a selector is immutable.
#[must_use]
pub fn selector(service: &str, component: Component) -> BTreeMap<String, String> {
    let labels = [
        (NAME_LABEL, "chat-service".to_owned()),
        (INSTANCE_LABEL, service.to_owned()),
        (COMPONENT_LABEL, component.to_string()),
    ];
    labels.map(|(label, value)| (label.to_owned(), value)).into()
}

/// The labels of every child.
#[must_use]
pub fn labels(service: &str, component: Component) -> BTreeMap<String, String> {
    let mut labels = selector(service, component);
    labels.insert(MANAGED_BY_LABEL.to_owned(), FIELD_MANAGER.to_owned());
    labels
}

/// The selector of the signaling pods as text: `status.selector`, for the scale subresource.
#[must_use]
pub fn selector_text(service: &str) -> String {
    let labels = selector(service, Component::Signaling).into_iter();
    let terms: Vec<_> = labels.map(|(label, value)| format!("{label}={value}")).collect();
    terms.join(",")
}

/// The headless Service, with an address for each pod and the metrics port.
#[must_use]
pub fn headless(service: &str) -> String {
    format!("{service}-headless")
}

/// The Service of type LoadBalancer.
#[must_use]
pub fn load_balancer(service: &str) -> String {
    format!("{service}-public")
}

/// The Secret with what all pods share (`POD_SECRET`).
#[must_use]
pub fn pod_secret(service: &str) -> String {
    format!("{service}-pod-secret")
}

/// The managed Redis: StatefulSet, Service, Secret and NetworkPolicy.
#[must_use]
pub fn redis(service: &str) -> String {
    format!("{service}-redis")
}

/// The managed Kafka: StatefulSet and Service.
#[must_use]
pub fn kafka(service: &str) -> String {
    format!("{service}-kafka")
}

/// Strimzi's KafkaTopic and KafkaUser, and the Secret that Strimzi makes for that user.
#[must_use]
pub fn events(service: &str) -> String {
    format!("{service}-events")
}

/// The ConfigMap with dashboards.
#[must_use]
pub fn dashboards(service: &str) -> String {
    format!("{service}-dashboards")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selector_of_the_scale_subresource_is_that_of_the_pods() {
        assert_eq!(
            selector_text("acme"),
            "app.kubernetes.io/component=signaling,app.kubernetes.io/instance=acme,app.kubernetes.io/name=chat-service"
        );
    }

    #[test]
    fn every_label_is_also_on_the_children() {
        let labels = labels("acme", Component::Redis);
        for (label, value) in selector("acme", Component::Redis) {
            assert_eq!(labels[&label], value);
        }
    }
}

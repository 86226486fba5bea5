//! The kinds of objects that a ChatService has as children.

use std::fmt;

use kube::core::{ApiResource, GroupVersionKind};

/// A kind of child. They are in the order in which they are applied: what pods wait for comes before them, and who sends
/// people to them after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1`.
    Secret,
    /// `v1`.
    ConfigMap,
    /// `v1`.
    Service,
    /// `networking.k8s.io/v1`.
    NetworkPolicy,
    /// `kafka.strimzi.io`, of the version that the cluster has.
    KafkaTopic,
    /// `kafka.strimzi.io`, of the version that the cluster has.
    KafkaUser,
    /// `apps/v1`.
    StatefulSet,
    /// `apps/v1`.
    Deployment,
    /// `policy/v1`.
    PodDisruptionBudget,
    /// `autoscaling/v2`.
    HorizontalPodAutoscaler,
    /// `keda.sh/v1alpha1`.
    ScaledObject,
    /// `networking.k8s.io/v1`.
    Ingress,
    /// `gateway.networking.k8s.io/v1`.
    HttpRoute,
    /// `monitoring.coreos.com/v1`.
    ServiceMonitor,
}

/// The version of Strimzi's API where nothing is known of the cluster's.
const STRIMZI_VERSION: &str = "v1";

impl Kind {
    /// All of them, in the order in which they are applied.
    pub const ALL: [Self; 14] = [
        Self::Secret,
        Self::ConfigMap,
        Self::Service,
        Self::NetworkPolicy,
        Self::KafkaTopic,
        Self::KafkaUser,
        Self::StatefulSet,
        Self::Deployment,
        Self::PodDisruptionBudget,
        Self::HorizontalPodAutoscaler,
        Self::ScaledObject,
        Self::Ingress,
        Self::HttpRoute,
        Self::ServiceMonitor,
    ];

    /// Its group, version, plural and so on, for a client of dynamic objects. `strimzi`: the version of Strimzi's API.
    #[must_use]
    pub fn resource(self, strimzi: Option<&str>) -> ApiResource {
        let (group, version, plural) = match self {
            Self::Secret => ("", "v1", "secrets"),
            Self::ConfigMap => ("", "v1", "configmaps"),
            Self::Service => ("", "v1", "services"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "networkpolicies"),
            Self::KafkaTopic => (
                "kafka.strimzi.io",
                strimzi.unwrap_or(STRIMZI_VERSION),
                "kafkatopics",
            ),
            Self::KafkaUser => (
                "kafka.strimzi.io",
                strimzi.unwrap_or(STRIMZI_VERSION),
                "kafkausers",
            ),
            Self::StatefulSet => ("apps", "v1", "statefulsets"),
            Self::Deployment => ("apps", "v1", "deployments"),
            Self::PodDisruptionBudget => ("policy", "v1", "poddisruptionbudgets"),
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2", "horizontalpodautoscalers"),
            Self::ScaledObject => ("keda.sh", "v1alpha1", "scaledobjects"),
            Self::Ingress => ("networking.k8s.io", "v1", "ingresses"),
            Self::HttpRoute => ("gateway.networking.k8s.io", "v1", "httproutes"),
            Self::ServiceMonitor => ("monitoring.coreos.com", "v1", "servicemonitors"),
        };
        let kind = GroupVersionKind::gvk(group, version, self.name());
        ApiResource::from_gvk_with_plural(&kind, plural)
    }

    /// Its `kind`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::KafkaTopic => "KafkaTopic",
            Self::KafkaUser => "KafkaUser",
            Self::StatefulSet => "StatefulSet",
            Self::Deployment => "Deployment",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::ScaledObject => "ScaledObject",
            Self::Ingress => "Ingress",
            Self::HttpRoute => "HTTPRoute",
            Self::ServiceMonitor => "ServiceMonitor",
        }
    }

    /// Whether every cluster has it.
    #[must_use]
    pub fn is_built_in(self) -> bool {
        !matches!(
            self,
            Self::KafkaTopic | Self::KafkaUser | Self::ScaledObject | Self::HttpRoute | Self::ServiceMonitor
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

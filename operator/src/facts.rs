//! What the operator knows of the cluster when it builds: plain values, read by whoever holds a client.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PodTemplateSpec};

use crate::contents::{Content, Source};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The operator itself.
    pub operator: Operator,
    /// The optional APIs of the cluster.
    pub apis: Apis,
    /// How many pods the Deployment is to have: what [`replicas::decide`](crate::replicas::decide) said.
    pub replicas: i32,
    /// The Deployment of the signaling pods, where there is one.
    pub deployment: Option<Workload>,
    /// The StatefulSet of the managed Redis, where there is one.
    pub redis: Option<Workload>,
    /// The StatefulSet of the managed Kafka, where there is one.
    pub kafka: Option<Workload>,
    /// Whether every signaling pod is of the Deployment's present template, pods that are ending included: nothing needs
    /// what only older ones used.
    pub rolled_out: bool,
    /// Whether the rollout gate has stopped the Deployment.
    pub rollout_stopped: bool,
    /// The contents of the Secrets and ConfigMaps that the spec names, by
    /// [`credentials::sources`](crate::credentials::sources). One that is not here does not exist.
    pub contents: BTreeMap<Source, Content>,
    /// The data of the Secret with what all pods share, where there is one.
    pub pod_secret: Option<BTreeMap<String, ByteString>>,
    /// The data of the managed Redis's Secret, where there is one.
    pub redis_secret: Option<BTreeMap<String, ByteString>>,
}

/// The operator itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The namespace that it runs in.
    pub namespace: String,
    /// Where pods of the cluster reach its HTTP port, without a path: `http://chat-operator.chat-system.svc:8080`.
    pub endpoint: String,
    /// The signaling image of its release, without a tag.
    pub signaling_repository: String,
    /// The tag of that image.
    pub signaling_tag: String,
    /// The Redis that its release was tested with.
    pub redis_image: String,
    /// The Kafka that its release was tested with.
    pub kafka_image: String,
    /// Whether the pods of the cluster have IPv6 addresses first, as its own address tells.
    pub ipv6: bool,
}

impl Default for Operator {
    /// The operator of this release, where the chart puts it.
    fn default() -> Self {
        Self {
            namespace: "chat-system".to_owned(),
            endpoint: "http://chat-operator.chat-system.svc:8080".to_owned(),
            signaling_repository: "localhost/chat-signaling".to_owned(),
            signaling_tag: env!("CARGO_PKG_VERSION").to_owned(),
            redis_image: "docker.io/valkey/valkey:8.1-alpine".to_owned(),
            kafka_image: "docker.io/apache/kafka:4.0.0".to_owned(),
            ipv6: false,
        }
    }
}

/// The optional APIs of a cluster, as discovery tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Apis {
    /// `custom.metrics.k8s.io` serves `pods/webrtc_active_connections`.
    pub custom_connections: bool,
    /// `external.metrics.k8s.io` is served by the operator.
    pub external_connections: bool,
    /// `keda.sh/v1alpha1` has ScaledObjects.
    pub keda: bool,
    /// `gateway.networking.k8s.io/v1` has HTTPRoutes.
    pub gateway: bool,
    /// `monitoring.coreos.com/v1` has ServiceMonitors.
    pub service_monitors: bool,
    /// `kafka.strimzi.io` has KafkaTopics and KafkaUsers.
    pub strimzi: Option<Strimzi>,
}

impl Apis {
    /// Those of a cluster that has all of them, but connections from the operator alone.
    #[must_use]
    pub fn all() -> Self {
        Self {
            custom_connections: false,
            external_connections: true,
            keda: true,
            gateway: true,
            service_monitors: true,
            strimzi: Some(Strimzi {
                version: "v1".to_owned(),
                simple_authorization: true,
            }),
        }
    }
}

/// The Strimzi of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strimzi {
    /// The version of its API: `v1`, or `v1beta2` before Strimzi 0.49.
    pub version: String,
    /// Whether the Kafka that the spec names has `authorization: {type: simple}`. Strimzi refuses a KafkaUser with access
    /// control lists for one that has not.
    pub simple_authorization: bool,
}

/// A live Deployment or StatefulSet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its pod template, with the defaults of the API server.
    pub template: PodTemplateSpec,
    /// A StatefulSet's templates of volumes, which nobody can change.
    pub claims: Vec<PersistentVolumeClaim>,
}

impl From<&Deployment> for Workload {
    fn from(deployment: &Deployment) -> Self {
        let spec = deployment.spec.as_ref();
        Self {
            annotations: deployment.metadata.annotations.clone().unwrap_or_default(),
            template: spec.map(|spec| spec.template.clone()).unwrap_or_default(),
            claims: Vec::new(),
        }
    }
}

impl From<&StatefulSet> for Workload {
    fn from(set: &StatefulSet) -> Self {
        let spec = set.spec.as_ref();
        let claims = spec.and_then(|spec| spec.volume_claim_templates.clone());
        Self {
            annotations: set.metadata.annotations.clone().unwrap_or_default(),
            template: spec.map(|spec| spec.template.clone()).unwrap_or_default(),
            claims: claims.unwrap_or_default(),
        }
    }
}

//! Kafka: Strimzi's topic and user, or one broker for development.

use crds::UpdatePolicy;
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::template::{Shape, choose};
use super::{BuildError, Building, KAFKA_PORT, Kind, security};
use crate::names::{self, Component, SUITABILITY_LABEL};
use crate::validate::{Brokers, ValidatedChatService};

/// The user of Apache Kafka's image.
const USER: i64 = 1000;
const PORT_NAME: &str = "kafka";
const CONTROLLER_PORT: u16 = 9093;
/// The label by which Strimzi knows the Kafka of a topic or user.
const CLUSTER_LABEL: &str = "strimzi.io/cluster";
/// Neither copies nor a volume.
const SUITABILITY: &str = "development";
/// Where the broker writes, by the name of the volume. The image makes its configuration when it starts.
const WRITABLE: &[(&str, &str)] = &[
    ("data", "/var/lib/kafka/data"),
    ("config", "/opt/kafka/config"),
    ("logs", "/opt/kafka/logs"),
    ("tmp", "/tmp"),
];

pub(super) fn add(building: &mut Building<'_>) -> Result<(), BuildError> {
    match &building.chat.kafka.brokers {
        Brokers::Disabled | Brokers::External(_) => Ok(()),
        Brokers::Strimzi(cluster) => strimzi(building, &cluster.clone()),
        Brokers::Managed => managed(building),
    }
}

fn strimzi(building: &mut Building<'_>, cluster: &str) -> Result<(), BuildError> {
    let chat = building.chat;
    let Some(strimzi) = &building.facts.apis.strimzi else {
        building
            .built
            .unknown_kinds
            .extend([Kind::KafkaTopic, Kind::KafkaUser]);
        return Ok(());
    };
    let name = names::events(&chat.name);
    let topic = &chat.kafka.topic;
    // Partitions and copies are left to the cluster's own defaults.
    let of_topic = json!({ "spec": { "topicName": topic } });
    // By a certificate: where the listener asks for none, nothing is lost.
    let mut of_user = json!({ "spec": { "authentication": { "type": "tls" } } });
    if strimzi.simple_authorization {
        let resource = json!({ "type": "topic", "name": topic, "patternType": "literal" });
        of_user["spec"]["authorization"] = json!({
            "type": "simple",
            "acls": [{ "resource": resource, "operations": ["Describe", "Write"] }],
        });
    }
    for (kind, spec) in [(Kind::KafkaTopic, of_topic), (Kind::KafkaUser, of_user)] {
        let child = building.add(kind, &name, Component::Kafka, spec)?;
        let labels = child.object.metadata.labels.get_or_insert_default();
        labels.insert(CLUSTER_LABEL.to_owned(), cluster.to_owned());
    }
    Ok(())
}

fn managed(building: &mut Building<'_>) -> Result<(), BuildError> {
    let (chat, facts) = (building.chat, building.facts);
    let name = names::kafka(&chat.name);
    let selector = names::selector(&chat.name, Component::Kafka);
    let service = json!({ "spec": {
        "selector": selector,
        "ports": [{ "name": PORT_NAME, "port": KAFKA_PORT, "targetPort": PORT_NAME, "protocol": "TCP" }],
        // The broker reaches itself by this name before it is ready.
        "publishNotReadyAddresses": true,
    }});
    building.add(Kind::Service, &name, Component::Kafka, service)?;
    let shape = Shape {
        // Nothing in the spec shapes it.
        spec: "",
        content: String::new(),
        is_complete: true,
        immediate: chat.update_policy == UpdatePolicy::Immediate,
    };
    let image = &facts.operator.kafka_image;
    let chosen = choose(facts.kafka.as_ref(), template(chat, image), &shape);
    building.note_update(Component::Kafka, &chosen, image);
    let spec = json!({ "spec": {
        "replicas": 1,
        "serviceName": name,
        "selector": { "matchLabels": selector },
        "template": chosen.template,
    }});
    let child = building.add(Kind::StatefulSet, &name, Component::Kafka, spec)?;
    child.object.metadata.annotations = Some(chosen.annotations);
    let labels = child.object.metadata.labels.get_or_insert_default();
    labels.insert(SUITABILITY_LABEL.to_owned(), SUITABILITY.to_owned());
    Ok(())
}

fn template(chat: &ValidatedChatService, image: &str) -> PodTemplateSpec {
    let volumes = WRITABLE.iter().map(|(name, _)| security::scratch(name));
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(names::labels(&chat.name, Component::Kafka)),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            containers: vec![container(chat, image)],
            volumes: Some(volumes.collect()),
            security_context: Some(security::pod(USER)),
            automount_service_account_token: Some(false),
            // `KAFKA_PORT=tcp://…` would become one of the broker's settings.
            enable_service_links: Some(false),
            ..PodSpec::default()
        }),
    }
}

fn container(chat: &ValidatedChatService, image: &str) -> Container {
    let env = settings(&names::kafka(&chat.name)).map(|(name, value)| EnvVar {
        name: name.to_owned(),
        value: Some(value),
        value_from: None,
    });
    let mounts = WRITABLE.iter().map(|(name, path)| security::mount(name, path));
    let memory = |amount: &str| ("memory".to_owned(), Quantity(amount.to_owned()));
    Container {
        name: Component::Kafka.to_string(),
        image: Some(image.to_owned()),
        env: Some(env.into()),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: KAFKA_PORT.into(),
            ..ContainerPort::default()
        }]),
        resources: Some(ResourceRequirements {
            requests: Some([("cpu".to_owned(), Quantity("250m".to_owned())), memory("768Mi")].into()),
            limits: Some([memory("1Gi")].into()),
            ..ResourceRequirements::default()
        }),
        readiness_probe: Some(Probe {
            tcp_socket: Some(TCPSocketAction {
                port: IntOrString::String(PORT_NAME.to_owned()),
                host: None,
            }),
            period_seconds: Some(5),
            timeout_seconds: Some(3),
            ..Probe::default()
        }),
        security_context: Some(security::container()),
        volume_mounts: Some(mounts.collect()),
        ..Container::default()
    }
}

/// One broker that is its own controller (KRaft), as variables of Apache Kafka's image.
fn settings(host: &str) -> [(&'static str, String); 14] {
    let one = || "1".to_owned();
    [
        ("KAFKA_NODE_ID", one()),
        ("KAFKA_PROCESS_ROLES", "broker,controller".to_owned()),
        (
            "KAFKA_LISTENERS",
            format!("PLAINTEXT://:{KAFKA_PORT},CONTROLLER://:{CONTROLLER_PORT}"),
        ),
        (
            "KAFKA_ADVERTISED_LISTENERS",
            format!("PLAINTEXT://{host}:{KAFKA_PORT}"),
        ),
        (
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT".to_owned(),
        ),
        ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER".to_owned()),
        (
            "KAFKA_CONTROLLER_QUORUM_VOTERS",
            format!("1@localhost:{CONTROLLER_PORT}"),
        ),
        ("KAFKA_LOG_DIRS", "/var/lib/kafka/data".to_owned()),
        ("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "true".to_owned()),
        ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", one()),
        ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", one()),
        ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", one()),
        ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0".to_owned()),
        ("KAFKA_HEAP_OPTS", "-Xms256m -Xmx512m".to_owned()),
    ]
}

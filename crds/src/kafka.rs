//! `spec.kafka`: where events are published.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::object_refs::{CredentialsRef, SecretKeyRef};
use crate::rules::{host, port, rules};

/// Where events are published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "self.mode != 'External' || has(self.external)",
        "kafka.external is required when kafka.mode is External: add kafka.external.bootstrapServers",
    ),
    (
        "self.mode != 'Strimzi' || has(self.strimzi)",
        "kafka.strimzi is required when kafka.mode is Strimzi: add kafka.strimzi.clusterName",
    ),
    (
        "self.mode in ['Disabled', 'External'] || !has(self.external)",
        "kafka.external is only used when kafka.mode is External: set kafka.mode: External, or take kafka.external out",
    ),
    (
        "self.mode in ['Disabled', 'Strimzi'] || !has(self.strimzi)",
        "kafka.strimzi is only used when kafka.mode is Strimzi: set kafka.mode: Strimzi, or take kafka.strimzi out",
    ),
])))]
pub struct Kafka {
    /// `Disabled`: events are counted only. `External`: brokers that are there already. `Strimzi`: a Kafka of Strimzi in the
    /// same namespace, with a topic and a user made for this ChatService. `Managed`: the operator runs one broker, meant for
    /// development.
    pub mode: KafkaMode,
    /// The brokers that are there already. Required with `External`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalKafka>,
    /// The Kafka of Strimzi. Required with `Strimzi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strimzi: Option<Strimzi>,
    /// The topic that events go to.
    #[schemars(length(max = 249), extend("x-kubernetes-validations" = rules(&[(
        "self.matches('^[-A-Za-z0-9_.]+$') && !(self in ['.', '..'])",
        "kafka.topic has 1 to 249 letters, digits and any of -_.",
    )])))]
    pub topic: String,
    /// How many events go into one batch at most.
    #[schemars(range(min = 1, max = 100_000))]
    pub batch_size: i32,
    /// How many milliseconds an event waits for its batch to fill.
    #[schemars(range(min = 0, max = 60_000))]
    pub batch_timeout_ms: i32,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            mode: KafkaMode::Disabled,
            external: None,
            strimzi: None,
            topic: "webrtc-events".to_owned(),
            batch_size: 100,
            batch_timeout_ms: 1000,
        }
    }
}

/// Whose Kafka it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KafkaMode {
    /// Nobody's: there is none.
    #[default]
    Disabled,
    /// It is there already.
    External,
    /// Strimzi runs it.
    Strimzi,
    /// The operator runs one broker.
    Managed,
}

/// Brokers that are there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalKafka {
    /// Some of the brokers, as `host:port`.
    #[schemars(length(min = 1, max = 16))]
    pub bootstrap_servers: Vec<BootstrapServer>,
    /// How the brokers are spoken to.
    #[serde(default)]
    pub security: KafkaSecurity,
}

/// A broker of Kafka, `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BootstrapServer(
    #[schemars(length(max = 262), extend("x-kubernetes-validations" = rules(&[(
        concat!("self.matches('^", host!(), ":", port!(), "$')"),
        "an item of kafka.external.bootstrapServers is host:port, such as kafka.example.com:9092",
    )])))]
    pub String,
);

/// How brokers are spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!self.protocol.startsWith('SASL') || has(self.mechanism)",
        "kafka.external.security.mechanism is required with SASL: add PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    ),
    (
        "!self.protocol.startsWith('SASL') || has(self.credentialsSecretRef)",
        "kafka.external.security.credentialsSecretRef is required with SASL: add the name of a Secret with username and password",
    ),
    (
        "self.protocol.startsWith('SASL') || (!has(self.mechanism) && !has(self.credentialsSecretRef))",
        "kafka.external.security.mechanism and credentialsSecretRef are for SASL: set protocol: SASL_SSL, or take them out",
    ),
    (
        "self.protocol.endsWith('SSL') || !has(self.caSecretRef)",
        "kafka.external.security.caSecretRef is for TLS: set protocol: SSL or SASL_SSL, or take caSecretRef out",
    ),
])))]
pub struct KafkaSecurity {
    /// `PLAINTEXT` or `SSL` without a login, `SASL_PLAINTEXT` or `SASL_SSL` with one. Those that end in `SSL` speak TLS.
    pub protocol: KafkaProtocol,
    /// How pods log in: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`. Required with SASL.
    #[schemars(with = "SaslMechanism")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<SaslMechanism>,
    /// The user and password to log in with. Required with SASL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<CredentialsRef>,
    /// The certificate authority (PEM) that the brokers' certificates are checked against. Default: the system's authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
}

/// Kafka's security protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KafkaProtocol {
    /// Neither TLS nor a login.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// A login without TLS: the network is trusted.
    SaslPlaintext,
    /// TLS and a login.
    SaslSsl,
}

/// How pods log in to Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SaslMechanism {
    /// The password as it is.
    #[serde(rename = "PLAIN")]
    Plain,
    /// SCRAM with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// SCRAM with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

/// A Kafka of Strimzi.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Strimzi {
    /// The name of the Kafka object in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name: String,
}

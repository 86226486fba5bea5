//! `spec.kafka`, resolved.

use crds::{CredentialsRef, KafkaMode, KafkaProtocol, SaslMechanism, SecretKeyRef};

use super::invalid::Invalid;

/// Where events are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kafka {
    /// Whose brokers they are.
    pub brokers: Brokers,
    /// The topic that events go to.
    pub topic: String,
    /// How many events go into one batch at most.
    pub batch_size: i32,
    /// How many milliseconds an event waits for its batch to fill.
    pub batch_timeout_ms: i32,
}

/// Whose brokers they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brokers {
    /// Nobody's: there is none.
    Disabled,
    /// They are there already.
    External(ExternalKafka),
    /// Those of Strimzi's Kafka of this name.
    Strimzi(String),
    /// The operator's own one.
    Managed,
}

/// Brokers that are there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalKafka {
    /// `host:port` each; at least one.
    pub servers: Vec<String>,
    /// How they are spoken to.
    pub protocol: KafkaProtocol,
    /// The login, where the protocol is one of SASL.
    pub login: Option<(SaslMechanism, CredentialsRef)>,
    /// The certificate authority that is trusted.
    pub ca: Option<SecretKeyRef>,
}

pub(super) fn resolve(spec: &crds::Kafka) -> Result<Kafka, Invalid> {
    let brokers = match (spec.mode, &spec.external, &spec.strimzi) {
        (KafkaMode::Disabled, ..) => Brokers::Disabled,
        (KafkaMode::Managed, ..) => Brokers::Managed,
        (KafkaMode::External, Some(given), _) => Brokers::External(external(given)?),
        (KafkaMode::Strimzi, _, Some(given)) => Brokers::Strimzi(given.cluster_name.clone()),
        (KafkaMode::External, None, _) => {
            return Err(Invalid::missing(
                "spec.kafka.external",
                "is required when kafka.mode is External: add kafka.external.bootstrapServers",
            ));
        }
        (KafkaMode::Strimzi, _, None) => {
            return Err(Invalid::missing(
                "spec.kafka.strimzi",
                "is required when kafka.mode is Strimzi: add kafka.strimzi.clusterName",
            ));
        }
    };
    Ok(Kafka {
        brokers,
        topic: spec.topic.clone(),
        batch_size: spec.batch_size,
        batch_timeout_ms: spec.batch_timeout_ms,
    })
}

fn external(spec: &crds::ExternalKafka) -> Result<ExternalKafka, Invalid> {
    let path = "spec.kafka.external";
    if spec.bootstrap_servers.is_empty() {
        return Err(Invalid::missing(
            &format!("{path}.bootstrapServers"),
            "is empty: add a broker as host:port",
        ));
    }
    let security = &spec.security;
    let needs_login = matches!(
        security.protocol,
        KafkaProtocol::SaslPlaintext | KafkaProtocol::SaslSsl
    );
    let login = match (needs_login, security.mechanism, &security.credentials_secret_ref) {
        (false, ..) => None,
        (true, Some(mechanism), Some(credentials)) => Some((mechanism, credentials.clone())),
        (true, None, _) => {
            return Err(Invalid::missing(
                &format!("{path}.security.mechanism"),
                "is required with SASL: add PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
            ));
        }
        (true, _, None) => {
            return Err(Invalid::missing(
                &format!("{path}.security.credentialsSecretRef"),
                "is required with SASL: add the name of a Secret with username and password",
            ));
        }
    };
    Ok(ExternalKafka {
        servers: spec
            .bootstrap_servers
            .iter()
            .map(|server| server.0.clone())
            .collect(),
        protocol: security.protocol,
        login,
        ca: security.ca_secret_ref.clone(),
    })
}

//! `spec.redis`, resolved.

use crds::{CredentialsRef, RedisMode, RedisTopology, Resources, SecretKeyRef, Storage, Ttls};
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::free_form::{check_quantity, resources};
use super::invalid::{Invalid, Reason};
use crate::quantity;

/// The Redis that pods share.
#[derive(Clone, Debug, PartialEq)]
pub struct Redis {
    /// Whose it is.
    pub server: RedisServer,
    /// What every key and channel begins with.
    pub prefix: String,
    /// How long records outlive their last refresh.
    pub ttls: Ttls,
}

/// Whose Redis it is.
#[derive(Clone, Debug, PartialEq)]
pub enum RedisServer {
    /// The operator runs it.
    Managed(ManagedRedis),
    /// It is there already.
    External(ExternalRedis),
}

/// The Redis that the operator runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagedRedis {
    /// Its image, where it is not that of the operator's release.
    pub image: Option<String>,
    /// Its volume; without one its data is gone with the pod.
    pub storage: Option<Storage>,
    /// Its memory and CPU.
    pub resources: ResourceRequirements,
    /// How many bytes of memory its data may take: three quarters of the limit, since Redis needs some for itself.
    pub max_memory: Option<u64>,
}

/// A Redis that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalRedis {
    /// One server, Sentinels or a cluster.
    pub topology: Topology,
    /// `host:port` each; at least one.
    pub endpoints: Vec<String>,
    /// The number of the database.
    pub database: i32,
    /// Whether TLS is spoken, and the certificate authority that is trusted.
    pub tls: Option<Option<SecretKeyRef>>,
    /// The user and password.
    pub credentials: Option<CredentialsRef>,
}

/// The kind of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Standalone,
    /// A master that Sentinels watch, and the name that they know it by.
    Sentinel(String),
    /// A cluster.
    Cluster,
}

pub(super) fn resolve(spec: &crds::Redis, namespace: &str, name: &str) -> Result<Redis, Invalid> {
    let server = match (spec.mode, &spec.external) {
        (RedisMode::Managed, _) => RedisServer::Managed(managed(&spec.managed.clone().unwrap_or_default())?),
        (RedisMode::External, Some(given)) => RedisServer::External(external(given)?),
        (RedisMode::External, None) => {
            return Err(Invalid::missing(
                "spec.redis.external",
                "is required when redis.mode is External: add redis.external.endpoints",
            ));
        }
    };
    Ok(Redis {
        server,
        prefix: spec
            .prefix
            .clone()
            .unwrap_or_else(|| format!("{namespace}/{name}")),
        ttls: spec.ttls.clone(),
    })
}

fn managed(spec: &crds::ManagedRedis) -> Result<ManagedRedis, Invalid> {
    let path = "spec.redis.managed";
    if let Some(storage) = &spec.storage {
        check_quantity(&storage.size, &format!("{path}.storage.size"))?;
    }
    let given = spec.resources.clone().unwrap_or_else(default_resources);
    let limit = given.limits.get("memory").and_then(quantity::bytes);
    Ok(ManagedRedis {
        image: spec.image.clone(),
        storage: spec.storage.clone(),
        resources: resources(&given, &format!("{path}.resources"))?,
        max_memory: limit.map(|limit| limit / 4 * 3),
    })
}

fn default_resources() -> Resources {
    let quantities = |given: &[(&str, &str)]| {
        let given = given.iter();
        given
            .map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())))
            .collect()
    };
    Resources {
        requests: quantities(&[("cpu", "100m"), ("memory", "128Mi")]),
        limits: quantities(&[("memory", "256Mi")]),
    }
}

fn external(spec: &crds::ExternalRedis) -> Result<ExternalRedis, Invalid> {
    let path = "spec.redis.external";
    let topology = match (spec.topology, &spec.master_name) {
        (RedisTopology::Standalone, _) => Topology::Standalone,
        (RedisTopology::Cluster, _) => Topology::Cluster,
        (RedisTopology::Sentinel, Some(master)) => Topology::Sentinel(master.clone()),
        (RedisTopology::Sentinel, None) => {
            return Err(Invalid::missing(
                &format!("{path}.masterName"),
                "is required when redis.external.topology is Sentinel: add the name that the Sentinels know the master by",
            ));
        }
    };
    if spec.endpoints.is_empty() {
        return Err(Invalid::missing(
            &format!("{path}.endpoints"),
            "is empty: add a server as host:port",
        ));
    }
    Ok(ExternalRedis {
        topology,
        endpoints: spec.endpoints.iter().map(|endpoint| endpoint.0.clone()).collect(),
        database: spec.database,
        tls: spec.tls.as_ref().map(tls).transpose()?,
        credentials: spec.credentials_secret_ref.clone(),
    })
}

/// The certificate authority. What the pod has no setting for is refused: it would be left out in silence, and pods would
/// never reach Redis.
fn tls(spec: &crds::RedisTls) -> Result<Option<SecretKeyRef>, Invalid> {
    let path = "spec.redis.external.tls";
    if spec.server_name.is_some() {
        return Err(Invalid::new(
            Reason::Unsupported,
            format!("{path}.serverName"),
            "is not known to the pods of this release: take it out, and name the host of redis.external.endpoints as the certificate does",
        ));
    }
    if spec.insecure_skip_verify {
        return Err(Invalid::new(
            Reason::Unsupported,
            format!("{path}.insecureSkipVerify"),
            "is not known to the pods of this release: take it out, and give caSecretRef the authority of Redis's certificate",
        ));
    }
    Ok(spec.ca_secret_ref.clone())
}

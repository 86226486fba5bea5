//! `spec.redis`: the Redis that pods share.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::object_refs::{CredentialsRef, SecretKeyRef};
use crate::resources::Resources;
use crate::rules::{host, image_digest, image_name, image_tag, port, quantity, rules};

/// The Redis that pods share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "self.mode != 'External' || has(self.external)",
        "redis.external is required when redis.mode is External: add redis.external.endpoints",
    ),
    (
        "self.mode == 'External' || !has(self.external)",
        "redis.external is not used when redis.mode is Managed: set redis.mode: External, or take redis.external out",
    ),
    (
        "self.mode == 'Managed' || !has(self.managed)",
        "redis.managed is not used when redis.mode is External: set redis.mode: Managed, or take redis.managed out",
    ),
])))]
pub struct Redis {
    /// `Managed`: the operator runs one Redis for this ChatService. It is not highly available: while it is away, calls go on
    /// and only people of one pod are matched. `External`: one that is there already.
    pub mode: RedisMode,
    /// The Redis that the operator runs. Default: one without a volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedRedis>,
    /// The Redis that is there already. Required with `External`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalRedis>,
    /// What every key and channel begins with: services on one Redis that differ in it never meet. Default: the ChatService's
    /// namespace, `/` and its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), extend("x-kubernetes-validations" = rules(&[(
        "self.matches('^[-A-Za-z0-9_.:/]+$')",
        "redis.prefix has 1 to 128 letters, digits and any of -_.:/",
    )])))]
    pub prefix: Option<String>,
    /// Over how many connections each pod asks Redis; it has another one on which it listens. Default: that of the row of
    /// `capacity.users`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub pool_size_per_pod: Option<i32>,
    /// How long records outlive their last refresh.
    pub ttls: Ttls,
}

/// Whose Redis it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RedisMode {
    /// The operator runs it.
    #[default]
    Managed,
    /// It is there already.
    External,
}

/// The Redis that the operator runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ManagedRedis {
    /// Its image, with tag or digest: Redis 6 or later, or Valkey. Default: the one that the operator's release was tested
    /// with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 640), extend("x-kubernetes-validations" = rules(&[(
        concat!("self.matches('^", image_name!(), "(:", image_tag!(), ")?(@", image_digest!(), ")?$')"),
        "redis.managed.image is an image such as redis:7.4-alpine",
    )])))]
    pub image: Option<String>,
    /// A volume for its data. Default: none; pods write what they know into a Redis that has come back empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// Its memory and CPU. Default: 100m CPU and 128Mi memory as requests, and 256Mi memory as the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// How large it is, such as `1Gi`.
    #[schemars(schema_with = "quantity")]
    pub size: Quantity,
    /// The StorageClass that it is made by. Default: the cluster's own default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
}

/// A Redis that is there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "self.topology != 'Sentinel' || has(self.masterName)",
        "redis.external.masterName is required when redis.external.topology is Sentinel: add the name that the Sentinels know the master by",
    ),
    (
        "self.topology == 'Sentinel' || !has(self.masterName)",
        "redis.external.masterName is for Sentinels: set redis.external.topology: Sentinel, or take masterName out",
    ),
    (
        "self.topology != 'Cluster' || self.database == 0",
        "redis.external.database must be 0 when redis.external.topology is Cluster, a cluster has no other: take it out",
    ),
    (
        "self.topology != 'Standalone' || self.endpoints.size() == 1",
        "redis.external.endpoints takes one endpoint when redis.external.topology is Standalone: keep one, or set topology to Sentinel or Cluster",
    ),
])))]
pub struct ExternalRedis {
    /// `Standalone`: one server. `Sentinel`: a master that the Sentinels at `endpoints` know. `Cluster`: a cluster, of which
    /// `endpoints` names some nodes.
    #[serde(default)]
    pub topology: RedisTopology,
    /// The server, the Sentinels, or some nodes of the cluster, as `host:port`.
    #[schemars(length(min = 1, max = 16))]
    pub endpoints: Vec<RedisEndpoint>,
    /// The number of the database.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1024))]
    pub database: i32,
    /// The name that the Sentinels know the master by. Required with `Sentinel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub master_name: Option<String>,
    /// Speak TLS. Default: no TLS; `tls: {}` is TLS that trusts the system's authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<RedisTls>,
    /// The user and password to log in with. A Secret without the user's name means the default user. Default: no login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<CredentialsRef>,
}

/// The kind of Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RedisTopology {
    /// One server.
    #[default]
    Standalone,
    /// A master that Sentinels watch.
    Sentinel,
    /// A cluster.
    Cluster,
}

/// A server of Redis, `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RedisEndpoint(
    #[schemars(length(max = 262), extend("x-kubernetes-validations" = rules(&[(
        concat!("self.matches('^", host!(), ":", port!(), "$')"),
        "an item of redis.external.endpoints is host:port, such as redis.example.com:6379, without redis:// before it",
    )])))]
    pub String,
);

/// How TLS is spoken with Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!self.insecureSkipVerify || (!has(self.caSecretRef) && !has(self.serverName))",
    "redis.external.tls.insecureSkipVerify checks nothing: take it out, or take caSecretRef and serverName out",
)])))]
pub struct RedisTls {
    /// The certificate authority (PEM) that Redis' certificate is checked against. Default: the system's authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
    /// The name that must stand in Redis' certificate. Default: the host of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub server_name: Option<String>,
    /// Accept any certificate: whoever is in between can read and change everything.
    pub insecure_skip_verify: bool,
}

/// How long records in Redis outlive their last refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Ttls {
    /// How many seconds the record of a session outlives its last refresh.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub socket_map_seconds: i32,
    /// How many seconds the record of a match outlives its last refresh.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub match_map_seconds: i32,
    /// How many seconds the statistics of a user (whom a JWT names) outlive their last change.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub user_stats_seconds: i32,
}

impl Default for Ttls {
    fn default() -> Self {
        Self {
            socket_map_seconds: 7200,
            match_map_seconds: 3600,
            user_stats_seconds: 172_800,
        }
    }
}

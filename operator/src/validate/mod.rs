//! From a ChatService as the API server keeps it to one that can be built: read, with everything resolved that depends on
//! something else.
//!
//! The API server has run the schema and the rules. They are not run again here, where an imitation could only refuse what
//! the API server took. But objects outlive versions of the CRD: whatever building leans on is looked at, and becomes a
//! type that cannot lack it.

mod access;
mod decode;
mod exposure;
mod free_form;
mod invalid;
mod kafka;
mod pods;
mod redis;
mod scaling;
mod shape;
#[cfg(test)]
mod tests;

use crds::{ChatServiceSpec, Image, Monitoring, RateLimit, UpdatePolicy};
use kube::core::DynamicObject;
use serde_json::Value;

pub use self::access::{Jwt, JwtKey, Turn};
use self::decode::decode;
pub use self::exposure::{ExposedBy, Exposure};
pub use self::invalid::{Invalid, Reason};
pub use self::kafka::{Brokers, ExternalKafka, Kafka};
pub use self::pods::Pods;
pub use self::redis::{ExternalRedis, ManagedRedis, Redis, RedisServer, Topology};
pub use self::scaling::{Autoscaler, Scaling};
use crate::sizing::{Overrides, Sizing, size};

/// The most people that a service is for.
const MAX_USERS: i32 = 1_000_000;

/// A ChatService of which everything is known that does not depend on the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedChatService {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`; missing only where no API server has made the object yet.
    pub uid: Option<String>,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// `spec.replicas`.
    pub replicas: Option<i32>,
    /// What follows from `spec.capacity.users`.
    pub sizing: Sizing,
    /// Which image the signaling pods run; what is missing is the operator's to say.
    pub image: Image,
    /// The signaling pods.
    pub pods: Pods,
    /// Who changes `spec.replicas` beside people.
    pub autoscaler: Autoscaler,
    /// The Redis that pods share.
    pub redis: Redis,
    /// Where events are published.
    pub kafka: Kafka,
    /// How people outside the cluster reach the pods.
    pub exposure: Exposure,
    /// The servers that help two browsers find a way to each other.
    pub turn: Turn,
    /// Who may connect; `None`: everyone.
    pub jwt: Option<Jwt>,
    /// How many connections and requests one client address has.
    pub rate_limit: RateLimit,
    /// How many proxies in front of the pods add to `X-Forwarded-For`.
    pub trusted_hops: i32,
    /// Whether NetworkPolicies are made.
    pub network_policy: bool,
    /// What Prometheus and Grafana are told.
    pub monitoring: Monitoring,
    /// When an upgrade of the operator may replace pods.
    pub update_policy: UpdatePolicy,
    /// Whether the operator keeps its hands off.
    pub paused: bool,
    /// The hash of what in the spec shapes a signaling pod.
    pub shape: String,
    /// The hash of what in the spec shapes the managed Redis's pod.
    pub redis_shape: String,
}

/// Reads and resolves a ChatService, as JSON.
///
/// # Errors
/// The first thing in it that cannot be acted upon.
pub fn validate(object: &Value) -> Result<ValidatedChatService, Invalid> {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    let needed = |path: &str, field: &str| {
        let found = text(path).filter(|text| !text.is_empty()).map(str::to_owned);
        found.ok_or_else(|| Invalid::missing(field, "is missing: every ChatService has one"))
    };
    let spec = object
        .get("spec")
        .ok_or_else(|| Invalid::missing("spec", "is missing: add spec.capacity.users"))?;
    let identity = Identity {
        name: needed("/metadata/name", "metadata.name")?,
        namespace: needed("/metadata/namespace", "metadata.namespace")?,
        uid: text("/metadata/uid").map(str::to_owned),
        generation: object.pointer("/metadata/generation").and_then(Value::as_i64),
    };
    resolve(identity, &decode(spec, "spec")?)
}

/// The same for an object as a dynamic client holds it.
///
/// # Errors
/// As [`validate`].
pub fn validate_dynamic(object: &DynamicObject) -> Result<ValidatedChatService, Invalid> {
    let object = serde_json::to_value(object)
        .map_err(|error| Invalid::new(Reason::Undecodable, "metadata", error.to_string()))?;
    validate(&object)
}

struct Identity {
    name: String,
    namespace: String,
    uid: Option<String>,
    generation: Option<i64>,
}

fn resolve(identity: Identity, spec: &ChatServiceSpec) -> Result<ValidatedChatService, Invalid> {
    let sizing = sizing(spec)?;
    let exposure = exposure::resolve(&spec.expose)?;
    let pods = pods::resolve(&spec.signaling, &sizing, &exposure)?;
    Ok(ValidatedChatService {
        replicas: spec.replicas,
        autoscaler: scaling::resolve(&spec.autoscaling, &sizing, &pods.resources)?,
        sizing,
        image: spec.image.clone(),
        pods,
        redis: redis::resolve(&spec.redis, &identity.namespace, &identity.name)?,
        kafka: kafka::resolve(&spec.kafka)?,
        turn: access::turn(&spec.turn)?,
        jwt: spec.auth.jwt.as_ref().map(access::jwt).transpose()?,
        trusted_hops: spec
            .rate_limit
            .trust_proxy_hops
            .unwrap_or_else(|| exposure.proxies()),
        rate_limit: spec.rate_limit.clone(),
        exposure,
        network_policy: spec.network_policy.enabled,
        monitoring: spec.monitoring.clone(),
        update_policy: spec.update_policy,
        paused: spec.paused,
        shape: shape::of_signaling(spec),
        redis_shape: shape::of_redis(spec),
        name: identity.name,
        namespace: identity.namespace,
        uid: identity.uid,
        generation: identity.generation,
    })
}

fn sizing(spec: &ChatServiceSpec) -> Result<Sizing, Invalid> {
    let users = Some(spec.capacity.users).filter(|users| (1..=MAX_USERS).contains(users));
    let users = users.and_then(|users| u32::try_from(users).ok()).ok_or_else(|| {
        Invalid::value(
            "spec.capacity.users",
            format!("must be a number of people from 1 to {MAX_USERS}"),
        )
    })?;
    unsigned(spec.replicas, 0, "spec.replicas")?;
    let overrides = Overrides {
        connections_per_pod: unsigned(
            spec.signaling.max_connections_per_pod,
            1,
            "spec.signaling.maxConnectionsPerPod",
        )?,
        pool_size_per_pod: unsigned(spec.redis.pool_size_per_pod, 1, "spec.redis.poolSizePerPod")?,
        resources: spec.signaling.resources.is_some(),
    };
    Ok(size(users, overrides))
}

fn unsigned(given: Option<i32>, least: u32, field: &str) -> Result<Option<u32>, Invalid> {
    given
        .map(|number| match u32::try_from(number) {
            Ok(number) if number >= least => Ok(number),
            _ => Err(Invalid::value(field, format!("must be {least} or more"))),
        })
        .transpose()
}

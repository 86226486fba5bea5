//! The API of the operator: the custom resource `ChatService` of group `chat.webrtc.io`.
//!
//! The way of things: the types of this crate, with their doc comments, defaults and rules, make the
//! CustomResourceDefinition ([`crd()`]); its YAML and the reference ([`yaml()`], [`reference()`]) are checked in beside the
//! sources and written anew by `make generate`. The API server fills in the defaults and runs the rules ([`admission`] does
//! so without one); the operator reads the same types.
//!
//! A field without a default is an `Option`, and its comment says what holds without it. Names and units are those of
//! Kubernetes; numbers are signed, since the API server knows no others.

pub mod admission;
mod auth;
mod autoscaling;
mod chat_service;
mod definition;
mod env;
mod expose;
mod image;
mod kafka;
mod limits;
mod monitoring;
mod object_refs;
mod redis;
mod reference;
mod resources;
mod rollout;
mod rules;
mod signaling;
mod status;
mod turn;
mod yaml;

pub use auth::{Auth, Jwt};
pub use autoscaling::{Autoscaling, AutoscalingMode, ConnectionsFrom, ScaleDown, ScaleUp};
pub use chat_service::{Capacity, ChatService, ChatServiceSpec, UpdatePolicy};
pub use definition::crd;
pub use env::{EnvVar, is_written_by_operator};
pub use expose::{
    Expose, ExposeTls, ExposeType, Gateway, Hostname, Ingress, LoadBalancer, ParentRef, SourceRange,
};
pub use image::{Image, PullPolicy};
pub use kafka::{
    BootstrapServer, ExternalKafka, Kafka, KafkaMode, KafkaProtocol, KafkaSecurity, SaslMechanism, Strimzi,
};
pub use limits::{NetworkPolicy, RateLimit};
pub use monitoring::{Monitoring, ServiceMonitor};
pub use object_refs::{ConfigMapKeyRef, CredentialsRef, SecretKeyRef, SecretRef};
pub use redis::{
    ExternalRedis, ManagedRedis, Redis, RedisEndpoint, RedisMode, RedisTls, RedisTopology, Storage, Ttls,
};
pub use reference::reference;
pub use resources::Resources;
pub use rollout::{DisruptionBudget, Drain, Gate, Rollout};
pub use signaling::{LogLevel, Signaling, TopologySpread};
pub use status::{ChatServiceStatus, Sizing, SizingRow};
pub use turn::{StunUrl, Turn, TurnUrl};
pub use yaml::{YamlError, yaml};

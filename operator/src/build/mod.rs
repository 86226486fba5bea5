//! From a validated ChatService, and what is known of the cluster, to its children: whole objects, ready for a server-side
//! apply. No client, no clock; randomness is an argument.

mod autoscaler;
mod deployment;
mod disruption_budget;
mod environment;
mod kafka;
mod kind;
mod monitoring;
mod network_policy;
mod pod;
mod redis;
mod routes;
mod secrets;
mod security;
mod services;
mod template;

use kube::core::DynamicObject;
use serde_json::{Value, json};

pub use self::autoscaler::{CONNECTIONS_METRIC, ConnectionsSource, SERVICE_LABEL, connections_path};
pub use self::kind::Kind;
use self::template::Chosen;
use crate::contents::{Content, Source};
use crate::credentials;
use crate::facts::Facts;
use crate::names::{self, Component};
use crate::validate::{RedisServer, ValidatedChatService};

/// The port that people use.
pub const CLIENT_PORT: u16 = 3000;
/// The port of metrics and of the health of everything.
pub const METRICS_PORT: u16 = 9090;
const CLIENT_PORT_NAME: &str = "client";
const METRICS_PORT_NAME: &str = "metrics";
const REDIS_PORT: u16 = 6379;
const KAFKA_PORT: u16 = 9092;

/// Randomness for the secrets that do not exist yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entropy(pub [u8; 64]);

/// A child, as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its kind.
    pub kind: Kind,
    /// The whole object.
    pub object: DynamicObject,
}

impl Child {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }
}

/// Everything that a ChatService should have, and what is to be said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// The children, in the order in which they are applied.
    pub children: Vec<Child>,
    /// What an upgrade of the operator would change in pods, and does not by itself.
    pub updates: Vec<Update>,
    /// Whether applying replaces signaling pods by newer ones.
    pub replaces_pods: bool,
    /// Kinds that the spec asks for and the cluster does not know. There is no such child.
    pub unknown_kinds: Vec<Kind>,
    /// What the spec names and is not there. Pods that need it do not start.
    pub missing: Vec<Missing>,
    /// Where an autoscaler gets the number of connections, where they are a signal.
    pub connections_from: Option<ConnectionsSource>,
    /// Whether the volume of the managed Redis stays as it was made, though the spec says something else: nobody can change
    /// it in place.
    pub keeps_old_volume: bool,
}

/// A part whose pods this operator would build in another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The part.
    pub component: Component,
    /// The image that it runs.
    pub from: String,
    /// The image that it would run.
    pub to: String,
}

/// A Secret or ConfigMap that the spec names and that is not there, or lacks a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The object.
    pub source: Source,
    /// The key that it lacks; `None`: there is no such object.
    pub key: Option<String>,
}

/// A child could not be written as JSON, which would be a fault of a serializer.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name} cannot be written: {reason}")]
pub struct BuildError {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What the serializer says.
    pub reason: serde_json::Error,
}

/// Builds every child.
///
/// The same arguments give the same children in the same order. `entropy` is only used for secrets that `facts` does not
/// have.
///
/// # Errors
/// [`BuildError`].
pub fn build(chat: &ValidatedChatService, facts: &Facts, entropy: &Entropy) -> Result<Built, BuildError> {
    let mut building = Building::new(chat, facts);
    let generated = secrets::add(&mut building, entropy)?;
    deployment::add(&mut building, &generated)?;
    services::add(&mut building)?;
    disruption_budget::add(&mut building)?;
    network_policy::add(&mut building)?;
    autoscaler::add(&mut building)?;
    routes::add(&mut building)?;
    monitoring::add(&mut building)?;
    if let RedisServer::Managed(redis) = &chat.redis.server {
        redis::add(&mut building, redis, &generated)?;
    }
    kafka::add(&mut building)?;
    let mut built = building.built;
    built
        .children
        .sort_by(|one, other| (one.kind, one.name()).cmp(&(other.kind, other.name())));
    built.unknown_kinds.sort();
    Ok(built)
}

/// Children so far.
struct Building<'a> {
    chat: &'a ValidatedChatService,
    facts: &'a Facts,
    built: Built,
}

impl<'a> Building<'a> {
    fn new(chat: &'a ValidatedChatService, facts: &'a Facts) -> Self {
        Self {
            chat,
            facts,
            built: Built {
                children: Vec::new(),
                updates: Vec::new(),
                replaces_pods: false,
                unknown_kinds: Vec::new(),
                missing: missing(chat, facts),
                connections_from: None,
                keeps_old_volume: false,
            },
        }
    }

    /// Adds a child whose fields beside its metadata are `rest`.
    fn add(
        &mut self,
        kind: Kind,
        name: &str,
        component: Component,
        rest: Value,
    ) -> Result<&mut Child, BuildError> {
        let strimzi = self.facts.apis.strimzi.as_ref();
        let resource = kind.resource(strimzi.map(|strimzi| strimzi.version.as_str()));
        let mut object = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": metadata(self.chat, name, component),
        });
        if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
            object.extend(rest);
        }
        let object = serde_json::from_value(object).map_err(|reason| BuildError {
            kind,
            name: name.to_owned(),
            reason,
        })?;
        self.built.children.push(Child { kind, object });
        let last = self.built.children.len() - 1;
        Ok(&mut self.built.children[last])
    }

    /// Notes what `chosen` keeps as it was.
    fn note_update(&mut self, component: Component, chosen: &Chosen, to: &str) {
        if chosen.is_stale {
            self.built.updates.push(Update {
                component,
                from: template::image(&chosen.template).unwrap_or_default().to_owned(),
                to: to.to_owned(),
            });
        }
    }
}

fn metadata(chat: &ValidatedChatService, name: &str, component: Component) -> Value {
    let mut metadata = json!({
        "name": name,
        "namespace": chat.namespace,
        "labels": names::labels(&chat.name, component),
    });
    if let Some(uid) = &chat.uid {
        metadata["ownerReferences"] = json!([{
            "apiVersion": names::API_VERSION,
            "kind": names::KIND,
            "name": chat.name,
            "uid": uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }]);
    }
    metadata
}

fn missing(chat: &ValidatedChatService, facts: &Facts) -> Vec<Missing> {
    let sources = credentials::sources(chat).0.into_iter();
    let missing = sources.filter_map(|(source, keys)| match facts.contents.get(&source) {
        Some(Content::Hash(_)) => None,
        Some(Content::MissingKey(key)) => Some(Missing {
            source,
            key: Some(key.clone()),
        }),
        None if keys.required.is_empty() => None,
        None => Some(Missing { source, key: None }),
    });
    missing.collect()
}

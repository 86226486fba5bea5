//! `status`: what the operator last saw.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What the operator last saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ChatServiceStatus {
    /// The `metadata.generation` that the rest of the status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How many signaling pods there are, without those that are ending.
    pub replicas: i32,
    /// How many of them take new people.
    pub ready_replicas: i32,
    /// How many of them are of the newest version.
    pub updated_replicas: i32,
    /// How many further pods hand their people over before they end.
    pub draining_replicas: i32,
    /// The labels of the signaling pods, in the form that the scale subresource wants.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub selector: String,
    /// How many connections all pods have. Written at most every 30 s, and on a change of more than 5 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<i64>,
    /// What follows from `capacity.users`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sizing: Option<Sizing>,
    /// Where people connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The state of the service: `Ready`, `Progressing`, `RedisReady`, `KafkaReady`, `Exposed`, `AutoscalingActive`,
    /// `UpdateAvailable` and `Paused`. Each message says what a person should do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// What follows from `capacity.users`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Sizing {
    /// The row of the scaling table that was taken, or what it grew to. Its figures are the whole service's.
    pub row: SizingRow,
    /// How many pods the row stands for.
    pub replicas: i32,
    /// How many connections a pod takes.
    pub connections_per_pod: i32,
    /// Over how many connections a pod asks Redis.
    pub pool_size_per_pod: i32,
    /// How much memory a pod requests.
    pub memory_per_pod: String,
    /// How much CPU a pod requests.
    pub cpu_per_pod: String,
    /// The fields of the spec that replace a figure of the row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<String>,
    /// How many people the present `spec.replicas` are good for.
    pub users: i32,
}

/// A row of the scaling table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SizingRow {
    /// How many people it is good for.
    pub users: i32,
    /// How many pods (the table's workers) it has.
    pub workers: i32,
    /// Over how many connections each pod asks Redis.
    pub redis_pool: i32,
    /// The memory of all pods together.
    pub memory: String,
    /// The CPU of all pods together.
    pub cpu: String,
}

/// The schema of conditions, in fewer words than Kubernetes' own.
fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One aspect of the service's state.",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": { "type": "string", "description": "Which aspect, such as Ready." },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds." },
                "reason": { "type": "string", "description": "Why, in one word that never changes its meaning." },
                "message": { "type": "string", "description": "Why, in words, and what a person should do." },
                "lastTransitionTime": {
                    "type": "string", "format": "date-time", "description": "When the status last changed."
                },
                "observedGeneration": {
                    "type": "integer", "format": "int64", "description": "The metadata.generation that it speaks of."
                },
            },
        },
    })
}

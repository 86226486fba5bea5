//! `spec.signaling`: the pods that people connect to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::env::EnvVar;
use crate::resources::Resources;
use crate::rollout::{DisruptionBudget, Drain, Rollout};
use crate::rules::{free_form, free_form_list, labels, pod_annotations, pod_labels, rules};

/// The pods that people connect to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Signaling {
    /// How many connections a pod takes before it turns people away to others. Default: 1.2 times `capacity.users` divided by
    /// the pods less one, and 300 at least, so that the loss of one pod turns nobody away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections_per_pod: Option<i32>,
    /// The pod's memory and CPU. Default: the share of one pod in the row of `capacity.users`, as requests, with a limit on
    /// memory only. What is given here replaces all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Settings of the pod that have no field here, such as `MATCH_TIMEOUT_MS`: `name` with `value` or `valueFrom`, as in a
    /// container. Variables that the operator writes itself are refused with the field to use instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub env: Vec<EnvVar>,
    /// What pods log: `error`, `warn`, `info`, `debug` or `trace`; each includes those before it.
    pub log_level: LogLevel,
    /// Further labels of the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "pod_labels")]
    pub pod_labels: BTreeMap<String, String>,
    /// Further annotations of the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "pod_annotations")]
    pub pod_annotations: BTreeMap<String, String>,
    /// Labels that a node must have to run the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that the pods put up with, as in a pod of Kubernetes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "free_form_list")]
    pub tolerations: Vec<Value>,
    /// Which nodes and neighbours the pods want or avoid, as in a pod of Kubernetes. `topologySpread` spreads them already.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub affinity: Option<Value>,
    /// The PriorityClass of the pods. Default: the cluster's own default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// How the pods are spread over zones and nodes: `Soft` where there is room, `Hard` or not at all (a pod then stays
    /// Pending rather than join another), `None` as the scheduler likes.
    pub topology_spread: TopologySpread,
    /// The origins whose pages may connect, separated by commas, or `*` for any. Default: `https://` and each of
    /// `expose.hostnames`; without hostnames, `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), extend("x-kubernetes-validations" = rules(&[(
        r"self == '*' || self.matches('^https?://[^/,?# ]+(, ?https?://[^/,?# ]+)*$')",
        "signaling.clientUrl is one or several origins such as https://chat.example.com, without a path and separated by commas, or *",
    )])))]
    pub client_url: Option<String>,
    /// Whether pods serve the demo page at `/`, and whether it is exposed beside `/socket.io/`.
    pub demo_page: bool,
    /// How a pod lets its people go when it ends.
    pub drain: Drain,
    /// How a new version replaces the old one.
    pub rollout: Rollout,
    /// How many pods an eviction (the drain of a node) may take at once.
    pub disruption_budget: DisruptionBudget,
}

/// What is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what may fail.
    Warn,
    /// And what happens to the pod.
    #[default]
    Info,
    /// And what happens to its people.
    Debug,
    /// And everything else.
    Trace,
}

/// How pods are spread over zones and nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TopologySpread {
    /// As the scheduler likes.
    None,
    /// Evenly where there is room (`ScheduleAnyway`).
    #[default]
    Soft,
    /// Evenly or not at all (`DoNotSchedule`).
    Hard,
}

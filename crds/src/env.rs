//! `spec.signaling.env`: settings of the pod that have no field of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::rules::rules;

/// An environment variable, as in a container of Kubernetes: `name` with `value` or `valueFrom`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = name_rules()))]
pub struct EnvVar {
    /// Its name, such as `MATCH_TIMEOUT_MS`.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// `value` or `valueFrom`, as they were written.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The fields of the spec that become variables, and the names of these. A name that ends in `*` stands for all that begin
/// like it.
const WRITTEN: &[(&str, &[&str])] = &[
    ("redis", &["REDIS_*"]),
    ("kafka", &["KAFKA_*"]),
    ("turn", &["TURN_*", "STUN_*"]),
    ("auth", &["AUTH_*"]),
    ("rateLimit", &["RATE_LIMIT_*", "TRUST_PROXY"]),
    ("expose.tls", &["TLS_*"]),
    ("replicas", &["CLUSTER_WORKERS"]),
    ("signaling.maxConnectionsPerPod", &["MAX_CONNECTIONS_PER_WORKER"]),
    ("signaling.drain", &["DRAIN_*"]),
    ("signaling.clientUrl", &["CLIENT_URL"]),
    ("signaling.demoPage", &["DEMO_PAGE"]),
    ("signaling.logLevel", &["LOG_LEVEL"]),
];

/// The variables that follow from how the operator builds a pod: no field changes them.
const FIXED: &[&str] = &[
    "NODE_ENV",
    "PORT",
    "METRICS_PORT",
    "POD_ID",
    "POD_ADDRESS",
    "POD_SECRET",
    "POD_SECRET_FILE",
];

/// Whether the operator writes this variable itself, so that `spec.signaling.env` may not name it.
#[must_use]
pub fn is_written_by_operator(name: &str) -> bool {
    let mut names = WRITTEN.iter().flat_map(|(_, names)| *names).chain(FIXED);
    names.any(|written| match written.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *written,
    })
}

fn name_rules() -> Value {
    let names = WRITTEN
        .iter()
        .flat_map(|(_, names)| *names)
        .map(|name| match name.strip_suffix('*') {
            Some(prefix) => prefix.to_owned(),
            None => format!("{name}$"),
        });
    let names = names.collect::<Vec<_>>().join("|");
    let fields = WRITTEN
        .iter()
        .map(|(field, names)| format!("{field} ({})", names.join(", ")));
    let fields = fields.collect::<Vec<_>>().join(", ");
    rules(&[
        (
            "self.name.matches('^[A-Za-z_][A-Za-z0-9_]*$')".to_owned(),
            "a name in signaling.env has letters, digits and _, such as MATCH_TIMEOUT_MS".to_owned(),
        ),
        (
            format!("!self.name.matches('^({names})')"),
            format!(
                "the operator writes this variable: take it out of signaling.env, and set its field, {fields}"
            ),
        ),
        (
            format!("!self.name.matches('^({})$')", FIXED.join("|")),
            "the operator alone writes this variable: take it out of signaling.env".to_owned(),
        ),
    ])
}

//! What a container asks for and may use: memory and CPU.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{is_number, quantities, rules};

/// What a container asks for and may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    concat!(
        "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || ",
        is_number!("self.requests[name]"), " || ", is_number!("self.limits[name]"), " || ",
        "quantity(self.requests[name]).compareTo(quantity(self.limits[name])) <= 0)"
    ),
    "resources.requests may not be above resources.limits: lower the request or raise the limit",
)])))]
pub struct Resources {
    /// What is set aside for the container, by resource: `cpu: 500m`, `memory: 512Mi`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "quantities")]
    pub requests: BTreeMap<String, Quantity>,
    /// What the container may use at most, by resource. A limit on `cpu` makes people wait when it is reached: leave
    /// it out unless a quota demands one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "quantities")]
    pub limits: BTreeMap<String, Quantity>,
}

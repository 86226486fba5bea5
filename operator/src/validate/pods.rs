//! `spec.signaling`, resolved.

use std::collections::BTreeMap;

use crds::{Drain, LogLevel, Rollout, Signaling, TopologySpread};
use k8s_openapi::api::core::v1::{Affinity, EnvVar, ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::exposure::Exposure;
use super::free_form::{affinity, env, resources, tolerations};
use super::invalid::Invalid;
use crate::quantity::{format_cpu, format_memory};
use crate::sizing::Sizing;

/// The pods that people connect to.
#[derive(Clone, Debug, PartialEq)]
pub struct Pods {
    /// Memory and CPU.
    pub resources: ResourceRequirements,
    /// Settings of the pod that have no field of their own.
    pub env: Vec<EnvVar>,
    /// What pods log.
    pub log_level: LogLevel,
    /// Further labels.
    pub labels: BTreeMap<String, String>,
    /// Further annotations.
    pub annotations: BTreeMap<String, String>,
    /// Labels that a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that they put up with.
    pub tolerations: Vec<Toleration>,
    /// Which nodes and neighbours they want or avoid.
    pub affinity: Option<Affinity>,
    /// Their PriorityClass.
    pub priority_class: Option<String>,
    /// How they are spread over zones and nodes.
    pub topology_spread: TopologySpread,
    /// The origins whose pages may connect.
    pub client_url: String,
    /// Whether they serve the demo page.
    pub demo_page: bool,
    /// How they let their people go.
    pub drain: Drain,
    /// How a new version replaces the old one.
    pub rollout: Rollout,
    /// How many may be evicted at once.
    pub max_evicted: IntOrString,
}

pub(super) fn resolve(spec: &Signaling, sizing: &Sizing, exposure: &Exposure) -> Result<Pods, Invalid> {
    Ok(Pods {
        resources: match &spec.resources {
            Some(given) => resources(given, "spec.signaling.resources")?,
            None => share(sizing),
        },
        env: env(&spec.env)?,
        log_level: spec.log_level,
        labels: spec.pod_labels.clone(),
        annotations: spec.pod_annotations.clone(),
        node_selector: spec.node_selector.clone(),
        tolerations: tolerations(&spec.tolerations)?,
        affinity: affinity(spec.affinity.as_ref())?,
        priority_class: spec.priority_class_name.clone(),
        topology_spread: spec.topology_spread,
        client_url: spec.client_url.clone().unwrap_or_else(|| origins(exposure)),
        demo_page: spec.demo_page,
        drain: spec.drain.clone(),
        rollout: spec.rollout.clone(),
        max_evicted: spec.disruption_budget.max_unavailable.clone(),
    })
}

/// A pod's share of the row, with a limit on memory only: one on CPU makes people wait when it is reached.
fn share(sizing: &Sizing) -> ResourceRequirements {
    let memory = Quantity(format_memory(sizing.memory_mib_per_pod));
    let cpu = Quantity(format_cpu(sizing.cpu_millis_per_pod));
    ResourceRequirements {
        requests: Some([("cpu".to_owned(), cpu), ("memory".to_owned(), memory.clone())].into()),
        limits: Some([("memory".to_owned(), memory)].into()),
        ..ResourceRequirements::default()
    }
}

fn origins(exposure: &Exposure) -> String {
    if exposure.hostnames.is_empty() {
        return "*".to_owned();
    }
    let origins = exposure.hostnames.iter().map(|host| format!("https://{host}"));
    origins.collect::<Vec<_>>().join(",")
}

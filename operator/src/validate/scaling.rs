//! `spec.autoscaling`, resolved.

use crds::{AutoscalingMode, ConnectionsFrom, ScaleDown, ScaleUp};
use k8s_openapi::api::core::v1::ResourceRequirements;

use super::invalid::Invalid;
use crate::sizing::{Sizing, signed};

/// Who changes `spec.replicas` beside people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Autoscaler {
    /// Nobody.
    None,
    /// A HorizontalPodAutoscaler of the operator's.
    Hpa(Scaling),
    /// A ScaledObject of the operator's.
    Keda(Scaling),
}

/// What an autoscaler goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// The fewest pods.
    pub min_replicas: i32,
    /// The most pods.
    pub max_replicas: i32,
    /// The average number of connections of a pod to aim for, where connections are a signal.
    pub connections: Option<i32>,
    /// Where a HorizontalPodAutoscaler gets them.
    pub connections_from: ConnectionsFrom,
    /// The average CPU use to aim for, in percent of the request.
    pub cpu_percent: Option<i32>,
    /// The average memory use to aim for, in percent of the request.
    pub memory_percent: Option<i32>,
    /// How quickly pods go.
    pub scale_down: ScaleDown,
    /// How quickly pods come.
    pub scale_up: ScaleUp,
}

impl Autoscaler {
    /// What it goes by, where there is one.
    #[must_use]
    pub fn scaling(&self) -> Option<&Scaling> {
        match self {
            Self::None => None,
            Self::Hpa(scaling) | Self::Keda(scaling) => Some(scaling),
        }
    }
}

pub(super) fn resolve(
    spec: &crds::Autoscaling,
    sizing: &Sizing,
    resources: &ResourceRequirements,
) -> Result<Autoscaler, Invalid> {
    if spec.mode == AutoscalingMode::None {
        return Ok(Autoscaler::None);
    }
    let max_replicas = spec.max_replicas.ok_or_else(|| {
        Invalid::missing(
            "spec.autoscaling.maxReplicas",
            "is required when autoscaling.mode is HPA or KEDA: add how many pods there may be at most",
        )
    })?;
    let min_replicas = spec.min_replicas.unwrap_or(max_replicas.min(2));
    if min_replicas > max_replicas {
        return Err(Invalid::value(
            "spec.autoscaling.minReplicas",
            "is above autoscaling.maxReplicas: lower the one or raise the other",
        ));
    }
    let (cpu, memory) = (
        spec.target_cpu_utilization_percentage,
        spec.target_memory_utilization_percentage,
    );
    for (target, name, field) in [
        (cpu, "cpu", "targetCPUUtilizationPercentage"),
        (memory, "memory", "targetMemoryUtilizationPercentage"),
    ] {
        if target.is_some() && !requests(resources, name) {
            return Err(Invalid::value(
                format!("spec.autoscaling.{field}"),
                format!(
                    "is in percent of a request that signaling.resources does not have: add requests.{name}"
                ),
            ));
        }
    }
    let default = (cpu.is_none() && memory.is_none()).then(|| {
        // A pod that turns people away before it has as many as this would never be a reason for another one.
        signed(sizing.users_per_pod().min(sizing.connections_per_pod))
    });
    let scaling = Scaling {
        min_replicas,
        max_replicas,
        connections: spec.target_connections_per_pod.or(default),
        connections_from: spec.connections_from,
        cpu_percent: cpu,
        memory_percent: memory,
        scale_down: spec.scale_down.clone(),
        scale_up: spec.scale_up.clone(),
    };
    Ok(match spec.mode {
        AutoscalingMode::Keda => Autoscaler::Keda(scaling),
        _ => Autoscaler::Hpa(scaling),
    })
}

/// A limit without a request is one too.
fn requests(resources: &ResourceRequirements, name: &str) -> bool {
    [&resources.requests, &resources.limits]
        .into_iter()
        .flatten()
        .any(|quantities| quantities.contains_key(name))
}

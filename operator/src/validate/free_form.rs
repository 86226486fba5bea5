//! The parts of the spec that the CRD leaves to Kubernetes' own types: tolerations, affinity, environment.

use crds::Resources;
use k8s_openapi::api::core::v1::{Affinity, EnvVar, ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

use super::decode::decode_free_form;
use super::invalid::Invalid;
use crate::quantity;

pub(super) fn tolerations(given: &[Value]) -> Result<Vec<Toleration>, Invalid> {
    let tolerations = given.iter().enumerate().map(|(index, toleration)| {
        let path = format!("spec.signaling.tolerations[{index}]");
        let toleration: Toleration = decode_free_form(toleration, &path)?;
        one_of(
            &toleration.operator,
            &["Exists", "Equal"],
            &format!("{path}.operator"),
        )?;
        one_of(
            &toleration.effect,
            &["NoSchedule", "PreferNoSchedule", "NoExecute"],
            &format!("{path}.effect"),
        )?;
        Ok(toleration)
    });
    tolerations.collect()
}

fn one_of(value: &Option<String>, words: &[&str], path: &str) -> Result<(), Invalid> {
    match value {
        Some(value) if !value.is_empty() && !words.contains(&value.as_str()) => Err(Invalid::value(
            path,
            format!(
                "{value} is none of {}: write one of them, or take it out",
                words.join(", ")
            ),
        )),
        _ => Ok(()),
    }
}

pub(super) fn affinity(given: Option<&Value>) -> Result<Option<Affinity>, Invalid> {
    given
        .map(|affinity| decode_free_form(affinity, "spec.signaling.affinity"))
        .transpose()
}

pub(super) fn env(given: &[crds::EnvVar]) -> Result<Vec<EnvVar>, Invalid> {
    let variables = given.iter().enumerate().map(|(index, variable)| {
        let path = format!("spec.signaling.env[{index}]");
        let value = serde_json::to_value(variable).unwrap_or_default();
        let variable: EnvVar = decode_free_form(&value, &path)?;
        if crds::is_written_by_operator(&variable.name) {
            return Err(Invalid::value(
                format!("{path}.name"),
                format!("the operator writes {} itself: take it out", variable.name),
            ));
        }
        let Some(from) = &variable.value_from else {
            return Ok(variable);
        };
        let sources = [
            from.config_map_key_ref.is_some(),
            from.secret_key_ref.is_some(),
            from.field_ref.is_some(),
            from.resource_field_ref.is_some(),
        ];
        let sources = sources.into_iter().filter(|&given| given).count();
        if variable.value.is_some() || sources != 1 {
            return Err(Invalid::value(
                path,
                "takes either value, or valueFrom with exactly one source: keep one of them",
            ));
        }
        Ok(variable)
    });
    variables.collect()
}

/// Resources in the type of Kubernetes; every quantity says something.
pub(super) fn resources(given: &Resources, path: &str) -> Result<ResourceRequirements, Invalid> {
    for (part, quantities) in [("requests", &given.requests), ("limits", &given.limits)] {
        for (name, amount) in quantities {
            check_quantity(amount, &format!("{path}.{part}.{name}"))?;
        }
    }
    let given_or_none = |quantities: &std::collections::BTreeMap<String, Quantity>| {
        (!quantities.is_empty()).then(|| quantities.clone())
    };
    Ok(ResourceRequirements {
        requests: given_or_none(&given.requests),
        limits: given_or_none(&given.limits),
        ..ResourceRequirements::default()
    })
}

pub(super) fn check_quantity(amount: &Quantity, path: &str) -> Result<(), Invalid> {
    match quantity::parse(amount) {
        Some(amount) if amount >= 0 => Ok(()),
        _ => Err(Invalid::value(
            path,
            format!("{} must be a quantity such as 500m, 2, 512Mi or 1.5Gi", amount.0),
        )),
    }
}

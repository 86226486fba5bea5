//! The PodDisruptionBudget of the signaling pods.

use serde_json::json;

use super::{BuildError, Building, Kind};
use crate::names::{self, Component};

pub(super) fn add(building: &mut Building<'_>) -> Result<(), BuildError> {
    let chat = building.chat;
    let budget = json!({ "spec": {
        "maxUnavailable": chat.pods.max_evicted,
        "selector": { "matchLabels": names::selector(&chat.name, Component::Signaling) },
        // A pod that is not ready has nobody to lose, and must not keep a node from being drained.
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }});
    let kind = Kind::PodDisruptionBudget;
    building.add(kind, &chat.name, Component::Signaling, budget)?;
    Ok(())
}

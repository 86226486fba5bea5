//! The Deployment of the signaling pods.

use serde_json::json;

use super::secrets::Generated;
use super::template::{Shape, choose};
use super::{BuildError, Building, Kind, pod};
use crate::names::{self, Component};
use crds::UpdatePolicy;

/// How many seconds a rollout may go without progress before it counts as stuck; a pod that must be ready for longer before
/// it counts has that on top.
const PROGRESS_SECONDS: i32 = 600;

pub(super) fn add(building: &mut Building<'_>, generated: &Generated) -> Result<(), BuildError> {
    let (chat, facts) = (building.chat, building.facts);
    let shape = Shape {
        spec: &chat.shape,
        content: generated.content.clone(),
        is_complete: building.built.missing.is_empty(),
        immediate: chat.update_policy == UpdatePolicy::Immediate,
    };
    let chosen = choose(facts.deployment.as_ref(), pod::template(chat, facts), &shape);
    building.note_update(Component::Signaling, &chosen, &pod::image(chat, &facts.operator));
    building.built.replaces_pods = chosen.replaces_pods;
    let rollout = &chat.pods.rollout;
    let mut spec = json!({
        "replicas": facts.replicas,
        "selector": { "matchLabels": names::selector(&chat.name, Component::Signaling) },
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": { "maxSurge": rollout.max_surge, "maxUnavailable": rollout.max_unavailable },
        },
        "minReadySeconds": rollout.min_ready_seconds,
        // Kubernetes wants it above minReadySeconds.
        "progressDeadlineSeconds": PROGRESS_SECONDS + rollout.min_ready_seconds,
        "template": chosen.template,
    });
    // Left out otherwise, so that `kubectl rollout pause` is not undone.
    if facts.rollout_stopped {
        spec["paused"] = true.into();
    }
    let child = building.add(
        Kind::Deployment,
        &chat.name,
        Component::Signaling,
        json!({ "spec": spec }),
    )?;
    child.object.metadata.annotations = Some(chosen.annotations);
    Ok(())
}

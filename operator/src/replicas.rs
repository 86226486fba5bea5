//! Who writes how many pods there are, and what.
//!
//! People, a HorizontalPodAutoscaler and KEDA write the ChatService's scale subresource, `spec.replicas`. The operator alone
//! writes the Deployment's. It writes `spec.replicas` itself, also through the scale subresource, in two cases only: when
//! the field is absent, and when the capacity moves to another row while the field still has the last row's number.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// How long the ReplicaSet controller has to hear of deletion costs before pods go by them.
const RANKING_TAKES: SignedDuration = SignedDuration::from_secs(1);
/// How long deletion costs are good for: people come and go.
const RANKING_LASTS: SignedDuration = SignedDuration::from_secs(10);

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// `spec.replicas`.
    pub spec: Option<i32>,
    /// The pods of the row of `spec.capacity.users`.
    pub row: i32,
    /// `status.sizing.replicas`: those of the row at the last reconciliation. The status is written after `spec.replicas`, so
    /// that a crash in between is made up for.
    pub last_row: Option<i32>,
    /// Whether `spec.autoscaling` has an autoscaler, which then sees to the capacity itself.
    pub autoscaled: bool,
    /// `spec.paused`.
    pub paused: bool,
    /// The Deployment, where there is one.
    pub deployment: Option<LiveDeployment>,
    /// The pods of the Deployment's current ReplicaSet, without those that are ending.
    pub pods: Vec<Pod>,
    /// When deletion costs were last written for the sake of a scale-in; forgotten with a change of leader, which costs a
    /// second.
    pub ranked_at: Option<Timestamp>,
}

/// What is known of the Deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveDeployment {
    /// `spec.replicas`.
    pub replicas: i32,
    /// Whether pods are being replaced ([`is_rolling_out`]), or will be by what is about to be applied
    /// ([`Built::replaces_pods`](crate::build::Built::replaces_pods), which does not depend on the number of pods: build once to
    /// learn it, and again with the number that was decided).
    pub is_rolling_out: bool,
    /// Whether an autoscaler that is not the operator's scales the Deployment itself. It is named in a condition, and never
    /// fought.
    pub has_foreign_autoscaler: bool,
}

/// A signaling pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// How many sessions it has; `None`: it does not say.
    pub sessions: Option<u64>,
    /// Its annotation `controller.kubernetes.io/pod-deletion-cost`.
    pub deletion_cost: Option<i32>,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What is to be written into `spec.replicas`, through the scale subresource, before the Deployment is applied.
    pub scale: Option<Scale>,
    /// How many pods the Deployment is to have now ([`Facts::replicas`](crate::facts::Facts::replicas)).
    pub replicas: i32,
    /// Deletion costs that are to be written onto pods now. The caller notes when it did ([`State::ranked_at`]), also when
    /// there was none to write.
    pub ranking: Option<Vec<DeletionCost>>,
    /// Why the Deployment has more pods than are wanted, for now.
    pub held: Option<Held>,
    /// After how long to decide again, if nothing else happens.
    pub again_after: Option<SignedDuration>,
}

/// A write of `spec.replicas`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The number of pods.
    pub replicas: i32,
    /// Why it is the operator that writes it.
    pub why: ScaleReason,
}

/// Why the operator writes `spec.replicas`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleReason {
    /// It was absent: the scale subresource would answer with an error.
    Absent,
    /// `spec.capacity.users` moved to another row.
    CapacityMoved,
}

/// A deletion cost for a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionCost {
    /// The pod's name.
    pub pod: String,
    /// The cost: its sessions.
    pub cost: i32,
}

/// Why a scale-in waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// A rollout has to end first: which pods are the emptiest is only known of one version.
    RollingOut,
    /// The deletion costs have just been written.
    Ranking,
}

/// Decides.
#[must_use]
pub fn decide(state: &State, now: Timestamp) -> Decision {
    let running = state.deployment.map(|deployment| deployment.replicas);
    let current = state.spec.or(running).unwrap_or(state.row);
    if state.paused {
        return Decision {
            replicas: running.unwrap_or(current),
            ..Decision::default()
        };
    }
    let moves = !state.autoscaled && state.last_row == Some(current) && state.row != current;
    let wanted = if moves { state.row } else { current };
    let why = match moves {
        true => ScaleReason::CapacityMoved,
        false => ScaleReason::Absent,
    };
    let scale = (state.spec != Some(wanted)).then_some(Scale {
        replicas: wanted,
        why,
    });
    let decision = Decision {
        scale,
        replicas: wanted,
        ..Decision::default()
    };
    match state.deployment {
        Some(live) if live.has_foreign_autoscaler => Decision {
            replicas: live.replicas,
            ..decision
        },
        Some(live) if wanted < live.replicas => scale_in(state, live, decision, now),
        _ => decision,
    }
}

/// First deletion costs, then fewer replicas. A pod of which nothing is known goes last.
fn scale_in(state: &State, live: LiveDeployment, lower: Decision, now: Timestamp) -> Decision {
    let hold = |held| Decision {
        replicas: live.replicas,
        held: Some(held),
        ..lower.clone()
    };
    if live.is_rolling_out {
        return hold(Held::RollingOut);
    }
    // Where all pods go, or there are not more than are wanted, none goes before another.
    let is_choice = lower.replicas > 0 && state.pods.len() > usize::try_from(lower.replicas).unwrap_or(0);
    if !is_choice {
        return lower;
    }
    match state.ranked_at.map(|at| now.duration_since(at)) {
        Some(age) if (RANKING_TAKES..=RANKING_LASTS).contains(&age) => lower,
        Some(age) if (SignedDuration::ZERO..RANKING_TAKES).contains(&age) => Decision {
            again_after: Some(RANKING_TAKES - age),
            ..hold(Held::Ranking)
        },
        _ => Decision {
            ranking: Some(ranking(&state.pods)),
            again_after: Some(RANKING_TAKES),
            ..hold(Held::Ranking)
        },
    }
}

/// The deletion costs that are not yet as they should be.
fn ranking(pods: &[Pod]) -> Vec<DeletionCost> {
    let costs = pods.iter().map(|pod| {
        let cost = pod
            .sessions
            .map_or(i32::MAX, |sessions| i32::try_from(sessions).unwrap_or(i32::MAX));
        (pod, cost)
    });
    costs
        .filter(|(pod, cost)| pod.deletion_cost != Some(*cost))
        .map(|(pod, cost)| DeletionCost {
            pod: pod.name.clone(),
            cost,
        })
        .collect()
}

/// Whether the Deployment still has pods of an older template, or has not yet been looked at by its controller since its
/// template changed. New pods that do not become ready are no rollout: they must not keep a scale-in from ever happening.
#[must_use]
pub fn is_rolling_out(deployment: &Deployment) -> bool {
    let Some(status) = &deployment.status else {
        return true;
    };
    let is_seen = status.observed_generation >= deployment.metadata.generation;
    let (all, updated) = (status.replicas.unwrap_or(0), status.updated_replicas.unwrap_or(0));
    !is_seen || all > updated
}

#[cfg(test)]
mod tests;

//! What `status` says, made of what was decided, built and seen.

mod conditions;
mod connections;
mod observed;

use crds::ChatServiceStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

pub use self::conditions::TYPES;
use self::conditions::{Scene, State, not_valid};
pub use self::connections::connections;
pub use self::observed::{Health, Observed, PodCounts, Rollout};
use crate::build::Built;
use crate::names::selector_text;
use crate::replicas::Decision;
use crate::validate::{ExposedBy, Invalid, ValidatedChatService};

/// The status of a ChatService that was acted upon. It equals `previous` where nothing is to be told: then nothing is
/// written.
///
/// It is written after `spec.replicas` ([`Decision::scale`]), whose following of the capacity goes by `status.sizing`.
#[must_use]
pub fn status(
    previous: &ChatServiceStatus,
    chat: &ValidatedChatService,
    built: &Built,
    decision: &Decision,
    seen: &Observed,
    now: Timestamp,
) -> ChatServiceStatus {
    let url = url(chat, seen);
    let scene = Scene {
        chat,
        built,
        decision,
        seen,
        url: url.as_deref(),
    };
    let states = TYPES.into_iter().zip(scene.states());
    let conditions = states
        .map(|(kind, state)| condition(previous, kind, state, chat.generation, now))
        .collect();
    let pods = seen.pods;
    ChatServiceStatus {
        observed_generation: chat.generation,
        replicas: pods.current,
        ready_replicas: pods.ready,
        updated_replicas: pods.updated,
        draining_replicas: pods.draining,
        selector: selector_text(&chat.name),
        connections: connections(
            previous.connections,
            seen.connections_written,
            seen.connections,
            now,
        ),
        // Nothing follows from the capacity while it is not acted upon; replicas would otherwise not follow it later.
        sizing: match (&previous.sizing, chat.paused) {
            (Some(sizing), true) => Some(sizing.clone()),
            _ => Some(sizing(chat, decision)),
        },
        url,
        conditions,
    }
}

/// The status of a ChatService that cannot be acted upon: everything stays as it was, and `Ready` says why.
#[must_use]
pub fn status_of_invalid(
    previous: &ChatServiceStatus,
    invalid: &Invalid,
    generation: Option<i64>,
    pods: Option<PodCounts>,
    now: Timestamp,
) -> ChatServiceStatus {
    let mut status = previous.clone();
    status.observed_generation = generation;
    if let Some(pods) = pods {
        status.replicas = pods.current;
        status.ready_replicas = pods.ready;
        status.updated_replicas = pods.updated;
        status.draining_replicas = pods.draining;
    }
    let ready = condition(previous, TYPES[0], not_valid(invalid), generation, now);
    status.conditions.retain(|condition| condition.type_ != TYPES[0]);
    status.conditions.insert(0, ready);
    status
}

/// The condition, with the time of its last change kept where it has not changed.
fn condition(
    previous: &ChatServiceStatus,
    kind: &str,
    state: State,
    generation: Option<i64>,
    now: Timestamp,
) -> Condition {
    let before = previous.conditions.iter().find(|before| before.type_ == kind);
    let since = before
        .filter(|before| before.status == state.status)
        .map(|before| before.last_transition_time.clone());
    Condition {
        type_: kind.to_owned(),
        status: state.status.to_owned(),
        reason: state.reason,
        message: state.message,
        // The API server keeps whole seconds.
        last_transition_time: since
            .unwrap_or_else(|| Time(Timestamp::from_second(now.as_second()).unwrap_or(now))),
        observed_generation: generation,
    }
}

/// `status.sizing`: with the number of pods that was just decided.
fn sizing(chat: &ValidatedChatService, decision: &Decision) -> crds::Sizing {
    let scaled = decision.scale.map(|scale| scale.replicas);
    let replicas = scaled.or(chat.replicas).unwrap_or(decision.replicas);
    let resources = &chat.pods.resources;
    let requested = |name: &str| {
        let quantities = [&resources.requests, &resources.limits].into_iter().flatten();
        let mut amounts = quantities.filter_map(|all| all.get(name));
        amounts
            .next()
            .map_or_else(|| "0".to_owned(), |amount| amount.0.clone())
    };
    let replicas = u32::try_from(replicas).unwrap_or(0);
    chat.sizing.shown(replicas, requested("memory"), requested("cpu"))
}

/// Where people connect; without anything outside the cluster, where its own pods do.
fn url(chat: &ValidatedChatService, seen: &Observed) -> Option<String> {
    let host = chat.exposure.hostnames.first();
    let at = |is_tls: bool, host: &str| {
        let scheme = if is_tls { "https" } else { "http" };
        format!("{scheme}://{host}")
    };
    match &chat.exposure.by {
        ExposedBy::Nothing => Some(at(false, &format!("{}.{}.svc", chat.name, chat.namespace))),
        ExposedBy::Ingress { tls, .. } => host.map(|host| at(tls.is_some(), host)),
        // The listener decides; the port is all that is said of it here.
        ExposedBy::Gateway(parents) => {
            host.map(|host| at(parents.iter().any(|parent| parent.port != Some(80)), host))
        }
        ExposedBy::LoadBalancer { tls, .. } => {
            let host = host.or(seen.address.as_ref());
            host.map(|host| at(tls.is_some(), host))
        }
    }
}

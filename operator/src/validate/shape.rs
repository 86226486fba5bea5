//! What in the spec shapes a pod, and its hash.

use crds::{ChatServiceSpec, ExposeType};
use serde_json::{Map, Value, json};

use crate::contents::{canonical, hash};

/// The hash of everything in the spec that shapes a signaling pod: not `replicas`, `autoscaling`, `paused` and
/// `updatePolicy`, and not what only other children are made of.
///
/// It speaks of the spec alone and leaves out what is at its default, so that an upgrade of the operator, which may know
/// more fields and size pods in another way, changes no hash.
#[must_use]
pub(super) fn of_signaling(spec: &ChatServiceSpec) -> String {
    let given = without_defaults(&picked(spec), &picked(&least(spec))).unwrap_or_default();
    let users = spec.capacity.users.to_string();
    hash([users.as_bytes(), canonical(&given).as_bytes()])
}

/// The same for the pod of the managed Redis.
#[must_use]
pub(super) fn of_redis(spec: &ChatServiceSpec) -> String {
    let managed = spec.redis.managed.clone().unwrap_or_default();
    let managed = serde_json::to_value(managed).unwrap_or_default();
    hash([canonical(&managed).as_bytes()])
}

/// A spec with nothing but the capacity.
fn least(spec: &ChatServiceSpec) -> ChatServiceSpec {
    ChatServiceSpec {
        capacity: spec.capacity.clone(),
        replicas: None,
        image: Default::default(),
        signaling: Default::default(),
        autoscaling: Default::default(),
        redis: Default::default(),
        kafka: Default::default(),
        expose: Default::default(),
        turn: Default::default(),
        auth: Default::default(),
        rate_limit: Default::default(),
        network_policy: Default::default(),
        monitoring: Default::default(),
        update_policy: Default::default(),
        paused: false,
    }
}

/// The parts of the spec that shape a pod.
fn picked(spec: &ChatServiceSpec) -> Value {
    let mut signaling = json!(spec.signaling);
    let mut redis = json!(spec.redis);
    remove(&mut signaling, &["rollout", "disruptionBudget"]);
    remove(&mut redis, &["managed"]);
    let expose = &spec.expose;
    json!({
        "image": spec.image,
        "signaling": signaling,
        "redis": redis,
        "kafka": spec.kafka,
        "expose": {
            "type": expose.kind,
            // They are the default of `signaling.clientUrl`, and nothing else to a pod.
            "hostnames": spec.signaling.client_url.is_none().then_some(&expose.hostnames),
            // Elsewhere it is not the pod that speaks TLS.
            "tls": (expose.kind == ExposeType::LoadBalancer).then_some(&expose.tls),
        },
        "turn": spec.turn,
        "auth": spec.auth,
        "rateLimit": spec.rate_limit,
    })
}

fn remove(object: &mut Value, fields: &[&str]) {
    if let Value::Object(all) = object {
        all.retain(|name, _| !fields.contains(&name.as_str()));
    }
}

/// What of `given` is not as in `default`; `None` where all is.
fn without_defaults(given: &Value, default: &Value) -> Option<Value> {
    match (given, default) {
        _ if given == default || given.is_null() => None,
        (Value::Object(given), Value::Object(default)) => {
            let left: Map<_, _> = given
                .iter()
                .filter_map(|(name, field)| {
                    let default = default.get(name).unwrap_or(&Value::Null);
                    Some((name.clone(), without_defaults(field, default)?))
                })
                .collect();
            (!left.is_empty()).then_some(Value::Object(left))
        }
        _ => Some(given.clone()),
    }
}

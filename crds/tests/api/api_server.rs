//! [`crds::admission`] in the words of the tests: a spec in, `path: sentence` out.

use crds::admission;
use serde_json::{Value, json};

/// The schema of a whole ChatService.
pub(crate) fn schema() -> Value {
    admission::schema().clone()
}

/// A ChatService whose spec is this YAML, with 1000 users where it says nothing of them.
pub(crate) fn chat_service(spec: &str) -> Value {
    let spec: Value = serde_saphyr::from_str(spec).unwrap();
    let mut object = json!({
        "apiVersion": "chat.webrtc.io/v1alpha1",
        "kind": "ChatService",
        "metadata": { "name": "acme" },
        "spec": { "capacity": { "users": 1000 } },
    });
    object["spec"]
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().cloned().unwrap_or_default());
    object
}

/// The object as it would be kept, or why it would be refused.
pub(crate) fn create(object: &Value) -> Result<Value, Vec<String>> {
    admission::admit(object).map_err(told)
}

/// What breaks the rules of `schema`, in an object that has its defaults.
pub(crate) fn broken_rules(schema: &Value, object: &Value) -> Vec<String> {
    told(admission::broken_rules(schema, object))
}

/// What is not as `schema` says, its rules aside.
pub(crate) fn faults(schema: &Value, object: &Value) -> Vec<String> {
    told(admission::faults(schema, object))
}

fn told(faults: Vec<admission::Fault>) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

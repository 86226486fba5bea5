//! What the API server does with a ChatService before it keeps it: nulls go, defaults come, the schema is checked, then
//! the rules. Only what a structural schema may say is known here.

use std::collections::BTreeSet;

use kube_cel::{Validator, apply_defaults, compile_schema};
use serde_json::{Map, Value, json};

/// The schema of a whole ChatService.
pub(crate) fn schema() -> Value {
    let crd = serde_json::to_value(crds::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
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

/// The object as it would be kept, or why it would be refused: `path: sentence` each.
pub(crate) fn create(object: &Value) -> Result<Value, Vec<String>> {
    let schema = schema();
    let mut object = object.clone();
    remove_nulls(&mut object);
    let object = with_defaults(&schema, &object);
    let mut errors = faults(&schema, &object);
    // The API server runs no rule on what is not of the right shape.
    if errors.is_empty() {
        errors = broken_rules(&schema, &object);
    }
    if errors.is_empty() {
        Ok(object)
    } else {
        Err(errors)
    }
}

/// What breaks the rules of `schema`, in an object that has its defaults.
pub(crate) fn broken_rules(schema: &Value, object: &Value) -> Vec<String> {
    let compiled = compile_schema(schema);
    match Validator::new().validate_compiled(&compiled, object, None) {
        Ok(()) => Vec::new(),
        Err(errors) => errors
            .iter()
            .map(|error| format!("{}: {}", error.field_path, error.message))
            .collect(),
    }
}

/// What is not as `schema` says, its rules aside.
pub(crate) fn faults(schema: &Value, object: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(schema, object, "", &mut errors);
    errors
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

/// The defaults of an object that is a default itself come in the next round.
fn with_defaults(schema: &Value, object: &Value) -> Value {
    let defaulted = apply_defaults(schema, object);
    if defaulted == *object {
        defaulted
    } else {
        with_defaults(schema, &defaulted)
    }
}

fn check(schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    let right = match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(_))
        | (Some("array"), Value::Array(_))
        | (Some("string"), Value::String(_))
        | (Some("boolean"), Value::Bool(_)) => true,
        (Some("integer"), Value::Number(number)) => number.is_i64(),
        (None, Value::Number(number)) => schema["x-kubernetes-int-or-string"] == true && number.is_i64(),
        (None, Value::String(_)) => schema["x-kubernetes-int-or-string"] == true,
        _ => false,
    };
    if !right {
        errors.push(format!("{path}: must be of type {}", schema["type"]));
        return;
    }
    match value {
        Value::Object(fields) => check_object(schema, fields, path, errors),
        Value::Array(items) => check_list(schema, items, path, errors),
        _ => check_scalar(schema, value, path, errors),
    }
}

fn check_object(schema: &Value, fields: &Map<String, Value>, path: &str, errors: &mut Vec<String>) {
    for required in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(required.as_str().unwrap()) {
            errors.push(format!("{path}.{}: Required value", required.as_str().unwrap()));
        }
    }
    if above(&schema["maxProperties"], fields.len()) {
        errors.push(format!(
            "{path}: must have at most {} properties",
            schema["maxProperties"]
        ));
    }
    for (name, field) in fields {
        let path = format!("{path}.{name}");
        let known = &schema["properties"][name];
        // The API server knows what every object has.
        let is_meta = ["apiVersion", "kind", "metadata"].contains(&name.as_str()) && !path[1..].contains('.');
        if known.is_object() {
            check(known, field, &path, errors);
        } else if schema["additionalProperties"].is_object() {
            check(&schema["additionalProperties"], field, &path, errors);
        } else if !is_meta && schema["x-kubernetes-preserve-unknown-fields"] != true {
            errors.push(format!("{path}: unknown field"));
        }
    }
}

fn check_list(schema: &Value, items: &[Value], path: &str, errors: &mut Vec<String>) {
    if above(&schema["maxItems"], items.len()) {
        errors.push(format!("{path}: must have at most {} items", schema["maxItems"]));
    }
    if schema["minItems"]
        .as_u64()
        .is_some_and(|min| (items.len() as u64) < min)
    {
        errors.push(format!(
            "{path}: should have at least {} items",
            schema["minItems"]
        ));
    }
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        check(&schema["items"], item, &format!("{path}[{index}]"), errors);
        let key = match schema["x-kubernetes-list-type"].as_str() {
            Some("set") => item.to_string(),
            Some("map") => item[schema["x-kubernetes-list-map-keys"][0].as_str().unwrap()].to_string(),
            _ => index.to_string(),
        };
        if !seen.insert(key.clone()) {
            errors.push(format!("{path}[{index}]: Duplicate value: {key}"));
        }
    }
}

fn check_scalar(schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        errors.push(format!(
            "{path}: Unsupported value: {value}: supported values: {}",
            schema["enum"]
        ));
    }
    if let Some(number) = value.as_f64() {
        if schema["minimum"].as_f64().is_some_and(|min| number < min) {
            errors.push(format!(
                "{path}: should be greater than or equal to {}",
                schema["minimum"]
            ));
        }
        if schema["maximum"].as_f64().is_some_and(|max| number > max) {
            errors.push(format!(
                "{path}: should be less than or equal to {}",
                schema["maximum"]
            ));
        }
    }
    if let Some(text) = value.as_str() {
        let length = text.chars().count();
        if above(&schema["maxLength"], length) {
            errors.push(format!(
                "{path}: may not be more than {} bytes",
                schema["maxLength"]
            ));
        }
        if schema["minLength"]
            .as_u64()
            .is_some_and(|min| (length as u64) < min)
        {
            errors.push(format!(
                "{path}: should be at least {} chars long",
                schema["minLength"]
            ));
        }
    }
}

fn above(max: &Value, count: usize) -> bool {
    max.as_u64().is_some_and(|max| count as u64 > max)
}

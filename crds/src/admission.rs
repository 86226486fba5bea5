//! What the API server does with a ChatService before it keeps it, without an API server: nulls go, defaults come, the
//! schema is checked, then the rules.
//!
//! It is for people and tests, ahead of a cluster: the API server's own word stands. Only what a structural schema may say
//! is known here.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use kube_cel::{CompiledSchema, Validator, apply_defaults, compile_schema};
use serde_json::{Map, Value};

use crate::definition::crd;

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field, such as `spec.redis.external.endpoints[0]`.
    pub field: String,
    /// What is wrong with it; for a rule, what a person should do.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// The schema of a whole ChatService, as JSON.
#[must_use]
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let versions = crd().spec.versions.into_iter();
        let mut schemas = versions.filter_map(|version| version.schema?.open_api_v3_schema);
        serde_json::to_value(schemas.next()).unwrap_or_default()
    });
    &SCHEMA
}

/// The ChatService as the API server would keep it.
///
/// # Errors
/// Everything for which it would be refused. Rules are only run on what is of the right shape.
pub fn admit(object: &Value) -> Result<Value, Vec<Fault>> {
    static COMPILED: LazyLock<CompiledSchema> = LazyLock::new(|| compile_schema(schema()));
    let mut object = object.clone();
    remove_nulls(&mut object);
    let object = with_defaults(schema(), &object);
    let mut faults = faults(schema(), &object);
    if faults.is_empty() {
        faults = run(&COMPILED, &object);
    }
    if faults.is_empty() {
        Ok(object)
    } else {
        Err(faults)
    }
}

/// What breaks the rules of `schema`, in an object that has its defaults.
#[must_use]
pub fn broken_rules(schema: &Value, object: &Value) -> Vec<Fault> {
    run(&compile_schema(schema), object)
}

fn run(schema: &CompiledSchema, object: &Value) -> Vec<Fault> {
    let broken = Validator::new().validate_compiled(schema, object, None).err();
    let faults = broken.into_iter().flatten().map(|error| Fault {
        field: error.field_path,
        message: error.message,
    });
    faults.collect()
}

/// What is not as `schema` says, its rules aside.
#[must_use]
pub fn faults(schema: &Value, object: &Value) -> Vec<Fault> {
    let mut faults = Faults::default();
    faults.check(schema, object, "");
    faults.0
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

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(Fault {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    fn check(&mut self, schema: &Value, value: &Value, path: &str) {
        let right = match (schema["type"].as_str(), value) {
            (Some("object"), Value::Object(_))
            | (Some("array"), Value::Array(_))
            | (Some("string"), Value::String(_))
            | (Some("boolean"), Value::Bool(_)) => true,
            (Some("integer"), Value::Number(number)) => number.is_i64(),
            (None, Value::Number(number)) => is_int_or_string(schema) && number.is_i64(),
            (None, Value::String(_)) => is_int_or_string(schema),
            _ => false,
        };
        match (right, value) {
            (false, _) => self.add(path, format!("must be of type {}", kind(schema))),
            (true, Value::Object(fields)) => self.check_object(schema, fields, path),
            (true, Value::Array(items)) => self.check_list(schema, items, path),
            (true, _) => self.check_scalar(schema, value, path),
        }
    }

    fn check_object(&mut self, schema: &Value, fields: &Map<String, Value>, path: &str) {
        for required in words(&schema["required"]) {
            if !fields.contains_key(required) {
                self.add(&join(path, required), "Required value");
            }
        }
        if above(&schema["maxProperties"], fields.len()) {
            self.add(
                path,
                format!("must have at most {} properties", schema["maxProperties"]),
            );
        }
        for (name, field) in fields {
            let known = &schema["properties"][name];
            // The API server knows what every object has.
            let is_meta = path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&name.as_str());
            let path = join(path, name);
            if known.is_object() {
                self.check(known, field, &path);
            } else if schema["additionalProperties"].is_object() {
                self.check(&schema["additionalProperties"], field, &path);
            } else if !is_meta && schema["x-kubernetes-preserve-unknown-fields"] != true {
                self.add(&path, "unknown field");
            }
        }
    }

    fn check_list(&mut self, schema: &Value, items: &[Value], path: &str) {
        if above(&schema["maxItems"], items.len()) {
            self.add(path, format!("must have at most {} items", schema["maxItems"]));
        }
        if below(&schema["minItems"], items.len()) {
            self.add(path, format!("should have at least {} items", schema["minItems"]));
        }
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            self.check(&schema["items"], item, &path);
            let key = match schema["x-kubernetes-list-type"].as_str() {
                Some("set") => item.to_string(),
                Some("map") => words(&schema["x-kubernetes-list-map-keys"])
                    .map(|key| item[key].to_string())
                    .collect(),
                _ => continue,
            };
            if !seen.insert(key.clone()) {
                self.add(&path, format!("Duplicate value: {key}"));
            }
        }
    }

    fn check_scalar(&mut self, schema: &Value, value: &Value, path: &str) {
        if schema["enum"]
            .as_array()
            .is_some_and(|words| !words.contains(value))
        {
            let supported = &schema["enum"];
            self.add(
                path,
                format!("Unsupported value: {value}: supported values: {supported}"),
            );
        }
        let (minimum, maximum) = (&schema["minimum"], &schema["maximum"]);
        if let Some(number) = value.as_f64() {
            if minimum.as_f64().is_some_and(|minimum| number < minimum) {
                self.add(
                    path,
                    format!("should be greater than or equal to {}", whole(minimum)),
                );
            }
            if maximum.as_f64().is_some_and(|maximum| number > maximum) {
                self.add(
                    path,
                    format!("should be less than or equal to {}", whole(maximum)),
                );
            }
        }
        if let Some(length) = value.as_str().map(|text| text.chars().count()) {
            if above(&schema["maxLength"], length) {
                self.add(
                    path,
                    format!("may not be more than {} bytes", schema["maxLength"]),
                );
            }
            if below(&schema["minLength"], length) {
                self.add(
                    path,
                    format!("should be at least {} chars long", schema["minLength"]),
                );
            }
        }
    }
}

fn is_int_or_string(schema: &Value) -> bool {
    schema["x-kubernetes-int-or-string"] == true
}

fn kind(schema: &Value) -> String {
    if is_int_or_string(schema) {
        "\"integer or string\"".to_owned()
    } else {
        schema["type"].to_string()
    }
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

fn words(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Bounds are floating-point numbers in the Kubernetes API; people write and read whole ones.
fn whole(bound: &Value) -> String {
    bound
        .as_f64()
        .map_or_else(|| bound.to_string(), |bound| bound.to_string())
}

fn above(max: &Value, count: usize) -> bool {
    max.as_u64().is_some_and(|max| count as u64 > max)
}

fn below(min: &Value, count: usize) -> bool {
    min.as_u64().is_some_and(|min| (count as u64) < min)
}

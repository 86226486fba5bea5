//! JSON to types, with the path of what does not fit.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::invalid::{Invalid, Reason};

/// Reads `value`, which stands at `path`, as a `T`.
pub(super) fn decode<T: DeserializeOwned>(value: &Value, path: &str) -> Result<T, Invalid> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = match error.path().to_string().as_str() {
            "." => path.to_owned(),
            inner if path.is_empty() => inner.to_owned(),
            inner => format!("{path}.{inner}"),
        };
        Invalid::new(
            Reason::Undecodable,
            field,
            format!(
                "cannot be read: {}; write it as `kubectl explain chatservice.spec` says",
                error.inner()
            ),
        )
    })
}

/// The same for an object of Kubernetes' own whose fields the CRD does not check. The types of Kubernetes pass over what
/// they do not know, so that a misspelt field would do nothing and say nothing.
pub(super) fn decode_free_form<T: DeserializeOwned + Serialize>(
    value: &Value,
    path: &str,
) -> Result<T, Invalid> {
    let decoded: T = decode(value, path)?;
    let known = serde_json::to_value(&decoded).unwrap_or_default();
    match unknown(value, &known, path) {
        Some(field) => Err(Invalid::new(
            Reason::FieldUnknown,
            field,
            "is not known to Kubernetes: correct its spelling, or take it out",
        )),
        None => Ok(decoded),
    }
}

/// The path of the first field of `given` that is not in `known`.
fn unknown(given: &Value, known: &Value, path: &str) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given
            .iter()
            .filter(|(_, field)| !field.is_null())
            .find_map(|(name, field)| {
                let path = format!("{path}.{name}");
                match known.get(name) {
                    Some(known) => unknown(field, known, &path),
                    None => Some(path),
                }
            }),
        (Value::Array(given), Value::Array(known)) => given
            .iter()
            .zip(known)
            .enumerate()
            .find_map(|(index, (given, known))| unknown(given, known, &format!("{path}[{index}]"))),
        _ => None,
    }
}

//! The text of `crds/chatservices.yaml`.

use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::{FlowMap, FlowSeq, ser_options};

use crate::definition::crd;

/// What stands at the top of the file.
const HEADING: &str = "# Made from the types in crds/src: change those, then run `make generate`.\n";

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// The definition is not JSON.
    #[error("the definition cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The JSON is not YAML.
    #[error("the definition cannot be written as YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// How long a value may be, as JSON, to stand on one line with all that is in it.
const ONE_LINE: usize = 140;

/// [`crd()`] as YAML, always the same.
///
/// # Errors
/// [`YamlError`], which would be a fault of a serializer.
pub fn yaml() -> Result<String, YamlError> {
    let mut crd = serde_json::to_value(crd())?;
    whole_numbers(&mut crd);
    let options = ser_options! { prefer_block_scalars: false };
    let text = serde_saphyr::to_string_with_options(&Node(&crd), options)?;
    Ok(format!("{HEADING}{text}"))
}

/// Bounds are floating-point numbers in the Kubernetes API, and look like them: `1.0` becomes `1`.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Number(number) => {
            if let Some(float) = number
                .as_f64()
                .filter(|float| number.is_f64() && float.fract() == 0.0)
            {
                #[allow(clippy::cast_possible_truncation)]
                let whole = float as i64;
                *number = whole.into();
            }
        }
        _ => {}
    }
}

/// A value whose small parts stand on one line each. With every brace, bracket and lone word on a line of its own, most of
/// the file would be indentation, and it would pass the 64 KiB that it is kept under.
struct Node<'a>(&'a Value);

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let short = is_flat(self.0) || self.0.to_string().len() <= ONE_LINE;
        match self.0 {
            Value::Array(items) if short => FlowSeq(items).serialize(serializer),
            Value::Object(fields) if short => FlowMap(fields).serialize(serializer),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Node)),
            Value::Object(fields) => {
                serializer.collect_map(fields.iter().map(|(name, field)| (name, Node(field))))
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

/// Whether nothing stands in `value` but numbers, words and lists of them.
fn is_flat(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().all(|field| !field.is_object() && is_flat(field)),
        Value::Array(items) => items.iter().all(|item| !item.is_object() && !item.is_array()),
        _ => true,
    }
}

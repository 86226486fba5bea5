//! Objects as YAML.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::ser_options;

/// An object could not be written, which would be a fault of the serializer.
#[derive(Debug, thiserror::Error)]
#[error("an object cannot be written as YAML: {0}")]
pub struct YamlError(#[from] serde_saphyr::ser::Error);

/// An object as a YAML document, with its fields in the order of the alphabet.
///
/// # Errors
/// [`YamlError`].
pub fn to_yaml(object: &Value) -> Result<String, YamlError> {
    let options = ser_options! { prefer_block_scalars: false };
    Ok(serde_saphyr::to_string_with_options(&Sorted(object), options)?)
}

/// JSON whose fields are written in the order of the alphabet, in whatever order they are kept.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let sorted: BTreeMap<_, _> =
                    fields.iter().map(|(name, field)| (name, Sorted(field))).collect();
                serializer.collect_map(sorted)
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            scalar => scalar.serialize(serializer),
        }
    }
}

//! The Secrets and ConfigMaps that pods read: which they are, and a hash that changes when they do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A kind of object that has contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// A Secret or ConfigMap in the ChatService's namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// Which kind of object it is.
    pub kind: SourceKind,
    /// Its name.
    pub name: String,
}

impl Source {
    /// The Secret of this name.
    pub fn secret(name: impl Into<String>) -> Self {
        Self {
            kind: SourceKind::Secret,
            name: name.into(),
        }
    }

    /// The ConfigMap of this name.
    pub fn config_map(name: impl Into<String>) -> Self {
        Self {
            kind: SourceKind::ConfigMap,
            name: name.into(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SourceKind::ConfigMap => write!(f, "ConfigMap {}", self.name),
            SourceKind::Secret => write!(f, "Secret {}", self.name),
        }
    }
}

/// The keys of a [`Source`] that pods read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Those that must be there.
    pub required: BTreeSet<String>,
    /// Those that may be missing.
    pub optional: BTreeSet<String>,
}

/// What is known of a [`Source`] that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A hash of the values of the keys that are read.
    Hash(String),
    /// A key that must be there and is not.
    MissingKey(String),
}

impl Keys {
    /// What a Secret means to pods that read these keys of it.
    #[must_use]
    pub fn of_secret(&self, secret: &Secret) -> Content {
        self.content(|key| Some(secret.data.as_ref()?.get(key)?.0.as_slice()))
    }

    /// What a ConfigMap means to pods that read these keys of it.
    #[must_use]
    pub fn of_config_map(&self, map: &ConfigMap) -> Content {
        self.content(|key| {
            let text = map.data.as_ref().and_then(|data| data.get(key));
            let bytes = || Some(map.binary_data.as_ref()?.get(key)?.0.as_slice());
            text.map(String::as_bytes).or_else(bytes)
        })
    }

    fn content<'a>(&self, value: impl Fn(&str) -> Option<&'a [u8]>) -> Content {
        if let Some(missing) = self.required.iter().find(|key| value(key).is_none()) {
            return Content::MissingKey(missing.clone());
        }
        let read = self.required.union(&self.optional);
        let parts = read.filter_map(|key| Some([key.as_bytes(), value(key)?]));
        Content::Hash(hash(parts.flatten()))
    }
}

/// Every Secret and ConfigMap that pods read, with the keys. What operators of Kubernetes call the references of an
/// object: each deserves a watch by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(pub BTreeMap<Source, Keys>);

impl Sources {
    /// Adds a key that must be there.
    pub fn require(&mut self, source: Source, key: &str) {
        let keys = self.0.entry(source).or_default();
        keys.required.insert(key.to_owned());
        keys.optional.remove(key);
    }

    /// Adds a key that may be missing.
    pub fn allow(&mut self, source: Source, key: &str) {
        let keys = self.0.entry(source).or_default();
        if !keys.required.contains(key) {
            keys.optional.insert(key.to_owned());
        }
    }
}

/// A hash of parts, each of which is told from its neighbours by its length: 16 hexadecimal digits of SHA-256.
///
/// Hashes are kept in annotations. Another way to make them would replace every pod of every service on the next upgrade
/// of the operator.
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let mut hex = hex(&digest.finalize());
    hex.truncate(16);
    hex
}

/// JSON as text that is always the same for the same value, whatever order its fields are kept in.
#[must_use]
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            let fields = sorted
                .into_iter()
                .map(|(name, field)| format!("{}:{}", Value::from(name.as_str()), canonical(field)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        scalar => scalar.to_string(),
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn secret(pairs: &[(&str, &str)]) -> Secret {
        let pairs = pairs.iter();
        let data = pairs.map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().into())));
        Secret {
            data: Some(data.collect()),
            ..Secret::default()
        }
    }

    #[test]
    fn only_the_keys_that_are_read_count() {
        let mut sources = Sources::default();
        sources.require(Source::secret("a"), "password");
        sources.allow(Source::secret("a"), "username");
        let keys = &sources.0[&Source::secret("a")];
        let one = keys.of_secret(&secret(&[("password", "x")]));
        assert_eq!(one, keys.of_secret(&secret(&[("password", "x"), ("other", "y")])));
        assert_ne!(one, keys.of_secret(&secret(&[("password", "y")])));
        assert_ne!(
            one,
            keys.of_secret(&secret(&[("password", "x"), ("username", "u")]))
        );
        assert_eq!(
            keys.of_secret(&secret(&[("username", "u")])),
            Content::MissingKey("password".to_owned())
        );
    }

    #[test]
    fn a_config_map_may_hold_text_or_bytes() {
        let keys = Keys {
            required: ["a".to_owned(), "b".to_owned()].into(),
            ..Keys::default()
        };
        let mut map = ConfigMap {
            data: Some([("a".to_owned(), "x".to_owned())].into()),
            ..ConfigMap::default()
        };
        assert_eq!(keys.of_config_map(&map), Content::MissingKey("b".to_owned()));
        map.binary_data = Some([("b".to_owned(), ByteString(b"y".to_vec()))].into());
        assert!(matches!(keys.of_config_map(&map), Content::Hash(_)));
    }

    #[test]
    fn a_key_that_must_be_there_stays_so() {
        let mut sources = Sources::default();
        for _ in 0..2 {
            sources.allow(Source::secret("a"), "k");
            sources.require(Source::secret("a"), "k");
        }
        let keys = &sources.0[&Source::secret("a")];
        assert_eq!((keys.required.len(), keys.optional.len()), (1, 0));
    }

    #[test]
    fn a_hash_tells_parts_apart_and_never_changes() {
        let of = |parts: &[&str]| hash(parts.iter().map(|part| part.as_bytes()));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&["ab", "c"]), "601d5476e2ccfe2c");
    }
}

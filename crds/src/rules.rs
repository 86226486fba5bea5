//! Rules of validation (`x-kubernetes-validations`), and the forms that several fields share.
//!
//! A rule stands beside the type that it is about: what must hold, in CEL, and what a person is told otherwise. The API
//! server runs them; there is no webhook. It also estimates the cost of each before it takes the CRD, from the bounds of
//! what the rule reads: each list, map and string has one.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// The value of `x-kubernetes-validations`: pairs of what must hold and the message for when it does not.
pub(crate) fn rules<S: AsRef<str>>(rules: &[(S, S)]) -> Value {
    let rules = rules.iter().map(|(rule, message)| {
        let (rule, message) = (rule.as_ref(), message.as_ref());
        json!({ "rule": rule, "message": message })
    });
    Value::Array(rules.collect())
}

/// What `metadata.name` must look like. It stands at the root of the schema, which the derive macro writes.
pub(crate) const NAME_RULE: (&str, &str) = (
    "self.metadata.name.matches('^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$')",
    "metadata.name must be 1 to 40 characters of a-z, 0-9 and -, beginning with a letter: Services, pods and labels are named after it",
);

/// A port from 1 to 65535, as a regular expression.
macro_rules! port {
    () => {
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
    };
}

/// A host name, an IPv4 address or an IPv6 address in brackets, as a regular expression within a CEL string.
macro_rules! host {
    () => {
        r"([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\])"
    };
}

/// The name of an image without tag and digest, as a regular expression.
macro_rules! image_name {
    () => {
        "([A-Za-z0-9][-A-Za-z0-9.]*(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    };
}

/// The tag of an image, as a regular expression.
macro_rules! image_tag {
    () => {
        "[A-Za-z0-9_][-A-Za-z0-9._]{0,127}"
    };
}

/// The digest of an image, as a regular expression.
macro_rules! image_digest {
    () => {
        "sha256:[0-9a-f]{64}"
    };
}

pub(crate) use {host, image_digest, image_name, image_tag, port};

/// Holds for a whole number where a number or a string may stand: its text is not itself. Rules say it this way because
/// `type()` is not known to every implementation of CEL, the one in this crate's tests among them.
macro_rules! is_number {
    ($value:literal) => {
        concat!("string(", $value, ") != ", $value)
    };
}
pub(crate) use is_number;

/// A number of pods, or a share of them such as `25%`.
pub(crate) fn pods_or_percent(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 0,
        "maximum": 3000,
        "maxLength": 4,
        "x-kubernetes-validations": rules(&[(
            concat!(is_number!("self"), " || self.matches('^(100|[1-9]?[0-9])%$')"),
            "must be a number of pods such as 1, or a share of them from \"0%\" to \"100%\"",
        )]),
    })
}

/// A quantity of memory, CPU or storage.
pub(crate) fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 0,
        "maxLength": 32,
        "x-kubernetes-validations": rules(&[(
            concat!(is_number!("self"), " || (isQuantity(self) && !self.startsWith('-'))"),
            "must be a quantity such as 500m, 2, 512Mi or 1.5Gi",
        )]),
    })
}

/// Quantities by the name of the resource.
pub(crate) fn quantities(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": quantity(generator),
    })
}

const LABEL_KEY: &str = concat!(
    "self.all(key, key.matches('^([a-z0-9][-a-z0-9.]*/)?",
    "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))"
);

/// Labels: their keys and values have the form that Kubernetes demands.
pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "x-kubernetes-validations": rules(&[(
                "self.matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$')",
                "the value of a label must be up to 63 letters, digits and any of -_., with a letter or digit at both ends",
            )]),
        },
        "x-kubernetes-validations": rules(&[(
            LABEL_KEY,
            "the key of a label must be like team or example.com/team, with up to 63 characters after the /",
        )]),
    })
}

/// Labels of pods: the operator's own are not for others to set.
pub(crate) fn pod_labels(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = labels(generator);
    add_rule(
        &mut schema,
        (
            concat!(
                "self.all(key, !key.startsWith('chat.webrtc.io/') && !(key in ['app.kubernetes.io/name', ",
                "'app.kubernetes.io/instance', 'app.kubernetes.io/component', 'app.kubernetes.io/managed-by', ",
                "'pod-template-hash']))"
            ),
            concat!(
                "signaling.podLabels may not set app.kubernetes.io/name, /instance, /component, /managed-by, ",
                "pod-template-hash or chat.webrtc.io/ labels: the operator finds its pods by them, take them out"
            ),
        ),
    );
    schema
}

/// Annotations: any text under keys of the form that Kubernetes demands.
pub(crate) fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": { "type": "string", "maxLength": 16384 },
        "x-kubernetes-validations": rules(&[(
            LABEL_KEY,
            "the key of an annotation must be like team or example.com/team, with up to 63 characters after the /",
        )]),
    })
}

/// Annotations of pods: the operator's own are not for others to set.
pub(crate) fn pod_annotations(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = annotations(generator);
    add_rule(
        &mut schema,
        (
            concat!(
                "self.all(key, !key.startsWith('chat.webrtc.io/') && ",
                "key != 'controller.kubernetes.io/pod-deletion-cost')"
            ),
            concat!(
                "signaling.podAnnotations may not set controller.kubernetes.io/pod-deletion-cost or chat.webrtc.io/ ",
                "annotations: the operator writes them, take them out"
            ),
        ),
    );
    schema
}

fn add_rule(schema: &mut Schema, rule: (&str, &str)) {
    let own = rules(&[rule]);
    if let (Some(Value::Array(all)), Value::Array(own)) = (schema.get_mut("x-kubernetes-validations"), own) {
        all.extend(own);
    }
}

/// An object of Kubernetes' own whose fields are not written down here.
pub(crate) fn free_form(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// A list of such objects.
pub(crate) fn free_form_list(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "maxItems": 32, "items": free_form(generator) })
}

//! The CustomResourceDefinition, made of the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use kube::CustomResourceExt as _;
use serde_json::Value;

use crate::ChatService;
use crate::rules::NAME_RULE;

/// The definition of `ChatService`, ready to be applied. Each description says the bounds and the default of its field, so
/// that `kubectl explain` tells them.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = unexplained();
    each_schema(&mut crd, &mut explain);
    crd
}

/// The definition whose descriptions are the types' doc comments alone.
pub(crate) fn unexplained() -> CustomResourceDefinition {
    let mut crd = ChatService::crd();
    each_schema(&mut crd, &mut simplify);
    for root in roots(&mut crd) {
        let (rule, message) = NAME_RULE;
        root.x_kubernetes_validations = Some(vec![ValidationRule {
            rule: rule.to_owned(),
            message: Some(message.to_owned()),
            ..ValidationRule::default()
        }]);
        if let Some(status) = root.properties.as_mut().and_then(|all| all.get_mut("status")) {
            each(status, &mut |schema| schema.default = None);
        }
    }
    crd
}

fn roots(crd: &mut CustomResourceDefinition) -> impl Iterator<Item = &mut JSONSchemaProps> {
    let versions = crd.spec.versions.iter_mut();
    versions.filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut())
}

fn each_schema(crd: &mut CustomResourceDefinition, change: &mut impl FnMut(&mut JSONSchemaProps)) {
    roots(crd).for_each(|root| each(root, change));
}

/// Changes `schema` and everything in it.
fn each(schema: &mut JSONSchemaProps, change: &mut impl FnMut(&mut JSONSchemaProps)) {
    change(schema);
    for property in schema.properties.iter_mut().flat_map(|all| all.values_mut()) {
        each(property, change);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        each(items, change);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        each(values, change);
    }
}

/// Takes out what is right in JSON Schema and a surprise in Kubernetes: a field that is `nullable` keeps a null where
/// anyone else's counts as absent and gets the default.
fn simplify(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.title = None;
    schema.default.take_if(|default| default.0.is_null());
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        // `kubectl explain` shows it for an object only.
        items.description.take_if(|_| items.properties.is_none());
    }
    if let Some(description) = &mut schema.description {
        *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

fn explain(schema: &mut JSONSchemaProps) {
    let bounds = bounds(schema).map(|bounds| format!("From {bounds}."));
    let default = shown_default(schema).map(|default| format!("Default: {default}."));
    if let Some(description) = &mut schema.description {
        for sentence in [bounds, default].into_iter().flatten() {
            description.push(' ');
            description.push_str(&sentence);
        }
    }
}

/// The range of a number, as text.
pub(crate) fn bounds(schema: &JSONSchemaProps) -> Option<String> {
    // A percentage may stand there too; the description tells.
    if schema.x_kubernetes_int_or_string == Some(true) {
        return None;
    }
    Some(format!("{} to {}", schema.minimum?, schema.maximum?))
}

/// The default of a field, as text; an object's is that of its fields.
pub(crate) fn shown_default(schema: &JSONSchemaProps) -> Option<String> {
    match &schema.default.as_ref()?.0 {
        Value::Object(_) => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let items = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            Some(items.collect::<Vec<_>>().join(", "))
        }
        other => Some(other.to_string()),
    }
}

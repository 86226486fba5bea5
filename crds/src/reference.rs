//! The reference of the API, `crds/REFERENCE.md`: a table for each object, and the rules that the API server checks.

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};

use crate::definition::{bounds, shown_default, unexplained};

const HEADING: &str = "<!-- Made from the types in crds/src: change those, then run `make generate`. -->

# ChatService

`chat.webrtc.io/v1alpha1`, short name `chat`. The least there is:

```yaml
apiVersion: chat.webrtc.io/v1alpha1
kind: ChatService
metadata: {name: acme}
spec: {capacity: {users: 1000}}
```

Everything else has a default; where a table shows none, the description says what holds. `kubectl explain
chatservice.spec` tells the same. What breaks a rule is refused by the API server, with the sentence that stands here.
";

/// The text of `crds/REFERENCE.md`.
#[must_use]
pub fn reference() -> String {
    let crd = unexplained();
    let mut out = HEADING.to_owned();
    for root in crd
        .spec
        .versions
        .iter()
        .filter_map(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref())
    {
        rules(&mut out, root.x_kubernetes_validations.iter().flatten());
        for (name, schema) in root.properties.iter().flatten() {
            object(&mut out, name, schema);
        }
    }
    columns(&mut out, &crd);
    out
}

/// The section of an object, and those of the objects in it.
fn object(out: &mut String, path: &str, schema: &JSONSchemaProps) {
    let fields = schema.properties.as_ref();
    let _ = write!(
        out,
        "\n## `{path}`\n\n{}\n\n| field | type | default | description |\n|---|---|---|---|\n",
        schema.description.as_deref().unwrap_or_default()
    );
    for (name, field) in fields.into_iter().flatten() {
        let required = schema.required.iter().flatten().any(|required| required == name);
        let default = match shown_default(field) {
            Some(default) => format!("`{default}`"),
            None if required => "*required*".to_owned(),
            None => String::new(),
        };
        let description = escaped(field.description.as_deref().unwrap_or_default());
        let kind = escaped(&kind(&format!("{path}.{name}"), field));
        let _ = writeln!(out, "| `{name}` | {kind} | {default} | {description} |");
    }
    let own = schema.x_kubernetes_validations.iter().flatten();
    let of_fields = fields
        .into_iter()
        .flatten()
        .flat_map(|(_, field)| rules_of_field(field));
    rules(out, own.chain(of_fields));
    for (name, field) in fields.into_iter().flatten() {
        if let Some((suffix, inner)) = inner_object(field) {
            object(out, &format!("{path}.{name}{suffix}"), inner);
        }
    }
}

/// The rules of a field that has no section of its own: its own, and those of its items or values.
fn rules_of_field(field: &JSONSchemaProps) -> Vec<&ValidationRule> {
    if field.properties.is_some() {
        return Vec::new();
    }
    let mut rules: Vec<_> = field.x_kubernetes_validations.iter().flatten().collect();
    if let Some(inner) = items(field).or_else(|| values(field)) {
        rules.extend(rules_of_field(inner));
    }
    rules
}

fn rules<'a>(out: &mut String, rules: impl Iterator<Item = &'a ValidationRule>) {
    let mut told: Vec<&str> = Vec::new();
    for message in rules.filter_map(|rule| rule.message.as_deref()) {
        if told.contains(&message) {
            continue;
        }
        if told.is_empty() {
            out.push_str("\nRules:\n\n");
        }
        told.push(message);
        // A star would begin emphasis.
        let _ = writeln!(out, "- {}", message.replace('*', "\\*"));
    }
}

/// The object that a field is or has a list of, with what is put behind the field's path for it.
fn inner_object(field: &JSONSchemaProps) -> Option<(&'static str, &JSONSchemaProps)> {
    match items(field) {
        Some(items) => items.properties.is_some().then_some(("[]", items)),
        None => field.properties.is_some().then_some(("", field)),
    }
}

fn items(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items),
        _ => None,
    }
}

fn values(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) => Some(values),
        _ => None,
    }
}

/// What may stand in a field, in words; an object's is a link to its section.
fn kind(path: &str, schema: &JSONSchemaProps) -> String {
    if let Some(items) = items(schema) {
        return format!("list of {}", kind(&format!("{path}[]"), items));
    }
    if let Some(values) = values(schema) {
        return format!("map of {}", kind(path, values));
    }
    if schema.properties.is_some() {
        let anchor: String = path.chars().filter(|char| char.is_alphanumeric()).collect();
        return format!("[object](#{})", anchor.to_lowercase());
    }
    if schema.x_kubernetes_int_or_string == Some(true) {
        return "integer or string".to_owned();
    }
    if let Some(words) = &schema.enum_ {
        let words = words
            .iter()
            .map(|word| format!("`{}`", word.0.as_str().unwrap_or_default()));
        return words.collect::<Vec<_>>().join(", ");
    }
    let name = schema.type_.as_deref().unwrap_or("any");
    bounds(schema).map_or_else(|| name.to_owned(), |bounds| format!("{name}, {bounds}"))
}

fn columns(out: &mut String, crd: &CustomResourceDefinition) {
    out.push_str("\n## Columns of `kubectl get`\n\n| column | field | meaning |\n|---|---|---|\n");
    let columns = crd.spec.versions.iter();
    for column in columns.flat_map(|version| version.additional_printer_columns.iter().flatten()) {
        let wide = if column.priority > Some(0) {
            " (with `-o wide`)"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "| {}{wide} | `{}` | {} |",
            column.name.to_uppercase(),
            column.json_path,
            column.description.as_deref().unwrap_or_default()
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

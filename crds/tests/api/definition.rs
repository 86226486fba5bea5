//! The definition is sound: whatever Kubernetes or a person could stumble over in a schema is not in it.

use kube_cel::{compile_schema, estimate_rule_cost};
use serde_json::{Value, json};

use crate::api_server::{broken_rules, faults, schema};

/// Every schema in a ChatService's, with its path.
fn schemas() -> Vec<(String, Value)> {
    fn walk(path: &str, schema: &Value, all: &mut Vec<(String, Value)>) {
        all.push((path.to_owned(), schema.clone()));
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            walk(&format!("{path}.{name}"), property, all);
        }
        for (key, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
            if schema[key].is_object() {
                walk(&format!("{path}{suffix}"), &schema[key], all);
            }
        }
    }
    let mut all = Vec::new();
    walk("", &schema(), &mut all);
    all
}

fn spec_schemas() -> impl Iterator<Item = (String, Value)> {
    schemas()
        .into_iter()
        .filter(|(path, _)| path.starts_with(".spec"))
}

#[test]
fn names_scope_and_subresources_are_those_of_the_api() {
    let crd = serde_json::to_value(crds::crd()).unwrap();
    assert_eq!(crd["metadata"]["name"], "chatservices.chat.webrtc.io");
    assert_eq!(
        crd["spec"]["names"],
        json!({"kind": "ChatService", "plural": "chatservices", "singular": "chatservice", "shortNames": ["chat"]})
    );
    assert_eq!(crd["spec"]["scope"], "Namespaced");
    let version = &crd["spec"]["versions"][0];
    assert_eq!(version["name"], "v1alpha1");
    assert_eq!(
        version["subresources"],
        json!({
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        })
    );
    let columns = version["additionalPrinterColumns"].as_array().unwrap();
    let named = |wide: bool| -> Vec<_> {
        let columns = columns.iter().filter(|column| (column["priority"] == 1) == wide);
        columns
            .map(|column| column["name"].as_str().unwrap().to_uppercase())
            .collect()
    };
    assert_eq!(named(false), ["READY", "DESIRED", "UP", "CONNS", "USERS", "AGE"]);
    assert_eq!(named(true), ["DRAINING", "URL", "REASON"]);
}

#[test]
fn conditions_are_a_map_by_type() {
    let conditions = &schema()["properties"]["status"]["properties"]["conditions"];
    assert_eq!(conditions["x-kubernetes-list-type"], "map");
    assert_eq!(conditions["x-kubernetes-list-map-keys"], json!(["type"]));
}

#[test]
fn every_field_has_a_description_that_tells_its_bounds_and_default() {
    for (path, schema) in schemas() {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let description = field["description"].as_str().unwrap_or_default();
            assert!(
                description.ends_with('.'),
                "{path}.{name} is described as {description:?}"
            );
            if let Some(default) = field
                .get("default")
                .filter(|default| !default.is_object() && !default.is_array())
            {
                let default = default
                    .as_str()
                    .map_or_else(|| default.to_string(), str::to_owned);
                assert!(
                    description.ends_with(&format!("Default: {default}.")),
                    "{path}.{name}"
                );
            }
        }
    }
}

#[test]
fn a_field_of_the_spec_without_a_default_is_required_or_says_what_holds() {
    for (path, schema) in spec_schemas() {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"]
                .as_array()
                .is_some_and(|all| all.contains(&json!(name)));
            let description = field["description"].as_str().unwrap();
            let is_collection = field["type"] == "array" || field["additionalProperties"].is_object();
            // Nothing, unless it says something else, is what an absent list, map or reference means.
            let plain = is_collection
                || name.ends_with("Ref")
                || ["requests", "limits", "affinity"].contains(&name.as_str());
            assert!(
                required
                    || plain
                    || field.get("default").is_some()
                    || description.contains("Default")
                    || description.contains("Required"),
                "{path}.{name}: {description}"
            );
        }
    }
}

#[test]
fn the_schema_is_structural_and_holds_no_surprise() {
    for (path, schema) in schemas() {
        let int_or_string = schema["x-kubernetes-int-or-string"] == true;
        assert!(schema["type"].is_string() != int_or_string, "{path} has no type");
        for word in [
            "nullable",
            "anyOf",
            "oneOf",
            "allOf",
            "not",
            "pattern",
            "$ref",
            "title",
            "uniqueItems",
        ] {
            assert!(schema.get(word).is_none(), "{path} has {word}");
        }
        let free = schema["x-kubernetes-preserve-unknown-fields"] == true;
        let may_be_free = [
            ".spec.signaling.affinity",
            ".spec.signaling.tolerations[]",
            ".spec.signaling.env[]",
        ];
        assert_eq!(free, may_be_free.contains(&path.as_str()), "{path}");
        match schema["format"].as_str() {
            None => assert_ne!(schema["type"], "integer", "{path} has no format"),
            Some(format) => assert!(
                ["int32", "int64", "date-time"].contains(&format),
                "{path}: {format}"
            ),
        }
        assert!(
            !schema["default"].is_null() || schema.get("default").is_none(),
            "{path}: null"
        );
    }
}

#[test]
fn everything_in_the_spec_is_bounded() {
    for (path, schema) in spec_schemas() {
        let bounds: &[&str] = match schema["type"].as_str() {
            Some("integer") => &["minimum", "maximum"],
            Some("array") => &["maxItems"],
            Some("object") if schema["additionalProperties"].is_object() => &["maxProperties"],
            Some("string") if schema["enum"].is_null() => &["maxLength"],
            None => &["maxLength"],
            _ => &[],
        };
        for bound in bounds {
            assert!(schema[bound].is_number(), "{path} has no {bound}");
        }
    }
}

#[test]
fn every_default_passes_its_own_schema_and_rules_as_it_stands() {
    // The API server checks a default on its own, without the defaults of what is in it.
    for (path, schema) in schemas() {
        if let Some(default) = schema.get("default") {
            assert_eq!(faults(&schema, default), [""; 0], "{path}");
            assert_eq!(broken_rules(&schema, default), [""; 0], "{path}");
        }
    }
}

#[test]
fn the_status_has_no_defaults_and_requires_nothing_that_an_older_operator_did_not_write() {
    for (path, schema) in schemas()
        .into_iter()
        .filter(|(path, _)| path.starts_with(".status"))
    {
        assert!(schema.get("default").is_none(), "{path}");
        assert!(
            schema["required"].is_null() || path == ".status.conditions[]",
            "{path}"
        );
    }
}

#[test]
fn every_rule_compiles_and_is_cheap() {
    let mut rules = 0;
    for (path, schema) in schemas() {
        let compiled = compile_schema(&schema);
        for rule in schema["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let warnings = estimate_rule_cost(rule["rule"].as_str().unwrap(), &compiled);
            assert!(warnings.is_empty(), "{path}: {warnings:?}");
            let message = rule["message"].as_str().unwrap();
            assert!(
                !message.contains('\n') && !message.is_empty(),
                "{path}: {message}"
            );
            rules += 1;
        }
        assert!(compiled.validations.iter().all(Result::is_ok), "{path}");
    }
    assert!(rules > 50, "only {rules} rules were seen");
}

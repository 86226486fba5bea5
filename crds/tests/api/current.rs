//! What is checked in is what the types make.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

const YAML: &str = include_str!("../../chatservices.yaml");
const REFERENCE: &str = include_str!("../../REFERENCE.md");

#[test]
fn the_definition_is_that_of_the_types() {
    assert!(
        crds::yaml().unwrap() == YAML,
        "crds/chatservices.yaml is not current: run `make generate`"
    );
}

#[test]
fn the_reference_is_that_of_the_types() {
    assert!(
        crds::reference() == REFERENCE,
        "crds/REFERENCE.md is not current: run `make generate`"
    );
}

#[test]
fn the_text_says_what_the_definition_says() {
    let read: serde_json::Value = serde_saphyr::from_str(YAML).unwrap();
    let read: CustomResourceDefinition = serde_json::from_value(read).unwrap();
    assert_eq!(read, crds::crd());
}

#[test]
fn the_definition_stays_under_64_kib_and_a_chart_can_take_it_as_it_is() {
    assert!(YAML.len() < 64 * 1024, "{} bytes", YAML.len());
    assert!(!YAML.contains("{{"), "Helm would take it for a template");
}

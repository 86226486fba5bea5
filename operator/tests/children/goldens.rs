//! Whole objects: each ChatService of `tests/examples` has the children of `tests/golden`.
//!
//! `UPDATE_GOLDENS=1 cargo test -p operator --test children` writes these files anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use k8s_openapi::api::{apps, autoscaling, core, networking, policy};
use operator::build::{Built, Child, Kind};
use operator::yaml::to_yaml;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::examples::{Example, all, build_from_nothing};

fn golden(example: &Example) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    folder.join(format!("{}.yaml", example.name))
}

fn text(built: &Built) -> String {
    let children = built.children.iter();
    let documents = children.map(|child| to_yaml(&serde_json::to_value(&child.object).unwrap()).unwrap());
    documents.collect::<Vec<_>>().join("---\n")
}

#[test]
fn every_example_has_the_children_that_are_written_down() {
    let is_update = std::env::var_os("UPDATE_GOLDENS").is_some();
    let mut different = Vec::new();
    for example in all() {
        let (path, text) = (golden(&example), text(&build_from_nothing(&example)));
        if is_update {
            std::fs::write(&path, &text).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != text {
            different.push(example.name);
        }
    }
    assert!(
        different.is_empty(),
        "{different:?}: UPDATE_GOLDENS=1 cargo test -p operator --test children, and look at git diff"
    );
}

#[test]
fn there_is_nothing_written_down_without_an_example() {
    let folder = golden(&all()[0]).parent().unwrap().to_owned();
    let files: BTreeSet<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files, all().iter().map(golden).collect());
}

#[test]
fn a_text_says_what_the_objects_say() {
    for example in all() {
        let built = build_from_nothing(&example);
        let read: Vec<Value> = serde_saphyr::from_multiple(&text(&built)).unwrap();
        let objects = built.children.iter();
        let objects: Vec<_> = objects
            .map(|child| serde_json::to_value(&child.object).unwrap())
            .collect();
        assert_eq!(read, objects, "{}", example.name);
    }
}

#[test]
fn building_twice_gives_the_same_in_the_same_order() {
    for example in all() {
        let built = build_from_nothing(&example);
        assert_eq!(built, build_from_nothing(&example), "{}", example.name);
        let order: Vec<_> = built
            .children
            .iter()
            .map(|child| (child.kind, child.name()))
            .collect();
        let sorted: BTreeSet<_> = order.iter().copied().collect();
        assert_eq!(order, sorted.into_iter().collect::<Vec<_>>(), "{}", example.name);
    }
}

/// What Kubernetes reads of an object: without the fields that it does not know.
fn known<T: DeserializeOwned + Serialize>(object: &Value) -> Value {
    let read: T = serde_json::from_value(object.clone()).unwrap();
    serde_json::to_value(read).unwrap()
}

fn as_kubernetes_reads_it(child: &Child) -> Option<Value> {
    let object = serde_json::to_value(&child.object).unwrap();
    Some(match child.kind {
        Kind::Secret => known::<core::v1::Secret>(&object),
        Kind::ConfigMap => known::<core::v1::ConfigMap>(&object),
        Kind::Service => known::<core::v1::Service>(&object),
        Kind::NetworkPolicy => known::<networking::v1::NetworkPolicy>(&object),
        Kind::StatefulSet => known::<apps::v1::StatefulSet>(&object),
        Kind::Deployment => known::<apps::v1::Deployment>(&object),
        Kind::PodDisruptionBudget => known::<policy::v1::PodDisruptionBudget>(&object),
        Kind::HorizontalPodAutoscaler => known::<autoscaling::v2::HorizontalPodAutoscaler>(&object),
        Kind::Ingress => known::<networking::v1::Ingress>(&object),
        _ => return None,
    })
}

#[test]
fn kubernetes_knows_every_field() {
    for example in all() {
        for child in build_from_nothing(&example).children {
            if let Some(known) = as_kubernetes_reads_it(&child) {
                let written = serde_json::to_value(&child.object).unwrap();
                assert_eq!(written, known, "{}: {}", example.name, child.name());
            }
        }
    }
}

#[test]
fn every_kind_of_child_is_in_one_of_these() {
    let kinds: BTreeSet<_> = all()
        .iter()
        .flat_map(|example| build_from_nothing(example).children)
        .map(|child| child.kind)
        .collect();
    assert_eq!(kinds, Kind::ALL.into_iter().collect());
}

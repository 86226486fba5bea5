//! The import law: `signaling → core, wire`; `operator → crds`; tests → all; nothing else. `wire`, `core` and `crds` do no
//! I/O, so nothing that does may be among their dependencies, near or far.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// What does I/O or brings a runtime.
const EDGES: &[&str] = &[
    "axum",
    "hyper",
    "mio",
    "rdkafka",
    "redis",
    "socket2",
    "tokio",
    "tokio-rustls",
];

/// Each crate of the workspace, with the crates of the workspace that its code (not its tests) names.
fn workspace() -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let members: BTreeSet<&str> = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let own = dependencies
                .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
                .map(|dependency| dependency["name"].as_str().unwrap())
                .filter(|name| members.contains(name))
                .map(str::to_owned)
                .collect();
            (package["name"].as_str().unwrap().to_owned(), own)
        })
        .collect()
}

/// Every crate that `package` is built from, near and far, without those of its tests.
fn built_from(package: &str) -> BTreeSet<String> {
    cargo(&[
        "tree",
        "--package",
        package,
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ])
    .lines()
    .filter_map(|line| line.split_whitespace().next())
    .map(str::to_owned)
    .collect()
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(arguments)
        .args([
            "--offline",
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"),
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn wire_and_core_know_no_other_crate_of_the_workspace() {
    let workspace = workspace();
    assert_eq!(workspace["signaling-wire"], names(&[]));
    assert_eq!(workspace["signaling-core"], names(&[]));
}

#[test]
fn the_custom_resource_knows_no_other_crate_of_the_workspace() {
    assert_eq!(workspace()["crds"], names(&[]));
}

#[test]
fn the_operator_knows_the_custom_resource_alone() {
    assert_eq!(workspace()["operator"], names(&["crds"]));
}

#[test]
fn the_pod_is_made_of_core_and_wire_alone() {
    assert_eq!(
        workspace()["signaling"],
        names(&["signaling-core", "signaling-wire"])
    );
}

#[test]
fn only_the_tests_may_depend_on_the_pod() {
    for (package, dependencies) in workspace() {
        assert!(
            !dependencies.contains("signaling") || package == "chat-tests",
            "{package} depends on the pod"
        );
        assert!(
            !dependencies.contains("chat-tests"),
            "{package} depends on the tests"
        );
    }
}

#[test]
fn wire_core_and_the_custom_resource_are_built_without_anything_that_does_io() {
    for package in ["signaling-wire", "signaling-core", "crds"] {
        let crates = built_from(package);
        assert!(crates.contains("serde_json"), "the tree of {package} was read");
        let edges: Vec<_> = EDGES.iter().filter(|edge| crates.contains(**edge)).collect();
        assert!(edges.is_empty(), "{package} is built from {edges:?}");
    }
}

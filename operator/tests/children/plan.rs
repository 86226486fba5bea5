//! `operator plan` and `operator crd`, as a person runs them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const LEAST: &str = "
apiVersion: chat.webrtc.io/v1alpha1
kind: ChatService
metadata: {name: acme}
spec: {capacity: {users: 1000}}
";

fn operator(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_operator"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The end, what was printed, and what was complained of.
fn plan(input: &str) -> (i32, String, String) {
    let output = operator(&["plan", "-f", "-"], input);
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn objects(text: &str) -> Vec<String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    let objects = documents.iter().filter(|document| document.is_object());
    objects
        .map(|object| {
            format!(
                "{} {}/{}",
                object["kind"].as_str().unwrap(),
                object["metadata"]["namespace"].as_str().unwrap(),
                object["metadata"]["name"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn a_plan_shows_every_object_and_explains_the_size() {
    let (code, text, faults) = plan(LEAST);
    assert_eq!((code, &*faults), (0, ""));
    assert_eq!(
        objects(&text),
        [
            "Secret default/acme-pod-secret",
            "Secret default/acme-redis",
            "Service default/acme",
            "Service default/acme-headless",
            "Service default/acme-redis",
            "NetworkPolicy default/acme",
            "NetworkPolicy default/acme-redis",
            "StatefulSet default/acme-redis",
            "Deployment default/acme",
            "PodDisruptionBudget default/acme",
            "ServiceMonitor default/acme",
        ]
    );
    for line in [
        "# capacity.users: 1000 -> the row of 1000 users: 4 pods, 2Gi memory and 2 CPU in all; the first row of the scaling table that is large enough\n",
        "# each pod: requests 512Mi memory and 500m CPU, its share of the row; a limit on memory only\n",
        "#   takes 400 connections: the greater of 300 and 1.2 x 1000 users / 3 pods, so that the loss of one turns nobody away\n",
        "#   asks Redis over 8 connections: from the row\n",
        "# replicas: 4, from the row, unless others run already; good for 1000 users\n",
        "# Where the cluster knows the kind ServiceMonitor.\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_plan_draws_no_secret_that_could_be_applied() {
    let (_, text, _) = plan(LEAST);
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let secrets = documents.iter().filter(|document| document["kind"] == "Secret");
    for secret in secrets {
        assert_eq!(secret["data"], serde_json::json!({}));
    }
}

#[test]
fn a_plan_of_a_chat_service_that_would_be_refused_ends_with_1_and_says_why() {
    for (spec, expected) in [
        (
            "capacity: {users: 1000}, redis: {mode: External}",
            "-: ChatService acme: spec.redis: redis.external is required when redis.mode is External: add redis.external.endpoints",
        ),
        (
            "capacity: {users: 0}",
            "-: ChatService acme: spec.capacity.users: should be greater",
        ),
        (
            "capacity: {users: 5}, signaling: {affinity: {nodeAfinity: {}}}",
            "-: ChatService acme: spec.signaling.affinity.nodeAfinity: is not known to Kubernetes",
        ),
        (
            "capacity: {users: 5}, replica: 5",
            "-: ChatService acme: spec.replica: unknown field",
        ),
    ] {
        let (code, text, faults) = plan(&LEAST.replace("capacity: {users: 1000}", spec));
        assert_eq!((code, &*text), (1, ""), "{spec}");
        assert!(faults.starts_with(expected), "{faults}");
        assert_eq!(faults.lines().count(), 1, "{faults}");
    }
}

#[test]
fn every_document_of_a_file_is_planned_and_others_are_passed_over() {
    let other = LEAST
        .replace("{name: acme}", "{name: other, namespace: elsewhere}")
        .replace("1000", "100");
    let broken = LEAST.replace("1000", "none");
    let namespace = "\napiVersion: v1\nkind: Namespace\nmetadata: {name: elsewhere}\n";
    let file = format!("{namespace}---{LEAST}---{broken}---\n---{other}");
    let (code, text, faults) = plan(&file);
    assert_eq!(code, 1);
    assert!(faults.contains("spec.capacity.users"), "{faults}");
    assert!(text.starts_with("# Namespace: not a ChatService, left out\n"));
    let objects = objects(&text);
    assert!(objects.contains(&"Deployment default/acme".to_owned()));
    assert!(objects.contains(&"Deployment elsewhere/other".to_owned()));
}

#[test]
fn a_file_without_a_chat_service_is_a_fault() {
    for (text, expected) in [
        ("", "kind: there is no ChatService here"),
        (
            "apiVersion: v1\nkind: Secret\n",
            "kind: there is no ChatService here",
        ),
        (
            "apiVersion: chat.webrtc.io/v2\nkind: ChatService\n",
            "apiVersion: chat.webrtc.io/v2 is not known: write chat.webrtc.io/v1alpha1",
        ),
        ("a: [", "not YAML"),
    ] {
        let (code, _, faults) = plan(text);
        assert_eq!(code, 1, "{text}");
        assert!(faults.contains(expected), "{faults}");
    }
}

#[test]
fn a_plan_reads_files_and_takes_a_namespace() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples");
    let (one, two) = (folder.join("hpa.yaml"), folder.join("keda.yaml"));
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let output = operator(&["plan", "-f", one, "-f", two, "-n", "chat"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for object in ["HorizontalPodAutoscaler chat/acme", "ScaledObject chat/acme"] {
        assert!(objects(&text).contains(&object.to_owned()));
    }
    assert!(text.contains("#   250 connections a pod on average, as told by external.metrics.k8s.io\n"));
    let missing = operator(&["plan", "-f", "no-such-file.yaml"], "");
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        String::from_utf8(missing.stderr)
            .unwrap()
            .contains("no-such-file.yaml")
    );
}

#[test]
fn the_definition_is_printed_as_it_is_checked_in() {
    let output = operator(&["crd"], "");
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), crds::yaml().unwrap());
}

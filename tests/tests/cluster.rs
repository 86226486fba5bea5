//! The test cluster itself: it comes up, it does what a Kubernetes does, and it leaves nothing behind.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chat_tests::kubernetes::{Cluster, Namespace, eventually};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Secret};
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, Client};
use procfs::process::{ProcState, Process};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// How long a controller may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kubernetes/cluster");

#[tokio::test]
async fn the_control_plane_is_a_kubernetes_with_three_ready_nodes() {
    let client = Cluster::get().unwrap().client().await.unwrap();
    let version = client.apiserver_version().await.unwrap();
    assert_eq!((&*version.major, &*version.minor), ("1", "34"));
    let nodes = Api::<Node>::all(client)
        .list(&ListParams::default())
        .await
        .unwrap();
    let ready = nodes.iter().filter(|node| {
        let conditions = node
            .status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten());
        conditions
            .into_iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    });
    assert_eq!(ready.count(), 3);
}

#[tokio::test]
async fn the_pods_of_a_deployment_become_ready_on_every_node() {
    let namespace = Namespace::new("pods").await.unwrap();
    namespace
        .api()
        .create(&PostParams::default(), &deployment("web", 6))
        .await
        .unwrap();
    until_ready(&namespace, "web", 6).await.unwrap();
    let pods = namespace.api::<Pod>().list(&ListParams::default()).await.unwrap();
    let mut nodes: Vec<_> = pods
        .iter()
        .filter_map(|pod| pod.spec.as_ref()?.node_name.clone())
        .collect();
    nodes.sort();
    nodes.dedup();
    assert_eq!(nodes, ["fake-1", "fake-2", "fake-3"]);
}

#[tokio::test]
async fn two_namespaces_do_not_disturb_each_other() {
    let mine = Namespace::new("same").await.unwrap();
    let yours = Namespace::new("same").await.unwrap();
    assert_ne!(mine.name(), yours.name());
    for (namespace, replicas) in [(&mine, 2), (&yours, 3)] {
        namespace
            .api()
            .create(&PostParams::default(), &deployment("web", replicas))
            .await
            .unwrap();
    }
    until_ready(&mine, "web", 2).await.unwrap();
    until_ready(&yours, "web", 3).await.unwrap();
    mine.api::<Deployment>()
        .delete("web", &DeleteParams::background())
        .await
        .unwrap();
    eventually(PATIENCE, "the pods go with their Deployment", async || {
        let left = mine.api::<Pod>().list(&ListParams::default()).await?.items.len();
        ensure!(left == 0, "{left} are left");
        Ok(())
    })
    .await
    .unwrap();
    until_ready(&yours, "web", 3).await.unwrap();
}

#[tokio::test]
async fn a_namespace_goes_with_its_test() {
    let namespace = Namespace::new("short").await.unwrap();
    let (name, client) = (namespace.name().to_owned(), namespace.client());
    namespace
        .api::<ConfigMap>()
        .create(&PostParams::default(), &named("map"))
        .await
        .unwrap();
    drop(namespace);
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client);
    eventually(PATIENCE, "the namespace is gone", async || {
        let left = namespaces.get_opt(&name).await?;
        ensure!(left.is_none(), "{left:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_audit_log_tells_who_has_written_what() {
    let namespace = Namespace::new("audit").await.unwrap();
    let writer = service_account(&namespace, "writer").await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(writer.clone(), namespace.name());
    let secrets: Api<Secret> = Api::namespaced(writer, namespace.name());
    maps.create(&PostParams::default(), &named("before"))
        .await
        .unwrap();
    let log = namespace.cluster().audit().await.unwrap();
    let mark = log.mark().await.unwrap();
    maps.create(&PostParams::default(), &named("after"))
        .await
        .unwrap();
    maps.get("after").await.unwrap();
    secrets
        .create(&PostParams::default(), &Secret::default())
        .await
        .unwrap_err();
    namespace
        .kubectl(&["create", "configmap", "another"])
        .await
        .unwrap()
        .succeeded()
        .unwrap();

    let user = format!("system:serviceaccount:{}:writer", namespace.name());
    let entries = log.since(mark).await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .filter(|entry| entry.user == user)
        .map(|entry| {
            (
                &*entry.verb,
                &*entry.resource,
                &*entry.namespace,
                &*entry.name,
                entry.status,
                entry.is_write(),
            )
        })
        .collect();
    let here = namespace.name();
    assert_eq!(
        told,
        [
            ("create", "configmaps", here, "after", Some(201), true),
            ("get", "configmaps", here, "after", Some(200), false),
            ("create", "secrets", here, "", Some(403), true),
        ]
    );
    let another = entries.iter().find(|entry| entry.name == "another").unwrap();
    assert_eq!(another.user, "admin");
    assert!(another.agent.starts_with("kubectl/"), "{another:?}");
}

#[tokio::test]
async fn the_audit_log_is_settled_when_it_is_read() {
    let namespace = Namespace::new("settled").await.unwrap();
    let log = namespace.cluster().audit().await.unwrap();
    for round in 0..20 {
        let mark = log.mark().await.unwrap();
        let name = format!("map-{round}");
        namespace
            .api::<ConfigMap>()
            .create(&PostParams::default(), &named(&name))
            .await
            .unwrap();
        let entries = log.since(mark).await.unwrap();
        let creations = entries
            .iter()
            .filter(|entry| entry.namespace == namespace.name() && entry.verb == "create");
        let names: Vec<_> = creations.map(|entry| &*entry.name).collect();
        assert_eq!(names, [&*name]);
    }
}

#[tokio::test]
async fn kubectl_and_helm_run_in_a_namespace() {
    let namespace = Namespace::new("tools").await.unwrap();
    let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}).to_string();
    let applied = namespace
        .kubectl_with(&["apply", "-f", "-"], &manifest)
        .await
        .unwrap();
    assert_eq!(applied.succeeded().unwrap(), "configmap/one created\n");
    let missing = namespace.kubectl(&["get", "configmap", "two"]).await.unwrap();
    assert!(
        !missing.success && missing.stderr.contains("NotFound"),
        "{missing:?}"
    );

    let chart = namespace
        .cluster()
        .folder()
        .join(format!("{}-chart/web", namespace.name()));
    fs::create_dir_all(chart.parent().unwrap()).unwrap();
    let chart = chart.to_str().unwrap();
    namespace
        .helm(&["create", chart])
        .await
        .unwrap()
        .succeeded()
        .unwrap();
    let install = [
        "install",
        "web",
        chart,
        "--set",
        "replicaCount=2",
        "--wait",
        "--timeout",
        "30s",
    ];
    namespace.helm(&install).await.unwrap().succeeded().unwrap();
    let releases = namespace
        .helm(&["list", "--output", "json"])
        .await
        .unwrap()
        .succeeded()
        .unwrap();
    let releases: Value = serde_json::from_str(&releases).unwrap();
    assert_eq!(
        (&releases[0]["name"], &releases[0]["status"]),
        (&json!("web"), &json!("deployed"))
    );
    until_ready(&namespace, "web", 2).await.unwrap();
}

#[tokio::test]
async fn who_waits_in_vain_is_told_what_was_seen_last() {
    let within = Duration::from_millis(200);
    let mut looks = 0;
    let failed = eventually(within, "three pods are ready", async || -> anyhow::Result<()> {
        looks += 1;
        anyhow::bail!("{looks} of them are")
    });
    let words = failed.await.unwrap_err().to_string();
    assert!(
        words.starts_with("not within 200ms: three pods are ready. Last seen: "),
        "{words}"
    );
    assert!(
        words.ends_with(" of them are") && !words.contains(": 1 of them"),
        "{words}"
    );
    let hung = eventually(within, "the end", async || {
        std::future::pending::<anyhow::Result<()>>().await
    });
    assert!(hung.await.unwrap_err().to_string().contains("The first look"));
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "says how long it takes")]
async fn a_command_runs_beside_a_cluster_with_its_manifests_and_nothing_is_left() {
    let _alone = alone().await;
    let manifest = std::env::temp_dir().join(format!("manifest-{:08x}.json", rand::random::<u32>()));
    fs::write(&manifest, custom_resource().to_string()).unwrap();
    let began = Instant::now();
    let mut run = Command::new(SCRIPT)
        .args(["run", "sh", "-c"])
        .arg("echo $CHAT_TEST_CLUSTER; kubectl explain thing; read -r status; exit $status")
        .env("CHAT_TEST_MANIFESTS", &manifest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let folder = PathBuf::from(lines.next().unwrap());
    let started = began.elapsed();
    assert_eq!(lines.next().unwrap(), "GROUP:      chat.test");
    let daemons = daemons(&folder);
    assert_eq!(daemons.len(), 5, "{daemons:?}");
    let told = Instant::now();
    run.stdin.take().unwrap().write_all(b"3\n").unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(3));
    eprintln!(
        "a cluster has started within {started:?}, and ended within {:?}",
        told.elapsed()
    );
    assert!(daemons.iter().all(|&id| is_gone(id)), "{daemons:?}");
    assert!(!folder.exists());
    fs::remove_file(manifest).unwrap();
}

/// The process that is killed is this test once more.
#[tokio::test]
async fn a_cluster_ends_with_a_process_that_is_killed() {
    const KILLED: &str = "CHAT_TEST_IS_KILLED";
    if std::env::var_os(KILLED).is_some() {
        let cluster = Cluster::start().unwrap();
        println_folder(&cluster);
        std::future::pending::<()>().await;
    }
    let _alone = alone().await;
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_cluster_ends_with_a_process_that_is_killed",
            "--nocapture",
        ])
        .env(KILLED, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut folders = lines.filter_map(|line| {
        line.split_once("folder ")
            .map(|(_, folder)| PathBuf::from(folder))
    });
    let folder = folders.next().unwrap();
    let daemons = daemons(&folder);
    assert_eq!(daemons.len(), 5, "{daemons:?}");
    process.kill().unwrap();
    process.wait().unwrap();
    eventually(PATIENCE, "nothing is left", async || {
        let left: Vec<_> = daemons.iter().filter(|&&id| !is_gone(id)).collect();
        ensure!(
            left.is_empty() && !folder.exists(),
            "{left:?} of {}",
            folder.display()
        );
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn daemons_die_with_a_keeper_that_is_killed_and_the_next_one_sweeps_up() {
    let _alone = alone().await;
    let cluster = Cluster::start().unwrap();
    let folder = cluster.folder().to_owned();
    let daemons = daemons(&folder);
    assert_eq!(daemons.len(), 5, "{daemons:?}");
    let keeper = Process::new(daemons[0]).unwrap().stat().unwrap().ppid;
    kill_process(Pid::from_raw(keeper).unwrap(), Signal::KILL).unwrap();
    eventually(PATIENCE, "the daemons are gone", async || {
        let left: Vec<_> = daemons.iter().filter(|&&id| !is_gone(id)).collect();
        ensure!(left.is_empty(), "{left:?} are left");
        Ok(())
    })
    .await
    .unwrap();
    assert!(folder.exists());
    // It has no programs, and sweeps before it says so.
    keep_without_programs();
    assert!(!folder.exists());
}

#[test]
fn a_cluster_that_lacks_a_program_names_what_builds_it() {
    let words = keep_without_programs();
    assert!(
        words.starts_with("MISSING: kube-apiserver kube-controller-manager"),
        "{words}"
    );
    assert!(words.contains("tests/kubernetes/build"), "{words}");
}

/// Those that start clusters of their own take turns: two of them are enough for a small machine.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

#[expect(clippy::print_stdout, reason = "another process reads it")]
fn println_folder(cluster: &Cluster) {
    println!("folder {}", cluster.folder().display());
}

/// What a keeper says who finds no programs.
fn keep_without_programs() -> String {
    let output = Command::new(SCRIPT)
        .arg("keep")
        .env("XDG_CACHE_HOME", "/nonexistent")
        .env_remove("KUBEBUILDER_ASSETS")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The process ids of a cluster's daemons.
fn daemons(folder: &Path) -> Vec<i32> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "pid"))
        .map(|path| fs::read_to_string(path).unwrap().trim().parse().unwrap())
        .collect()
}

/// Whether a process has ended, though nobody may have asked for its status yet.
fn is_gone(id: i32) -> bool {
    let state = Process::new(id).and_then(|process| process.stat()?.state());
    !state.is_ok_and(|state| state != ProcState::Zombie)
}

fn named<K: kube::Resource<DynamicType = ()> + Default>(name: &str) -> K {
    let mut object = K::default();
    *object.meta_mut() = ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    };
    object
}

/// A kind called Thing.
fn custom_resource() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object"}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.chat.test"},
        "spec": {
            "group": "chat.test",
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
        },
    })
}

fn deployment(name: &str, replicas: u32) -> Deployment {
    let labels = json!({"app": name});
    let container = json!({"name": "main", "image": "localhost/nothing:1"});
    let object = json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    });
    serde_json::from_value(object).unwrap()
}

async fn until_ready(namespace: &Namespace, deployment: &str, replicas: i32) -> anyhow::Result<()> {
    eventually(PATIENCE, "the Deployment's pods are ready", async || {
        let status = namespace.api::<Deployment>().get(deployment).await?.status;
        let ready = status
            .context("it has no status")?
            .ready_replicas
            .unwrap_or_default();
        ensure!(ready == replicas, "{ready} of {replicas} are ready");
        Ok(())
    })
    .await
}

/// A client of a new service account that may do everything with ConfigMaps here, and nothing else.
async fn service_account(namespace: &Namespace, name: &str) -> anyhow::Result<Client> {
    let here = namespace.name();
    let account = format!("--serviceaccount={here}:{name}");
    let commands: [&[&str]; 3] = [
        &["create", "serviceaccount", name],
        &["create", "role", name, "--verb=*", "--resource=configmaps"],
        &["create", "rolebinding", name, "--role", name, &account],
    ];
    for command in commands {
        namespace.kubectl(command).await?.succeeded()?;
    }
    let cluster = namespace.cluster();
    cluster
        .client_with(&cluster.kubeconfig_of(here, name).await?)
        .await
}

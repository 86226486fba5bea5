//! The operator and the pod share no type: here the pod reads the environment and the files that the operator gives it, as
//! kubelet would hand them over. The Deployments are the ones that the operator's own tests have written down.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use signaling::config::{Config, Topology, Warning};

/// Where the operator mounts credentials.
const MOUNTED: &str = "/etc/chat";

/// Deployments, by the name of the ChatService's file.
fn deployments() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../operator/tests/golden");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let deployments: BTreeMap<_, _> = files
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            let mut objects = objects.into_iter();
            let deployment = objects.find(|object| object["kind"] == "Deployment").unwrap();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), deployment)
        })
        .collect();
    assert!(deployments.len() > 20, "{}", deployments.len());
    deployments
}

/// A pod as kubelet would start it: its variables, and its files in a folder that goes with it.
struct Started {
    variables: BTreeMap<String, String>,
    files: Vec<PathBuf>,
    folder: PathBuf,
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Started {
    fn new(name: &str, pod: &Value) -> Self {
        // Several tests start the same pod at a time.
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let (process, number) = (std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("operator-environment-{process}-{number}-{name}"));
        fs::create_dir_all(&folder).unwrap();
        let container = &pod["containers"][0];
        assert_eq!(container["volumeMounts"][0]["mountPath"], MOUNTED);
        let mut started = Self {
            variables: BTreeMap::new(),
            files: Vec::new(),
            folder,
        };
        for source in pod["volumes"][0]["projected"]["sources"].as_array().unwrap() {
            let source = source.as_object().unwrap().values().next().unwrap();
            for item in source["items"].as_array().unwrap() {
                let path = started.folder.join(item["path"].as_str().unwrap());
                fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
                started.files.push(path);
            }
        }
        for variable in container["env"].as_array().unwrap() {
            if let Some(value) = started.value(variable) {
                let name = variable["name"].as_str().unwrap().to_owned();
                assert!(started.variables.insert(name, value).is_none(), "{variable}");
            }
        }
        started
    }

    /// What kubelet makes of a variable; nothing where it comes from what is not there and need not be.
    fn value(&self, variable: &Value) -> Option<String> {
        let from = &variable["valueFrom"];
        if from["fieldRef"]["fieldPath"] == "metadata.name" {
            return Some("acme-6f7d9c5b8-x2x4z".to_owned());
        }
        if from["fieldRef"]["fieldPath"] == "status.podIP" {
            return Some("10.244.0.7".to_owned());
        }
        if from["secretKeyRef"].is_object() {
            return Some("user".to_owned());
        }
        if from["configMapKeyRef"].is_object() {
            assert_eq!(from["configMapKeyRef"]["optional"], true);
            return None;
        }
        let value = variable["value"].as_str().unwrap();
        let value = value.replace(MOUNTED, self.folder.to_str().unwrap());
        let value = value.replace("$$(", "\u{0}");
        let value = self.variables.iter().fold(value, |value, (name, known)| {
            value.replace(&format!("$({name})"), known)
        });
        Some(value.replace('\u{0}', "$("))
    }

    fn config(&self) -> (Config, Vec<Warning>) {
        Config::from_env(self.variables.clone()).unwrap()
    }
}

fn started(name: &str, deployment: &Value) -> Started {
    Started::new(name, &deployment["spec"]["template"]["spec"])
}

#[test]
fn the_pod_accepts_every_environment_that_the_operator_builds() {
    for (name, deployment) in deployments() {
        let started = started(&name, &deployment);
        let (config, warnings) = started.config();
        config.check_files().unwrap();
        // What this release of the pod does not do yet is no fault of the operator's.
        let warnings: Vec<_> = warnings
            .iter()
            .filter(|warning| !matches!(warning, Warning::NotYetUsed { .. }))
            .collect();
        assert!(warnings.is_empty(), "{name}: {warnings:?}");
        assert!(config.server.production, "{name}");
        assert_eq!(config.pod.id, "acme-6f7d9c5b8-x2x4z");
        assert_eq!(config.pod.address.as_deref(), Some("10.244.0.7:3000"));
        assert!(
            config.pod.secret.is_some() && config.redis.is_some(),
            "{name}: pods are one service"
        );
    }
}

#[test]
fn every_file_is_named_by_a_variable_and_every_variable_names_one() {
    for (name, deployment) in deployments() {
        let started = started(&name, &deployment);
        let mut named: Vec<_> = started
            .variables
            .iter()
            .filter(|(variable, _)| variable.ends_with("_FILE"))
            .map(|(_, path)| PathBuf::from(path))
            .collect();
        let mut files = started.files.clone();
        named.sort();
        files.sort();
        assert_eq!(named, files, "{name}");
    }
}

#[test]
fn ports_probes_and_the_grace_period_fit_what_the_pod_does() {
    for (name, deployment) in deployments() {
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let started = started(&name, &deployment);
        let (config, _) = started.config();
        let port = |name: &str| {
            let ports = container["ports"].as_array().unwrap().iter();
            let mut ports = ports.filter(|port| port["name"] == name);
            ports.next().unwrap()["containerPort"].as_u64()
        };
        assert_eq!(port("client"), Some(config.server.address.port().into()));
        let metrics = config.server.metrics_address.unwrap();
        assert_eq!(port("metrics"), Some(metrics.port().into()));
        let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
        assert_eq!(grace, config.drain.timeout.as_secs() + 30, "{name}");
        assert!(config.drain.timeout > config.drain.shutdown_delay, "{name}");
        let scheme = if config.server.tls.is_some() {
            "HTTPS"
        } else {
            "HTTP"
        };
        for (probe, path) in [
            ("readinessProbe", "/health/ready"),
            ("livenessProbe", "/health/live"),
        ] {
            let get = &container[probe]["httpGet"];
            assert_eq!((&get["path"], &get["port"]), (&path.into(), &"client".into()));
            assert_eq!(get["scheme"], scheme, "{name}");
        }
        assert_eq!(config.workers.count, 1, "a worker of the scaling table is a pod");
    }
}

#[test]
fn settings_of_the_spec_arrive() {
    let deployments = deployments();
    let config = |name: &str| started(name, &deployments[name]).config().0;

    assert_eq!(config("users-1000").max_connections(), 400);
    assert_eq!(config("users-1000").redis.unwrap().prefix, "chat/acme");
    assert_eq!(config("ingress").server.trusted_hops, 1);
    assert_eq!(config("gateway").server.trusted_hops, 1);
    assert_eq!(config("load-balancer").server.trusted_hops, 0);
    assert!(config("load-balancer").server.tls.is_some());
    assert!(config("ingress-with-demo-page").server.demo_page);
    assert_eq!(
        config("ingress").server.client_origins,
        ["https://chat.example.com", "https://chat.example.org"]
    );

    let redis = config("redis-standalone").redis.unwrap();
    assert_eq!(redis.urls, ["rediss://redis.example.com:6380/3"]);
    assert!(redis.ca.is_some() && redis.password.is_some());
    assert_eq!(redis.username.as_deref(), Some("user"));
    let redis = config("redis-sentinel").redis.unwrap();
    assert_eq!(redis.urls.len(), 3);
    assert_eq!(
        redis.topology,
        Topology::Sentinel {
            master: "chat".to_owned()
        }
    );
    let redis = config("redis-cluster").redis.unwrap();
    assert_eq!((redis.topology, redis.pool_size), (Topology::Cluster, 6));

    let kafka = config("kafka-external").kafka.unwrap();
    assert_eq!(
        (kafka.security.protocol, kafka.security.mechanism),
        ("SASL_SSL", "SCRAM-SHA-512")
    );
    assert_eq!((&*kafka.topic, kafka.batch_size), ("chat.events", 500));
    let kafka = config("kafka-strimzi").kafka.unwrap();
    assert!(kafka.security.identity.is_some() && kafka.security.ca.is_some());
    assert_eq!(kafka.brokers, ["events-kafka-bootstrap:9093"]);
    assert_eq!(
        config("kafka-development").kafka.unwrap().brokers,
        ["acme-kafka:9092"]
    );
    assert!(config("users-100").kafka.is_none());

    let turn = config("turn-and-jwt").turn;
    assert_eq!((turn.urls.len(), turn.ttl.as_secs()), (2, 1800));
    let auth = config("turn-and-jwt").auth;
    assert!(auth.public_key.is_some());
    assert_eq!(auth.audience.as_deref(), Some("chat"));
    assert!(config("jwt-secret").auth.secret.is_some());
    assert!(config("jwt-secret").turn.stun_urls.is_empty());
    assert!(config("jwks").auth.jwks.is_some());

    let all = config("every-setting");
    assert_eq!(all.sessions.match_timeout.as_secs(), 30);
    assert_eq!(all.drain.disconnects_per_second, Some(20));
    assert_eq!((all.rate_limit.max_requests, all.server.trusted_hops), (50, 2));
}

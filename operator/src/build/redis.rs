//! The managed Redis: one pod, an index that signaling pods write anew when it has come back empty.

use crds::{Storage, UpdatePolicy};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, KeyToPath, PersistentVolumeClaim, PersistentVolumeClaimSpec, PodSpec,
    PodTemplateSpec, Probe, SecretVolumeSource, TCPSocketAction, Volume, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::secrets::{Generated, USERS_KEY};
use super::template::{Shape, choose};
use super::{BuildError, Building, Kind, REDIS_PORT, security};
use crate::names::{self, Component, SUITABILITY_LABEL};
use crate::validate::{ManagedRedis, ValidatedChatService};

/// The user that the images of Redis and Valkey have for it.
const USER: i64 = 999;
const PORT_NAME: &str = "redis";
const DATA: &str = "data";
const DATA_DIRECTORY: &str = "/data";
const USERS: &str = "users";
const USERS_DIRECTORY: &str = "/etc/redis";
/// One pod is not highly available, with or without a volume.
const SUITABILITY: &str = "no-high-availability";

pub(super) fn add(
    building: &mut Building<'_>,
    redis: &ManagedRedis,
    generated: &Generated,
) -> Result<(), BuildError> {
    let (chat, facts) = (building.chat, building.facts);
    let name = names::redis(&chat.name);
    let selector = names::selector(&chat.name, Component::Redis);
    let service = json!({ "spec": {
        "selector": selector,
        "ports": [{ "name": PORT_NAME, "port": REDIS_PORT, "targetPort": PORT_NAME, "protocol": "TCP" }],
    }});
    building.add(Kind::Service, &name, Component::Redis, service)?;
    let shape = Shape {
        spec: &chat.redis_shape,
        // It reads its users when it starts.
        content: generated.users.clone().unwrap_or_default(),
        is_complete: true,
        immediate: chat.update_policy == UpdatePolicy::Immediate,
    };
    let image = redis.image.as_ref().unwrap_or(&facts.operator.redis_image);
    let chosen = choose(facts.redis.as_ref(), template(chat, redis, image), &shape);
    building.note_update(Component::Redis, &chosen, image);
    let wanted: Vec<_> = redis.storage.iter().map(claim).collect();
    let claims = match &facts.redis {
        Some(live) if !are_alike(&live.claims, &wanted) => {
            building.built.keeps_old_volume = true;
            live.claims.clone()
        }
        _ => wanted,
    };
    let mut spec = json!({
        "replicas": 1,
        "serviceName": name,
        "selector": { "matchLabels": selector },
        "template": chosen.template,
        // What is in it can be had again; a volume that nobody owns could not be told from others.
        "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete", "whenScaled": "Retain" },
    });
    if !claims.is_empty() {
        spec["volumeClaimTemplates"] = json!(claims);
    }
    let spec = json!({ "spec": spec });
    let child = building.add(Kind::StatefulSet, &name, Component::Redis, spec)?;
    child.object.metadata.annotations = Some(chosen.annotations);
    let labels = child.object.metadata.labels.get_or_insert_default();
    labels.insert(SUITABILITY_LABEL.to_owned(), SUITABILITY.to_owned());
    Ok(())
}

fn template(chat: &ValidatedChatService, redis: &ManagedRedis, image: &str) -> PodTemplateSpec {
    let users = Volume {
        name: USERS.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(names::redis(&chat.name)),
            items: Some(vec![KeyToPath {
                key: USERS_KEY.to_owned(),
                path: USERS_KEY.to_owned(),
                mode: None,
            }]),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    };
    let scratch = redis.storage.is_none().then(|| security::scratch(DATA));
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(names::labels(&chat.name, Component::Redis)),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            containers: vec![container(redis, image)],
            volumes: Some([users].into_iter().chain(scratch).collect()),
            security_context: Some(security::pod(USER)),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            ..PodSpec::default()
        }),
    }
}

fn container(redis: &ManagedRedis, image: &str) -> Container {
    let probe = |period_seconds: i32| Probe {
        tcp_socket: Some(TCPSocketAction {
            port: IntOrString::String(PORT_NAME.to_owned()),
            host: None,
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(3),
        ..Probe::default()
    };
    let mut users = security::mount(USERS, USERS_DIRECTORY);
    users.read_only = Some(true);
    Container {
        name: Component::Redis.to_string(),
        image: Some(image.to_owned()),
        args: Some(arguments(redis)),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: REDIS_PORT.into(),
            ..ContainerPort::default()
        }]),
        resources: Some(redis.resources.clone()),
        readiness_probe: Some(probe(5)),
        liveness_probe: Some(probe(10)),
        security_context: Some(security::container()),
        volume_mounts: Some(vec![users, security::mount(DATA, DATA_DIRECTORY)]),
        ..Container::default()
    }
}

/// Settings as options, which images of Redis and Valkey take in place of a command.
fn arguments(redis: &ManagedRedis) -> Vec<String> {
    let mut arguments = vec![
        ("--aclfile", format!("{USERS_DIRECTORY}/{USERS_KEY}")),
        ("--dir", DATA_DIRECTORY.to_owned()),
        ("--save", String::new()),
        (
            "--appendonly",
            if redis.storage.is_some() { "yes" } else { "no" }.to_owned(),
        ),
    ];
    if let Some(bytes) = redis.max_memory {
        arguments.push(("--maxmemory", bytes.to_string()));
        // A write that is refused is tried again; a ticket that vanishes would be a person who waits for ever.
        arguments.push(("--maxmemory-policy", "noeviction".to_owned()));
    }
    let arguments = arguments.into_iter();
    arguments
        .flat_map(|(option, value)| [option.to_owned(), value])
        .collect()
}

fn claim(storage: &Storage) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(DATA.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: storage.class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), storage.size.clone())].into()),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

/// Whether the live claims ask for what is wanted, whatever the API server has filled in.
fn are_alike(live: &[PersistentVolumeClaim], wanted: &[PersistentVolumeClaim]) -> bool {
    let asked = |claim: &PersistentVolumeClaim| {
        let spec = claim.spec.clone().unwrap_or_default();
        let requests = spec.resources.and_then(|resources| resources.requests);
        let size = requests.and_then(|requests| requests.get("storage").cloned());
        (size, spec.storage_class_name)
    };
    live.iter().map(asked).eq(wanted.iter().map(asked))
}

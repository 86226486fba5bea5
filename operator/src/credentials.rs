//! The credentials of a pod: files of Secrets and ConfigMaps, and the variables that name the files.
//!
//! All of them are one projected volume. A file is not mounted by a `subPath`, which would never be renewed.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, KeyToPath, ProjectedVolumeSource, SecretProjection, Volume, VolumeMount,
    VolumeProjection,
};

use crate::contents::{Source, SourceKind, Sources};
use crate::names;
use crate::validate::{Brokers, JwtKey, RedisServer, ValidatedChatService};

/// Where the files are.
pub const DIRECTORY: &str = "/etc/chat";
/// The key of the generated Secret with what all pods share.
pub const POD_SECRET_KEY: &str = "secret";
/// The key of the managed Redis's password in its Secret.
pub const PASSWORD_KEY: &str = "password";

/// A Secret or ConfigMap, and the files that pods get of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The object.
    pub source: Source,
    /// Its files.
    pub files: Vec<File>,
}

/// A key of a Secret or ConfigMap that is a file in the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The key.
    pub key: String,
    /// The file's name in [`DIRECTORY`].
    pub name: &'static str,
    /// The environment variable that tells the pod of it.
    pub variable: &'static str,
}

impl File {
    /// The file's whole path.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{DIRECTORY}/{}", self.name)
    }
}

fn file(key: &str, name: &'static str, variable: &'static str) -> File {
    File {
        key: key.to_owned(),
        name,
        variable,
    }
}

/// Those that the operator generates: what all pods share, and the managed Redis's password.
#[must_use]
pub fn generated(chat: &ValidatedChatService) -> Vec<Credential> {
    let mut all = vec![Credential {
        source: Source::secret(names::pod_secret(&chat.name)),
        files: vec![file(POD_SECRET_KEY, "pod-secret", "POD_SECRET_FILE")],
    }];
    if let RedisServer::Managed(_) = chat.redis.server {
        all.push(Credential {
            source: Source::secret(names::redis(&chat.name)),
            files: vec![file(PASSWORD_KEY, "redis-password", "REDIS_PASSWORD_FILE")],
        });
    }
    all
}

/// Those that the spec names, or that Strimzi makes for it.
#[must_use]
pub fn named(chat: &ValidatedChatService) -> Vec<Credential> {
    let mut all = Vec::new();
    let mut add = |source: Source, files: Vec<File>| all.push(Credential { source, files });
    if let RedisServer::External(redis) = &chat.redis.server {
        if let Some(login) = &redis.credentials {
            let password = file(&login.password_key, "redis-password", "REDIS_PASSWORD_FILE");
            add(Source::secret(&login.name), vec![password]);
        }
        if let Some(ca) = redis.tls.as_ref().and_then(Option::as_ref) {
            let ca_file = file(&ca.key, "redis-ca.crt", "REDIS_TLS_CA_FILE");
            add(Source::secret(&ca.name), vec![ca_file]);
        }
    }
    match &chat.kafka.brokers {
        Brokers::External(kafka) => {
            if let Some((_, login)) = &kafka.login {
                let password = file(&login.password_key, "kafka-password", "KAFKA_SASL_PASSWORD_FILE");
                add(Source::secret(&login.name), vec![password]);
            }
            if let Some(ca) = &kafka.ca {
                let ca_file = file(&ca.key, "kafka-ca.crt", "KAFKA_TLS_CA_FILE");
                add(Source::secret(&ca.name), vec![ca_file]);
            }
        }
        Brokers::Strimzi(cluster) => {
            let ca_file = file("ca.crt", "kafka-ca.crt", "KAFKA_TLS_CA_FILE");
            add(Source::secret(strimzi_authority(cluster)), vec![ca_file]);
            let certificate = file("user.crt", "kafka-user.crt", "KAFKA_TLS_CERT_FILE");
            let key = file("user.key", "kafka-user.key", "KAFKA_TLS_KEY_FILE");
            add(Source::secret(names::events(&chat.name)), vec![certificate, key]);
        }
        Brokers::Disabled | Brokers::Managed => {}
    }
    if let Some((_, secret)) = &chat.turn.relays {
        let secret_file = file(&secret.key, "turn-secret", "TURN_SECRET_FILE");
        add(Source::secret(&secret.name), vec![secret_file]);
    }
    match chat.jwt.as_ref().map(|jwt| &jwt.key) {
        Some(JwtKey::Secret(secret)) => {
            let secret_file = file(&secret.key, "jwt-secret", "AUTH_JWT_SECRET_FILE");
            add(Source::secret(&secret.name), vec![secret_file]);
        }
        Some(JwtKey::PublicKey(key)) => {
            let key_file = file(&key.key, "jwt-public.pem", "AUTH_JWT_PUBLIC_KEY_FILE");
            add(Source::secret(&key.name), vec![key_file]);
        }
        Some(JwtKey::KeySet(set)) => {
            let set_file = file(&set.key, "jwks.json", "AUTH_JWKS_FILE");
            add(Source::config_map(&set.name), vec![set_file]);
        }
        None => {}
    }
    if let Some(secret) = chat.exposure.pod_certificate() {
        let certificate = file("tls.crt", "tls.crt", "TLS_CERT_FILE");
        let key = file("tls.key", "tls.key", "TLS_KEY_FILE");
        add(Source::secret(secret), vec![certificate, key]);
    }
    all
}

/// The Secret in which Strimzi keeps the certificate authority of the Kafka of this name.
#[must_use]
pub fn strimzi_authority(cluster: &str) -> String {
    format!("{cluster}-cluster-ca-cert")
}

/// The Secrets and ConfigMaps that the spec names, or that Strimzi makes for it, with the keys that pods read as files or
/// as variables. What the operator generates is not among them.
#[must_use]
pub fn sources(chat: &ValidatedChatService) -> Sources {
    let mut sources = Sources::default();
    for Credential { source, files } in named(chat) {
        for file in files {
            sources.require(source.clone(), &file.key);
        }
    }
    add_user_names(chat, &mut sources);
    add_variables(chat, &mut sources);
    sources
}

fn add_user_names(chat: &ValidatedChatService, sources: &mut Sources) {
    if let RedisServer::External(redis) = &chat.redis.server
        && let Some(login) = &redis.credentials
    {
        sources.allow(Source::secret(&login.name), &login.username_key);
    }
    if let Brokers::External(kafka) = &chat.kafka.brokers
        && let Some((_, login)) = &kafka.login
    {
        sources.require(Source::secret(&login.name), &login.username_key);
    }
}

fn add_variables(chat: &ValidatedChatService, sources: &mut Sources) {
    let variables = chat.pods.env.iter();
    for from in variables.filter_map(|variable| variable.value_from.as_ref()) {
        let secret = from.secret_key_ref.as_ref();
        let secret = secret.map(|key| (Source::secret(&key.name), &key.key, key.optional));
        let config_map = from.config_map_key_ref.as_ref();
        let config_map = config_map.map(|key| (Source::config_map(&key.name), &key.key, key.optional));
        for (source, key, optional) in secret.into_iter().chain(config_map) {
            match optional {
                Some(true) => sources.allow(source, key),
                _ => sources.require(source, key),
            }
        }
    }
}

const VOLUME: &str = "credentials";

/// The volume with all files.
#[must_use]
pub fn volume(credentials: &[Credential]) -> Volume {
    let sources = credentials.iter().map(projection).collect();
    Volume {
        name: VOLUME.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(sources),
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn projection(credential: &Credential) -> VolumeProjection {
    let items = credential.files.iter().map(|file| KeyToPath {
        key: file.key.clone(),
        path: file.name.to_owned(),
        mode: None,
    });
    let (name, items) = (credential.source.name.clone(), Some(items.collect()));
    match credential.source.kind {
        SourceKind::Secret => VolumeProjection {
            secret: Some(SecretProjection {
                name,
                items,
                optional: None,
            }),
            ..VolumeProjection::default()
        },
        SourceKind::ConfigMap => VolumeProjection {
            config_map: Some(ConfigMapProjection {
                name,
                items,
                optional: None,
            }),
            ..VolumeProjection::default()
        },
    }
}

/// Where the volume is mounted.
#[must_use]
pub fn mount() -> VolumeMount {
    VolumeMount {
        name: VOLUME.to_owned(),
        mount_path: DIRECTORY.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

//! The environment of a signaling pod. The pod's own README says what each variable means.

use crds::{KafkaProtocol, LogLevel, SaslMechanism};
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, SecretKeySelector};

use super::{CLIENT_PORT, METRICS_PORT, REDIS_PORT};
use crate::credentials::Credential;
use crate::names;
use crate::validate::{Brokers, ExternalKafka, ExternalRedis, RedisServer, Topology, ValidatedChatService};

/// The pod's address, for `POD_ADDRESS` alone. `POD_IP` is what people call theirs in `spec.signaling.env`, which come last:
/// kubelet puts a variable only into those behind it.
const OWN_ADDRESS: &str = "CHAT_POD_IP";

/// Every variable, those of `spec.signaling.env` last. `ipv6`: whether pods have IPv6 addresses.
pub(super) fn environment(
    chat: &ValidatedChatService,
    credentials: &[Credential],
    ipv6: bool,
) -> Vec<EnvVar> {
    let mut env = Environment::default();
    pod(&mut env, chat, ipv6);
    server(&mut env, chat);
    redis(&mut env, chat);
    kafka(&mut env, chat);
    clients(&mut env, chat);
    for file in credentials.iter().flat_map(|credential| &credential.files) {
        env.set(file.variable, file.path());
    }
    let mut env = env.0;
    // What people may set wins: `HOST`.
    env.retain(|own| chat.pods.env.iter().all(|given| given.name != own.name));
    env.extend(chat.pods.env.iter().cloned());
    env
}

#[derive(Default)]
struct Environment(Vec<EnvVar>);

impl Environment {
    /// A value as it is: kubelet would put a variable in place of `$(NAME)`.
    fn set(&mut self, name: &str, value: impl ToString) {
        self.push(name, Some(value.to_string().replace("$(", "$$(")), None);
    }

    fn set_if(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A value in which kubelet puts variables in place of their names.
    fn expand(&mut self, name: &str, value: &str) {
        self.push(name, Some(value.to_owned()), None);
    }

    fn field(&mut self, name: &str, path: &str) {
        let from = EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: path.to_owned(),
                api_version: None,
            }),
            ..EnvVarSource::default()
        };
        self.push(name, None, Some(from));
    }

    fn secret(&mut self, name: &str, secret: &str, key: &str, optional: bool) {
        let from = EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: secret.to_owned(),
                key: key.to_owned(),
                optional: optional.then_some(true),
            }),
            ..EnvVarSource::default()
        };
        self.push(name, None, Some(from));
    }

    fn push(&mut self, name: &str, value: Option<String>, value_from: Option<EnvVarSource>) {
        self.0.push(EnvVar {
            name: name.to_owned(),
            value,
            value_from,
        });
    }
}

fn pod(env: &mut Environment, chat: &ValidatedChatService, ipv6: bool) {
    env.set("NODE_ENV", "production");
    env.field("POD_ID", "metadata.name");
    env.field(OWN_ADDRESS, "status.podIP");
    // Where Redis has no name yet, a pod cannot find out by which of its addresses others would reach it.
    if ipv6 {
        env.set("HOST", "::");
        env.expand("POD_ADDRESS", &format!("[$({OWN_ADDRESS})]:{CLIENT_PORT}"));
    } else {
        env.expand("POD_ADDRESS", &format!("$({OWN_ADDRESS}):{CLIENT_PORT}"));
    }
    env.set("CLUSTER_WORKERS", 1);
    env.set("MAX_CONNECTIONS_PER_WORKER", chat.sizing.connections_per_pod);
    let drain = &chat.pods.drain;
    env.set("DRAIN_TIMEOUT_MS", i64::from(drain.timeout_seconds) * 1000);
    env.set_if("DRAIN_DISCONNECTS_PER_SECOND", drain.max_disconnects_per_second);
    env.set("LOG_LEVEL", log_level(chat.pods.log_level));
}

fn log_level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

fn server(env: &mut Environment, chat: &ValidatedChatService) {
    env.set("PORT", CLIENT_PORT);
    env.set("METRICS_PORT", METRICS_PORT);
    env.set("CLIENT_URL", &chat.pods.client_url);
    env.set("DEMO_PAGE", chat.pods.demo_page);
    env.set("TRUST_PROXY", chat.trusted_hops);
    env.set(
        "RATE_LIMIT_WINDOW_MS",
        i64::from(chat.rate_limit.window_seconds) * 1000,
    );
    env.set("RATE_LIMIT_MAX_REQUESTS", chat.rate_limit.max_requests);
}

fn redis(env: &mut Environment, chat: &ValidatedChatService) {
    match &chat.redis.server {
        RedisServer::Managed(_) => {
            let host = names::redis(&chat.name);
            env.set("REDIS_URL", format!("redis://{host}:{REDIS_PORT}"));
        }
        RedisServer::External(external) => external_redis(env, external),
    }
    env.set("REDIS_PREFIX", &chat.redis.prefix);
    env.set("REDIS_POOL_SIZE", chat.sizing.pool_size_per_pod);
    let ttls = &chat.redis.ttls;
    env.set("REDIS_TTL_SOCKET_MAP", ttls.socket_map_seconds);
    env.set("REDIS_TTL_MATCH_MAP", ttls.match_map_seconds);
    env.set("REDIS_TTL_USER_STATS", ttls.user_stats_seconds);
}

fn external_redis(env: &mut Environment, redis: &ExternalRedis) {
    let scheme = if redis.tls.is_some() { "rediss" } else { "redis" };
    let database = match redis.database {
        0 => String::new(),
        number => format!("/{number}"),
    };
    let urls = redis.endpoints.iter();
    let urls: Vec<_> = urls
        .map(|endpoint| format!("{scheme}://{endpoint}{database}"))
        .collect();
    env.set("REDIS_URL", urls.join(","));
    match &redis.topology {
        Topology::Standalone => {}
        Topology::Cluster => env.set("REDIS_TOPOLOGY", "cluster"),
        Topology::Sentinel(master) => {
            env.set("REDIS_TOPOLOGY", "sentinel");
            env.set("REDIS_SENTINEL_MASTER", master);
        }
    }
    if let Some(login) = &redis.credentials {
        env.secret("REDIS_USERNAME", &login.name, &login.username_key, true);
    }
}

fn kafka(env: &mut Environment, chat: &ValidatedChatService) {
    let kafka = &chat.kafka;
    match &kafka.brokers {
        Brokers::Disabled => return,
        Brokers::External(external) => external_kafka(env, external),
        Brokers::Strimzi(cluster) => {
            env.set("KAFKA_BROKERS", format!("{cluster}-kafka-bootstrap:9093"));
            env.set("KAFKA_SECURITY_PROTOCOL", "SSL");
        }
        Brokers::Managed => {
            let host = names::kafka(&chat.name);
            env.set("KAFKA_BROKERS", format!("{host}:{}", super::KAFKA_PORT));
        }
    }
    env.set("KAFKA_TOPIC_EVENTS", &kafka.topic);
    env.set("KAFKA_BATCH_SIZE", kafka.batch_size);
    env.set("KAFKA_BATCH_TIMEOUT", kafka.batch_timeout_ms);
}

fn external_kafka(env: &mut Environment, kafka: &ExternalKafka) {
    env.set("KAFKA_BROKERS", kafka.servers.join(","));
    let protocol = match kafka.protocol {
        KafkaProtocol::Plaintext => return,
        KafkaProtocol::Ssl => "SSL",
        KafkaProtocol::SaslPlaintext => "SASL_PLAINTEXT",
        KafkaProtocol::SaslSsl => "SASL_SSL",
    };
    env.set("KAFKA_SECURITY_PROTOCOL", protocol);
    let Some((mechanism, login)) = &kafka.login else {
        return;
    };
    let mechanism = match mechanism {
        SaslMechanism::Plain => "PLAIN",
        SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
        SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
    };
    env.set("KAFKA_SASL_MECHANISM", mechanism);
    env.secret("KAFKA_SASL_USERNAME", &login.name, &login.username_key, false);
}

fn clients(env: &mut Environment, chat: &ValidatedChatService) {
    // Set to nothing they are off; not set at all, there is a default.
    env.set("STUN_URLS", chat.turn.stun_urls.join(","));
    if let Some((urls, _)) = &chat.turn.relays {
        env.set("TURN_URLS", urls.join(","));
        env.set("TURN_TTL_SECONDS", chat.turn.ttl_seconds);
    }
    if let Some(jwt) = &chat.jwt {
        env.set_if("AUTH_JWT_AUDIENCE", jwt.audience.as_ref());
        env.set_if("AUTH_JWT_ISSUER", jwt.issuer.as_ref());
    }
}

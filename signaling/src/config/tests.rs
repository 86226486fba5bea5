#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::variable::Default;
use super::*;

fn read(variables: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), ConfigError> {
    Config::from_env(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

fn config(variables: &[(&str, &str)]) -> Config {
    read(variables).unwrap().0
}

fn refusal(variables: &[(&str, &str)]) -> String {
    read(variables).unwrap_err().to_string()
}

fn warnings(variables: &[(&str, &str)]) -> Vec<String> {
    read(variables)
        .unwrap()
        .1
        .iter()
        .map(Warning::to_string)
        .collect()
}

#[test]
fn nothing_set_means_the_documented_defaults() {
    let (config, warnings) = read(&[]).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.server.address.to_string(), "0.0.0.0:3000");
    assert_eq!(config.max_connections(), 1200);
    assert_eq!(config.rate_limit.max_requests, 200);
    assert_eq!(config.engine.ping_interval, Duration::from_secs(15));
    assert!(config.engine.websocket && config.engine.polling && config.server.demo_page);
    assert_eq!(config.turn.stun_urls, ["stun:stun.l.google.com:19302"]);
    assert!(config.redis.is_none() && config.kafka.is_none() && !config.auth.required());
    assert!((1..=63).contains(&config.pod.id.len()));
}

#[test]
fn every_default_is_a_value_that_its_variable_allows() {
    for variable in table::ALL {
        let Default::Value(value) = variable.default else {
            continue;
        };
        let read = read(&[(variable.name, value)]);
        assert!(read.is_ok(), "{}: {}", variable.name, read.unwrap_err());
    }
}

#[test]
fn every_number_is_held_to_its_bounds() {
    for variable in table::ALL {
        let Kind::Number { min, max, .. } = variable.kind else {
            continue;
        };
        assert!(
            read(&[(variable.name, &max.to_string())]).is_ok(),
            "{}",
            variable.name
        );
        assert!(
            read(&[(variable.name, &min.to_string())]).is_ok(),
            "{}",
            variable.name
        );
        for value in [
            &(max + 1).to_string(),
            "-1",
            "3.5",
            "many",
            "99999999999999999999999",
        ] {
            let line = refusal(&[(variable.name, value)]);
            assert!(
                line.starts_with(&format!("{}={value} is not allowed", variable.name)),
                "{line}"
            );
            assert!(line.contains(&max.to_string()) && !line.contains('\n'), "{line}");
        }
    }
}

#[test]
fn a_refusal_is_one_line_with_name_value_and_what_is_allowed() {
    assert_eq!(
        refusal(&[("PORT", "http")]),
        "PORT=http is not allowed: it takes a whole number from 0 to 65535"
    );
    assert_eq!(
        refusal(&[("LOG_FORMAT", "xml\nyaml")]),
        "LOG_FORMAT=xml\\nyaml is not allowed: it takes one of json, text"
    );
    assert_eq!(
        refusal(&[("DEMO_PAGE", "maybe")]),
        "DEMO_PAGE=maybe is not allowed: it takes true or false"
    );
    assert_eq!(
        refusal(&[("SOCKET_IO_TRANSPORTS", "websocket,carrier-pigeon")]),
        "SOCKET_IO_TRANSPORTS=websocket,carrier-pigeon is not allowed: it takes a comma list out of websocket, polling"
    );
}

#[test]
fn a_refusal_never_repeats_credentials() {
    let line = refusal(&[("REDIS_URL", "http://me:hush@redis")]);
    assert!(line.starts_with("REDIS_URL=… is not allowed"), "{line}");
}

#[test]
fn what_is_set_to_nothing_is_not_set_but_no_stun_server_is_none() {
    let config = config(&[
        ("PORT", ""),
        ("REDIS_PASSWORD", ""),
        ("TURN_SECRET", " "),
        ("STUN_URLS", ""),
    ]);
    assert_eq!(config.server.address.port(), 3000);
    assert!(config.turn.secret.is_none() && config.turn.stun_urls.is_empty());
}

#[test]
fn production_turns_the_demo_page_off_and_json_on() {
    let config = config(&[("NODE_ENV", "production")]);
    assert!(config.server.production && !config.server.demo_page);
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(
        self::config(&[("NODE_ENV", "production"), ("DEMO_PAGE", "TRUE")])
            .server
            .demo_page
    );
}

#[test]
fn what_kubernetes_injects_does_no_harm() {
    let (config, warnings) = read(&[
        ("REDIS_PORT", "tcp://10.0.0.7:6379"),
        ("REDIS_PORT_6379_TCP", "tcp://10.0.0.7:6379"),
        ("REDIS_SERVICE_HOST", "10.0.0.7"),
        ("KAFKA_PORT", "tcp://10.0.0.8:9092"),
        ("METRICS_PORT", "tcp://10.0.0.9:80"),
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
        ("POD_IP", "10.1.0.1"),
        ("HOME", "/"),
    ])
    .unwrap();
    assert_eq!(config.server.metrics_address, None);
    assert!(config.redis.is_none());
    assert_eq!(warnings, [Warning::ServiceLink { name: "METRICS_PORT" }]);
}

#[test]
fn a_misspelling_is_a_warning_and_an_unknown_name_is_nothing() {
    let meant = |name: &str| match read(&[(name, "1")]).unwrap().1.as_slice() {
        [Warning::Misspelling { meant, .. }] => Some(meant.clone()),
        [] => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        meant("RATE_LIMIT_MAX_REQUEST").as_deref(),
        Some("RATE_LIMIT_MAX_REQUESTS")
    );
    assert_eq!(meant("KAFKA_BROKER").as_deref(), Some("KAFKA_BROKERS"));
    assert_eq!(meant("CLUSTER_WROKERS").as_deref(), Some("CLUSTER_WORKERS"));
    assert_eq!(meant("log_level").as_deref(), Some("LOG_LEVEL"));
    assert_eq!(meant("TURN_SECRET_FLIE").as_deref(), Some("TURN_SECRET_FILE"));
    for other in [
        "PATH",
        "HOSTNAME",
        "LOGNAME",
        "TERM",
        "SHELL",
        "PWD",
        "LANG",
        "POST",
        "PYTHONPATH",
        "USER",
    ] {
        assert_eq!(meant(other), None, "{other}");
    }
}

#[test]
fn variables_without_effect_say_so() {
    assert_eq!(
        warnings(&[("NODE_OPTIONS", "--max-old-space-size=2048")]),
        ["NODE_OPTIONS has no effect: this service is not a Node.js process"]
    );
    assert_eq!(
        warnings(&[("KAFKA_BROKERS", "kafka:9092"), ("KAFKA_TOPIC_EVENTS", "events")]),
        ["this build does not use KAFKA_BROKERS, KAFKA_TOPIC_EVENTS yet"]
    );
}

#[test]
fn a_resume_window_shorter_than_it_takes_to_notice_is_warned_of() {
    assert_eq!(warnings(&[("RESUME_WINDOW_MS", "55000")]), [""; 0]);
    let lines = warnings(&[("RESUME_WINDOW_MS", "54999")]);
    assert!(
        lines[0].starts_with("RESUME_WINDOW_MS") && lines[0].contains("55000"),
        "{lines:?}"
    );
}

#[test]
fn what_needs_another_variable_says_which() {
    for (set, line) in [
        (
            ("TURN_URLS", "turn:turn.example.com"),
            "TURN_SECRET is missing: TURN_URLS needs it",
        ),
        (
            ("TLS_CERT_FILE", "/tls/tls.crt"),
            "TLS_KEY_FILE is missing: TLS_CERT_FILE needs it",
        ),
        (
            ("TLS_KEY_FILE", "/tls/tls.key"),
            "TLS_CERT_FILE is missing: TLS_KEY_FILE needs it",
        ),
        (
            ("REDIS_TOPOLOGY", "sentinel"),
            "REDIS_SENTINEL_MASTER is missing: REDIS_TOPOLOGY=sentinel needs it",
        ),
        (
            ("KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
            "KAFKA_SASL_USERNAME is missing: KAFKA_SECURITY_PROTOCOL needs it",
        ),
    ] {
        assert_eq!(refusal(&[set]), line);
    }
}

#[test]
fn a_secret_comes_as_value_or_as_file() {
    let file = config(&[
        ("TURN_SECRET_FILE", "/run/turn"),
        ("TURN_URLS", "turn:t.example.com"),
    ])
    .turn
    .secret
    .unwrap();
    assert_eq!(file.path().unwrap().to_str(), Some("/run/turn"));
    let value = config(&[("AUTH_JWT_SECRET", "0123456789abcdef0123456789abcdef")]);
    assert!(value.auth.required() && !format!("{value:?}").contains("0123456789"));
    assert_eq!(
        refusal(&[("POD_SECRET", "hush"), ("POD_SECRET_FILE", "/run/pod")]),
        "POD_SECRET and POD_SECRET_FILE are both set: leave one of them out"
    );
}

#[test]
fn a_missing_file_stops_the_start_with_its_variable() {
    let config = config(&[("AUTH_JWKS_FILE", "/nonexistent/jwks.json")]);
    let line = config.check_files().unwrap_err().to_string();
    assert!(
        line.starts_with("AUTH_JWKS_FILE=/nonexistent/jwks.json cannot be read"),
        "{line}"
    );
    let config = self::config(&[("TURN_SECRET_FILE", "/nonexistent/turn")]);
    let line = config.check_files().unwrap_err().to_string();
    assert!(line.starts_with("TURN_SECRET_FILE=/nonexistent/turn"), "{line}");
}

#[test]
fn addresses_are_checked() {
    assert_eq!(
        config(&[("HOST", "::"), ("PORT", "0")])
            .server
            .address
            .to_string(),
        "[::]:0"
    );
    assert_eq!(
        config(&[("HOST", "localhost")]).server.address.to_string(),
        "127.0.0.1:3000"
    );
    assert!(refusal(&[("HOST", "example.com")]).starts_with("HOST=example.com is not allowed"));
    assert!(refusal(&[("METRICS_PORT", "3000")]).starts_with("METRICS_PORT=3000 is not allowed"));
    assert!(refusal(&[("POD_ID", "a/b")]).starts_with("POD_ID=a/b is not allowed"));
    assert!(refusal(&[("CLIENT_URL", "chat.example.com")]).starts_with("CLIENT_URL=chat.example.com"));
}

#[test]
fn the_drain_budget_follows_the_number_of_sessions_unless_set() {
    let budget = config(&[]).drain;
    assert_eq!((budget.budget(100), budget.budget(12_000)), (50, 100));
    assert_eq!(
        config(&[("DRAIN_DISCONNECTS_PER_SECOND", "7")])
            .drain
            .budget(12_000),
        7
    );
}

#[test]
fn redis_and_kafka_are_read_whole() {
    let config = config(&[
        ("REDIS_URL", "redis://a:26379, redis://b:26379"),
        ("REDIS_TOPOLOGY", "Sentinel"),
        ("REDIS_SENTINEL_MASTER", "main"),
        ("REDIS_PREFIX", "team/acme"),
        ("KAFKA_BROKERS", "k1:9092,k2:9092"),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
        ("KAFKA_SASL_USERNAME", "chat"),
        ("KAFKA_SASL_PASSWORD_FILE", "/run/kafka"),
    ]);
    let redis = config.redis.unwrap();
    assert_eq!(
        redis.topology,
        Topology::Sentinel {
            master: "main".to_owned()
        }
    );
    assert_eq!(
        (redis.urls.len(), redis.prefix.as_str(), redis.pool_size),
        (2, "team/acme", 8)
    );
    let kafka = config.kafka.unwrap();
    assert_eq!(
        (kafka.brokers.len(), kafka.topic.as_str(), kafka.batch_size),
        (2, "webrtc-events", 100)
    );
    assert_eq!(
        (kafka.security.protocol, kafka.security.mechanism),
        ("SASL_SSL", "SCRAM-SHA-512")
    );
}

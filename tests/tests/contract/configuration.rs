//! Settings that are not allowed stop the start and say so; those that merely look wrong are warned of.

use chat_tests::pod::Pod;

use crate::client::get;
use crate::start;

/// The one line that a pod says which does not start.
fn refused(settings: &[(&str, &str)]) -> String {
    let (status, said) = Pod::fail(settings).expect("the pod runs");
    assert!(!status.success(), "{settings:?} started: {said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 1, "{said}");
    lines[0].to_owned()
}

#[test]
fn a_value_that_is_not_allowed_stops_the_start_with_what_is() {
    let faults = [
        ("PORT", "http", "a whole number from 0 to 65535"),
        ("PORT", "65536", "a whole number from 0 to 65535"),
        ("PORT", "-1", "a whole number from 0 to 65535"),
        ("HOST", "example.com", "an IPv4 or IPv6 address, or localhost"),
        ("CLUSTER_WORKERS", "0", "a whole number from 1 to 256"),
        (
            "MAX_CONNECTIONS_PER_WORKER",
            "many",
            "a whole number from 1 to 1000000",
        ),
        ("SOCKET_IO_TRANSPORTS", "carrier-pigeon", "websocket, polling"),
        (
            "SOCKET_IO_PING_INTERVAL",
            "25s",
            "a whole number of ms from 100 to 3600000",
        ),
        (
            "CLIENT_URL",
            "chat.example.com",
            "origins such as https://chat.example.com, or *",
        ),
        ("DEMO_PAGE", "perhaps", "true or false"),
        ("TRUST_PROXY", "true", "a whole number from 0 to 16"),
        ("SESSION_RECOVERY", "sometimes", "one of auto, always, never"),
        ("LOG_LEVEL", "loud", "one of error, warn, info"),
        ("STUN_URLS", "http://stun.example.com", "stun: or stuns: URLs"),
        (
            "POD_ID",
            "under_score",
            "1 to 63 letters, digits, hyphens and dots",
        ),
        (
            "RATE_LIMIT_WINDOW_MS",
            "1e3",
            "a whole number of ms from 100 to 86400000",
        ),
        (
            "DRAIN_TIMEOUT_MS",
            "999",
            "a whole number of ms from 1000 to 3600000",
        ),
        ("REDIS_URL", "localhost:6379", "redis:// or rediss:// URLs"),
    ];
    for (name, value, allowed) in faults {
        let line = refused(&[(name, value)]);
        for part in [name, value, allowed] {
            assert!(line.contains(part), "{line} does not say {part}");
        }
    }
}

#[test]
fn variables_that_do_not_go_together_stop_the_start_too() {
    let line = refused(&[("TURN_URLS", "turn:turn.example.com")]);
    assert!(
        line.contains("TURN_SECRET") && line.contains("TURN_URLS"),
        "{line}"
    );
    let line = refused(&[("PORT", "4000"), ("METRICS_PORT", "4000")]);
    assert!(line.contains("METRICS_PORT=4000"), "{line}");
    let line = refused(&[
        ("TLS_CERT_FILE", "/nowhere/cert.pem"),
        ("TLS_KEY_FILE", "/nowhere/key.pem"),
    ]);
    assert!(
        line.contains("TLS_CERT_FILE") && line.contains("/nowhere/cert.pem"),
        "{line}"
    );
    let line = refused(&[
        ("TURN_URLS", "turn:t"),
        ("TURN_SECRET", "s3cr3t"),
        ("TURN_SECRET_FILE", "/x"),
    ]);
    assert!(
        line.contains("TURN_SECRET_FILE") && !line.contains("s3cr3t"),
        "{line}"
    );
}

#[test]
fn a_port_that_is_taken_is_named() {
    let pod = start(&[]);
    let port = pod.address().port().to_string();
    // The address may be bound twice in a row, never at a time.
    let line = refused(&[("PORT", &port)]);
    assert!(line.contains(&port), "{line}");
}

#[test]
fn what_looks_like_a_misspelling_is_a_warning() {
    let pod = start(&[
        ("CLUSTER_WORKER", "7"),
        ("RATE_LIMT_MAX_REQUESTS", "5"),
        ("NODE_OPTIONS", "--max-old-space-size=2048"),
    ]);
    let log = pod.log();
    let warned = |words: &[&str]| {
        let warning = log
            .lines()
            .find(|line| line.contains("\"WARN\"") && words.iter().all(|word| line.contains(word)));
        assert!(warning.is_some(), "no warning of {words:?} in {log}");
    };
    warned(&["CLUSTER_WORKER ", "CLUSTER_WORKERS"]);
    warned(&["RATE_LIMT_MAX_REQUESTS", "RATE_LIMIT_MAX_REQUESTS"]);
    warned(&["NODE_OPTIONS", "no effect"]);
    assert_eq!(get(pod.address(), "/health").status, 200);
}

#[test]
fn what_kubernetes_injects_for_a_service_is_set_aside() {
    let pod = start(&[
        ("METRICS_PORT", "tcp://10.0.0.1:9090"),
        ("REDIS_PORT", "tcp://10.0.0.2:6379"),
        ("SOME_OTHER", "x"),
    ]);
    assert_eq!(pod.metrics_address(), None);
    assert_eq!(get(pod.address(), "/metrics").status, 200);
}

#[test]
fn only_the_offered_transports_are_spoken() {
    let pod = start(&[("SOCKET_IO_TRANSPORTS", "websocket")]);
    let answer = get(pod.address(), "/socket.io/?EIO=4&transport=polling");
    assert_eq!(answer.refusal(), (400, 0.into()));
    let pod = start(&[("SOCKET_IO_TRANSPORTS", "polling")]);
    let answer = get(pod.address(), "/socket.io/?EIO=4&transport=polling");
    assert!(answer.text().contains("\"upgrades\":[]"), "{answer:?}");
}

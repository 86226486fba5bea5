//! How the pod says how it is: to probes, to people, to Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::client::{Answer, Person, ask, get, pair};
use crate::metrics::value;
use crate::start;

const HEALTH: [&str; 6] = [
    "/health",
    "/health/ready",
    "/health/live",
    "/health/connections",
    "/health/detailed",
    "/health/system",
];
const FIGURES: [&str; 4] = [
    "/metrics",
    "/metrics/business",
    "/health/detailed",
    "/health/system",
];

/// The names of an object's fields.
fn fields(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

fn has_fields(object: &Value, names: &[&str]) {
    let missing: Vec<_> = names.iter().filter(|name| object.get(name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?} are missing in {object}");
}

#[test]
fn every_health_path_answers_in_json_that_is_not_stored() {
    let pod = start(&[("POD_ID", "acme-1")]);
    for path in HEALTH.iter().chain(&["/metrics/business"]) {
        let answer = get(pod.address(), path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        for name in fields(&answer.json()) {
            assert!(
                name.chars().all(|letter| letter.is_ascii_alphanumeric()),
                "{name} is not camelCase"
            );
        }
        let head = ask(pod.address(), &format!("HEAD {path}"), &[], "");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
    let basic = get(pod.address(), "/health").json();
    assert_eq!(
        (&basic["status"], &basic["pod"]),
        (&json!("ok"), &json!("acme-1"))
    );
    has_fields(&basic, &["version", "uptimeSeconds"]);
    assert_eq!(
        get(pod.address(), "/health/ready").json(),
        json!({"status": "ready"})
    );
    assert_eq!(
        get(pod.address(), "/health/live").json(),
        json!({"status": "live"})
    );
}

#[test]
fn connections_are_counted_as_they_are() {
    let pod = start(&[("MAX_CONNECTIONS_PER_WORKER", "50")]);
    let (one, other) = pair(pod.address());
    let mut waiting = Person::join(pod.address());
    assert_eq!(waiting.ask("find_match", &Value::Null)["ok"], true);
    waiting.expect("waiting");
    let _idle = Person::join(pod.address());
    // The figures of who does what are taken once a second.
    let counts = loop {
        let counts = get(pod.address(), "/health/connections").json();
        assert_eq!(
            (&counts["active"], &counts["max"]),
            (&json!(4), &json!(50)),
            "{counts}"
        );
        if counts["waiting"] == 1 && counts["matched"] == 2 {
            break counts;
        }
    };
    assert_eq!(counts["queued"], 1);
    assert_eq!(counts["workers"].as_array().map(Vec::len), Some(1));
    has_fields(&counts["workers"][0], &["active", "waiting", "matched", "queued"]);
    drop((one, other));
    while get(pod.address(), "/health/connections").json()["active"] != 2 {}
}

#[test]
fn details_tell_the_state_of_each_part() {
    let pod = start(&[]);
    let detailed = get(pod.address(), "/health/detailed").json();
    assert_eq!(
        (&detailed["status"], &detailed["phase"]),
        (&json!("ok"), &json!("serving"))
    );
    has_fields(
        &detailed,
        &[
            "reasons",
            "pod",
            "version",
            "revision",
            "uptimeSeconds",
            "workers",
            "connections",
            "matching",
        ],
    );
    assert_eq!(
        (&detailed["redis"]["mode"], &detailed["kafka"]["mode"]),
        (&json!("embedded"), &json!("off"))
    );
    let system = get(pod.address(), "/health/system").json();
    has_fields(&system, &["process", "limits", "loadAverage", "cpus"]);
    has_fields(
        &system["process"],
        &["cpuSeconds", "residentBytes", "openFds", "maxFds", "threads"],
    );
}

#[test]
fn all_of_the_seeds_metrics_are_there_from_the_first_scrape() {
    let pod = start(&[]);
    let answer = get(pod.address(), "/metrics");
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let metrics = Exposition::read(answer.text());
    for (name, kind) in [
        ("webrtc_active_connections", "gauge"),
        ("webrtc_total_connections", "counter"),
        ("webrtc_matchmaking_duration_seconds", "histogram"),
        ("webrtc_signaling_messages_total", "counter"),
        ("webrtc_errors_total", "counter"),
        ("redis_operation_duration_seconds", "histogram"),
    ] {
        assert_eq!(metrics.kinds.get(name).map(String::as_str), Some(kind), "{name}");
        assert!(metrics.series_of(name) > 0, "{name} has no series");
    }
}

#[test]
fn metrics_count_what_happened() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    assert_eq!(
        one.ask("webrtc_offer", &json!({"type": "offer", "sdp": "v=0"}))["ok"],
        true
    );
    other.expect("webrtc_offer");
    one.refused("[\"no_such_event\"]");
    for (series, count) in [
        ("webrtc_active_connections", 2.0),
        ("webrtc_total_connections", 2.0),
        ("webrtc_matchmaking_duration_seconds_count", 2.0),
        ("webrtc_signaling_messages_total{type=\"offer\"}", 1.0),
        ("webrtc_errors_total{type=\"unknown_event\"}", 1.0),
        ("webrtc_matches_total{same_pod=\"true\"}", 1.0),
        ("webrtc_searches_total", 2.0),
    ] {
        assert_eq!(value(&pod, series), count, "{series}");
    }
    assert!(value(&pod, "process_resident_memory_bytes") > 1e6);
    let business = get(pod.address(), "/metrics/business").json();
    assert!(business.is_object());
}

#[test]
fn a_metrics_port_takes_the_figures_off_the_clients_port() {
    let pod = start(&[("METRICS_PORT", "0")]);
    let internal = pod.metrics_address().expect("a second port");
    for path in FIGURES {
        let answer = get(pod.address(), path);
        assert_eq!(answer.refusal(), (404, json!("not_found")), "{path}");
        assert_eq!(get(internal, path).status, 200, "{path}");
    }
    for path in ["/health", "/health/ready", "/health/live", "/health/connections"] {
        assert_eq!(get(pod.address(), path).status, 200, "{path}");
        assert_eq!(get(internal, path).status, 200, "{path}");
    }
    assert_eq!(get(internal, "/").status, 404);
    assert_eq!(get(internal, "/socket.io/?EIO=4&transport=polling").status, 404);
}

/// Prometheus' text format, read strictly.
struct Exposition {
    kinds: BTreeMap<String, String>,
    series: BTreeSet<String>,
}

impl Exposition {
    fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'));
        let (mut kinds, mut series) = (BTreeMap::new(), BTreeSet::new());
        let mut helped = BTreeSet::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').expect("words");
                assert!(!words.is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a type");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(helped.contains(name), "{name} has no help");
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
            } else {
                let (name, number) = line.rsplit_once(' ').expect("a value");
                number.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
                let family = name.split('{').next().unwrap();
                assert!(
                    kinds.keys().any(|kind| family.starts_with(kind.as_str())),
                    "{line} has no type"
                );
                assert!(series.insert(name.to_owned()), "{line} comes twice");
            }
        }
        Self { kinds, series }
    }

    fn series_of(&self, family: &str) -> usize {
        self.series
            .iter()
            .filter(|series| series.starts_with(family))
            .count()
    }
}

#[test]
fn what_is_not_there_is_said_in_json() {
    let pod = start(&[("DEMO_PAGE", "false")]);
    let not_found = |answer: Answer| {
        assert_eq!(answer.refusal(), (404, json!("not_found")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    };
    for path in [
        "/",
        "/nope",
        "/health/",
        "/health/none",
        "/metrics/../health/x",
        "/assets/x.js",
        "/socket.io/x.js",
        "//",
        "/%00",
    ] {
        not_found(get(pod.address(), path));
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        let answer = ask(
            pod.address(),
            &format!("{method} /health"),
            &["Content-Length: 0"],
            "",
        );
        assert_eq!(answer.refusal(), (405, json!("method_not_allowed")), "{method}");
        assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method}");
    }
}

//! How many connections and requests an address may make, and whose address it is.

use std::time::Duration;

use chat_tests::pod::Pod;
use serde_json::json;

use crate::bystanders::Bystanders;
use crate::client::{Answer, OPEN, Person, Polling, WebSocket, ask};
use crate::metrics::value;
use crate::start;

/// A request that came by way of proxies.
fn health(pod: &Pod, forwarded_for: &[&str]) -> Answer {
    let headers: Vec<String> = forwarded_for
        .iter()
        .map(|value| format!("X-Forwarded-For: {value}"))
        .collect();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    ask(pod.address(), "GET /health", &headers, "")
}

fn is_limited(answer: &Answer, window_seconds: u32) {
    assert_eq!(answer.refusal(), (429, json!("rate_limited")));
    let seconds: u32 = answer
        .header("retry-after")
        .expect("Retry-After")
        .parse()
        .expect("seconds");
    assert!((1..=window_seconds).contains(&seconds), "{seconds} s");
}

/// How many requests of an address pass until one does not.
fn passing(pod: &Pod, forwarded_for: &str) -> usize {
    (0..100)
        .take_while(|_| health(pod, &[forwarded_for]).status == 200)
        .count()
}

#[test]
fn connections_and_plain_requests_of_an_address_are_counted_together() {
    let pod = start(&[
        ("RATE_LIMIT_MAX_REQUESTS", "4"),
        ("RATE_LIMIT_WINDOW_MS", "30000"),
        ("TRUST_PROXY", "1"),
    ]);
    let bystanders = Bystanders::of(&pod);
    let from = ["X-Forwarded-For: 203.0.113.7"];
    let open = || WebSocket::open_with(pod.address(), OPEN, &from);
    let person = Person::begin(open().unwrap_or_else(|answer| panic!("{answer:?}")), "40");
    let polling = Polling::open_with(pod.address(), &from).unwrap_or_else(|answer| panic!("{answer:?}"));
    assert_eq!(health(&pod, &["203.0.113.7"]).status, 200);
    assert_eq!(ask(pod.address(), "GET /nope", &from, "").status, 404);
    is_limited(&health(&pod, &["203.0.113.7"]), 30);
    is_limited(&open().err().expect("a limit"), 30);
    is_limited(
        &Polling::open_with(pod.address(), &from).err().expect("a limit"),
        30,
    );
    // What belongs to an open session does not count: polls, posts, an upgrade; and neither do probes and scrapes.
    for _ in 0..10 {
        let post = format!("POST {}", polling.path());
        assert_eq!(ask(pod.address(), &post, &from, "40/none,").text(), "ok");
        let poll = ask(pod.address(), &format!("GET {}", polling.path()), &from, "");
        assert_eq!(poll.status, 200);
        for path in ["/health/live", "/health/ready", "/metrics"] {
            assert_eq!(ask(pod.address(), &format!("GET {path}"), &from, "").status, 200);
        }
    }
    assert!(WebSocket::open_with(pod.address(), &polling.upgrade_path(), &from).is_ok());
    // Others are not touched by it.
    assert_eq!(health(&pod, &["203.0.113.8"]).status, 200);
    assert!(value(&pod, "webrtc_rate_limited_total{scope=\"connections\"}") >= 2.0);
    assert!(value(&pod, "webrtc_rate_limited_total{scope=\"requests\"}") >= 1.0);
    assert!(value(&pod, "webrtc_refused_connections_total{reason=\"rate_limited\"}") >= 2.0);
    bystanders.were_not_disturbed();
    drop(person);
}

#[test]
fn the_window_passes_and_an_address_may_come_again() {
    let pod = start(&[
        ("RATE_LIMIT_MAX_REQUESTS", "2"),
        ("RATE_LIMIT_WINDOW_MS", "700"),
        ("TRUST_PROXY", "1"),
    ]);
    assert_eq!(passing(&pod, "203.0.113.7"), 2);
    let limited = health(&pod, &["203.0.113.7"]);
    if limited.status == 429 {
        is_limited(&limited, 1);
        std::thread::sleep(Duration::from_millis(700));
    }
    assert_eq!(health(&pod, &["203.0.113.7"]).status, 200);
}

#[test]
fn no_more_of_x_forwarded_for_is_believed_than_proxies_are_trusted() {
    let settings = |hops| [("RATE_LIMIT_MAX_REQUESTS", "3"), ("TRUST_PROXY", hops)];
    // Nobody: whatever is claimed, all of it comes from one socket's address.
    let pod = start(&settings("0"));
    for number in 0..3 {
        assert_eq!(health(&pod, &[&format!("203.0.113.{number}")]).status, 200);
    }
    is_limited(&health(&pod, &["203.0.113.99"]), 60);
    // One: the last entry is what our proxy saw; what stands before it is hearsay.
    let pod = start(&settings("1"));
    for number in 0..3 {
        assert_eq!(
            health(&pod, &[&format!("6.6.6.{number}, 203.0.113.1")]).status,
            200
        );
    }
    is_limited(&health(&pod, &["6.6.6.6, 203.0.113.1"]), 60);
    is_limited(&health(&pod, &["6.6.6.6", "203.0.113.1:4711"]), 60);
    assert_eq!(health(&pod, &["203.0.113.1, 203.0.113.2"]).status, 200);
    // Two: the last but one, however the entries are spread over lines.
    let pod = start(&settings("2"));
    for last in 0..3 {
        assert_eq!(
            health(&pod, &["6.6.6.6, 203.0.113.1", &format!("10.0.0.{last}")]).status,
            200
        );
    }
    is_limited(&health(&pod, &["203.0.113.1, 10.0.0.9"]), 60);
    // With fewer entries than proxies, the first one has to do.
    is_limited(&health(&pod, &["203.0.113.1"]), 60);
}

#[test]
fn a_network_of_ipv6_is_one_address_and_forms_of_ipv4_are_the_same() {
    let pod = start(&[("RATE_LIMIT_MAX_REQUESTS", "3"), ("TRUST_PROXY", "1")]);
    for host in [":1", "ffff:1:2:3", "dead::beef"] {
        assert_eq!(
            health(&pod, &[&format!("2001:db8:1:2:{host}")]).status,
            200,
            "{host}"
        );
    }
    is_limited(&health(&pod, &["[2001:db8:1:2::7]:443"]), 60);
    assert_eq!(health(&pod, &["2001:db8:1:3::1"]).status, 200);
    assert_eq!(passing(&pod, "198.51.100.1"), 3);
    is_limited(&health(&pod, &["::ffff:198.51.100.1"]), 60);
    // What is no address counts as the proxy's own.
    assert_eq!(passing(&pod, "unknown"), 3);
    is_limited(&health(&pod, &["_hidden"]), 60);
}

#[test]
fn this_machine_is_exempt_unless_a_proxy_passed_it_on() {
    let pod = start(&[("RATE_LIMIT_MAX_REQUESTS", "2")]);
    for _ in 0..10 {
        assert_eq!(health(&pod, &[]).status, 200);
        Person::join(pod.address());
    }
    assert_eq!(passing(&pod, "127.0.0.1"), 2);
}

#[test]
fn no_limit_is_no_limit() {
    let pod = start(&[("RATE_LIMIT_MAX_REQUESTS", "0"), ("TRUST_PROXY", "1")]);
    assert_eq!(passing(&pod, "203.0.113.7"), 100);
}

#[test]
fn who_returns_with_a_live_token_does_not_count() {
    let pod = start(&[("RATE_LIMIT_MAX_REQUESTS", "3"), ("TRUST_PROXY", "1")]);
    let from = ["X-Forwarded-For: 203.0.113.7"];
    let mut person = Person::join_with(pod.address(), &from, "40");
    for _ in 0..10 {
        let resume = person.resume();
        drop(person.socket);
        person = Person::join_with(pod.address(), &from, &resume);
        assert_eq!(person.session["resumed"], true);
    }
    // What is left of the number is left for others.
    let _second = Person::join_with(pod.address(), &from, "40");
    let third = Person::join_with(pod.address(), &from, "40");
    is_limited(
        &WebSocket::open_with(pod.address(), OPEN, &from)
            .err()
            .expect("a limit"),
        60,
    );
    // At the limit, too, who has a session gets it back.
    let resume = third.resume();
    drop(third.socket);
    let back = loop {
        if let Ok(socket) = WebSocket::open_with(pod.address(), OPEN, &from) {
            break Person::begin(socket, &resume);
        }
    };
    assert_eq!(back.session["resumed"], true);
}

#[test]
fn memory_stays_bounded_however_many_addresses_come() {
    let pod = start(&[("TRUST_PROXY", "1")]);
    let before = crate::bystanders::memory(&pod);
    let mut raw = crate::client::Raw::connect(pod.address());
    for number in 0..3000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let from = format!("X-Forwarded-For: 10.{a}.{b}.{c}");
        raw.send(crate::client::request("GET /health", &[&from], ""));
        assert_eq!(raw.answer().status, 200);
    }
    let grown = crate::bystanders::memory(&pod).saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes");
}

//! The end of a pod: not ready, still accepting, then every client is told and closed, within its time.

use std::time::{Duration, Instant};

use chat_tests::pod::Pod;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::client::{Heard, OPEN, Person, Polling, WebSocket, get, pair};
use crate::{start, start_workers};

/// Waits for the pod's end, longer than any drain here may take.
fn end(pod: &mut Pod) -> Option<i32> {
    pod.wait(Duration::from_secs(60)).expect("the pod ends").code()
}

/// Waits until the pod has said that, and returns the line.
fn said(pod: &Pod, message: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let log = pod.log();
        let mut lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(line) = lines.find(|line| line["message"] == message) {
            return line;
        }
        assert!(Instant::now() < deadline, "the pod never says {message}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Hears `draining` and the close, and closes too.
fn is_sent_away(person: &mut Person) {
    let draining = person.expect_at_last("draining");
    assert!(
        draining["reconnectInMs"]
            .as_u64()
            .is_some_and(|wait| wait <= 10_000),
        "{draining}"
    );
    assert_eq!(person.socket.hear(), Heard::Close(1001));
    person.socket.send_close(1001);
    assert_eq!(person.socket.hear(), Heard::End);
}

#[test]
fn a_pod_that_is_told_to_end_is_not_ready_at_once_and_accepts_until_the_delay_is_over() {
    let mut pod = start(&[("SHUTDOWN_DELAY_MS", "2000"), ("DRAIN_TIMEOUT_MS", "20000")]);
    let (mut one, mut other) = pair(pod.address());
    assert_eq!(get(pod.address(), "/health/ready").status, 200);
    pod.signal(Signal::TERM).unwrap();
    said(&pod, "draining: not ready from now on, still accepting");
    let ready = get(pod.address(), "/health/ready");
    assert_eq!(
        (ready.status, &ready.json()["reasons"]),
        (503, &json!(["draining"]))
    );
    assert_eq!(get(pod.address(), "/health/live").status, 200);
    assert_eq!(get(pod.address(), "/health/detailed").json()["phase"], "draining");
    // Load balancers have not noticed yet: who is sent here is served.
    let (mut third, mut fourth) = pair(pod.address());
    assert_eq!(one.ask("chat_message", &json!({"text": "still"}))["ok"], true);
    assert_eq!(other.expect("chat_message")["text"], "still");
    // Then everybody is told, and the pod ends well.
    for person in [&mut one, &mut other, &mut third, &mut fourth] {
        is_sent_away(person);
    }
    assert_eq!(end(&mut pod), Some(0));
}

#[test]
fn while_connections_are_closed_nobody_new_is_let_in() {
    let settings = [
        ("DRAIN_TIMEOUT_MS", "30000"),
        ("DRAIN_DISCONNECTS_PER_SECOND", "1"),
    ];
    let mut pod = start(&settings);
    let mut people: Vec<Person> = (0..3).map(|_| Person::join(pod.address())).collect();
    pod.signal(Signal::TERM).unwrap();
    said(&pod, "closing connections");
    let refused = WebSocket::open_with(pod.address(), OPEN, &[])
        .err()
        .expect("nobody is let in");
    assert_eq!(refused.refusal(), (503, json!("draining")));
    assert!(refused.header("retry-after").is_some());
    let refused = Polling::open_with(pod.address(), &[])
        .err()
        .expect("nobody is let in");
    assert_eq!(refused.refusal(), (503, json!("draining")));
    people.iter_mut().for_each(is_sent_away);
    assert_eq!(end(&mut pod), Some(0));
}

#[test]
fn closes_are_spread_at_the_budget() {
    let settings = [
        ("DRAIN_TIMEOUT_MS", "30000"),
        ("DRAIN_DISCONNECTS_PER_SECOND", "4"),
    ];
    let mut pod = start(&settings);
    let mut people: Vec<Person> = (0..8).map(|_| Person::join(pod.address())).collect();
    pod.signal(Signal::TERM).unwrap();
    assert_eq!(said(&pod, "closing connections")["per_second"], 4.0);
    let start = Instant::now();
    people.iter_mut().for_each(is_sent_away);
    // The first goes at once, the last one seven quarters of a second later; busy machines only make it longer.
    assert!(
        start.elapsed() > Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
    assert!(!pod.log().contains("closing faster than the budget allows"));
    assert_eq!(end(&mut pod), Some(0));
}

#[test]
fn the_rate_rises_where_the_budget_would_not_do_and_the_log_says_so() {
    let settings = [
        ("DRAIN_TIMEOUT_MS", "5000"),
        ("DRAIN_DISCONNECTS_PER_SECOND", "1"),
    ];
    let mut pod = start(&settings);
    let mut people: Vec<Person> = (0..40).map(|_| Person::join(pod.address())).collect();
    pod.signal(Signal::TERM).unwrap();
    let warning = said(&pod, "closing faster than the budget allows");
    assert_eq!(
        (&warning["level"], &warning["connections"]),
        (&json!("WARN"), &json!(40))
    );
    assert!(
        warning["per_second"].as_f64().is_some_and(|rate| rate > 10.0),
        "{warning}"
    );
    people.iter_mut().for_each(is_sent_away);
    assert_eq!(end(&mut pod), Some(0));
    assert!(!pod.log().contains("the drain timeout has passed"));
}

#[test]
fn a_worker_that_has_most_of_the_connections_is_done_in_time_too() {
    let settings = [
        ("DRAIN_TIMEOUT_MS", "6000"),
        ("DRAIN_DISCONNECTS_PER_SECOND", "1"),
    ];
    let mut pod = start_workers("4", &settings);
    // All but those of one worker leave again.
    let mut people = Vec::new();
    let mut counts = vec![0; 4];
    while people.len() < 24 {
        let mut person = Person::join(pod.address());
        let workers = get(pod.address(), "/health/connections").json()["workers"].clone();
        let now: Vec<u64> = (0..4)
            .map(|worker| workers[worker]["active"].as_u64().unwrap())
            .collect();
        let worker = (0..4)
            .find(|&worker| now[worker] > counts[worker])
            .expect("some worker has it");
        if worker == 2 {
            people.push(person);
            counts = now;
        } else {
            person.socket.send_close(1000);
            assert_eq!(person.socket.hear_close(), Some(1000));
        }
    }
    pod.signal(Signal::TERM).unwrap();
    people.iter_mut().for_each(is_sent_away);
    assert_eq!(end(&mut pod), Some(0));
    assert!(!pod.log().contains("the drain timeout has passed"));
}

#[test]
fn what_a_client_sends_until_it_has_heard_of_the_end_still_counts() {
    let settings = [
        ("DRAIN_TIMEOUT_MS", "30000"),
        ("DRAIN_DISCONNECTS_PER_SECOND", "1"),
    ];
    let mut pod = start(&settings);
    let (mut one, mut other) = pair(pod.address());
    pod.signal(Signal::TERM).unwrap();
    // One of the two is closed a second before the other.
    let (closed, open) = loop {
        if one.socket.raw.hears_within(Duration::from_millis(10)) {
            break (&mut one, &mut other);
        }
        if other.socket.raw.hears_within(Duration::from_millis(10)) {
            break (&mut other, &mut one);
        }
    };
    for number in 0..10 {
        closed.emit("chat_message", &json!({"text": number.to_string()}));
    }
    is_sent_away(closed);
    for number in 0..10 {
        assert_eq!(open.expect("chat_message")["text"], number.to_string());
    }
    // It was lost with a close handshake, and might have come back.
    open.expect("peer_reconnecting");
    is_sent_away(open);
    assert_eq!(end(&mut pod), Some(0));
}

#[test]
fn clients_that_poll_are_drained_too_and_those_that_do_not_answer_hold_nothing_up() {
    let mut pod = start(&[("DRAIN_TIMEOUT_MS", "30000")]);
    let polling = Polling::join(pod.address());
    let mut hanging = polling.begin_poll();
    let mut silent = Person::join(pod.address());
    let _says_nothing = WebSocket::open(pod.address(), OPEN);
    assert_eq!(get(pod.address(), "/health").status, 200);
    pod.signal(Signal::TERM).unwrap();
    let told = hanging.answer();
    assert!(
        told.text().starts_with("42[\"draining\",{\"reconnectInMs\":"),
        "{told:?}"
    );
    if !told.text().ends_with("\u{1e}1") {
        assert_eq!(polling.poll(), ["1"]);
    }
    silent.expect("draining");
    assert_eq!(silent.socket.hear(), Heard::Close(1001));
    assert_eq!(end(&mut pod), Some(0));
}

#[test]
fn a_pod_without_clients_ends_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut pod = start(&[("DRAIN_TIMEOUT_MS", "60000")]);
        // A connection between two requests is no client.
        let _kept = crate::client::Raw::saying(pod.address(), crate::client::request("GET /health", &[], ""));
        pod.signal(signal).unwrap();
        assert_eq!(pod.wait(Duration::from_secs(30)).unwrap().code(), Some(0));
        said(&pod, "drained");
    }
}

#[test]
fn a_second_signal_ends_the_pod_at_once() {
    let settings = [("SHUTDOWN_DELAY_MS", "600000"), ("DRAIN_TIMEOUT_MS", "3600000")];
    for second in [Signal::TERM, Signal::INT] {
        let mut pod = start(&settings);
        let _client = Person::join(pod.address());
        pod.signal(Signal::TERM).unwrap();
        said(&pod, "draining: not ready from now on, still accepting");
        pod.signal(second).unwrap();
        assert_ne!(pod.wait(Duration::from_secs(30)).unwrap().code(), Some(0));
        while !pod.log().contains("a second signal") {}
    }
}

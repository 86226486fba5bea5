//! How many events a session may send: token buckets for searches, signals and texts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bystanders::Bystanders;
use crate::client::{Person, pair};
use crate::metrics::value;
use crate::start;

/// What became of so many events of one kind, sent at once.
struct Burst {
    taken: usize,
    /// The payload of each `rate_limited`, which comes behind the refusal that it speaks of.
    told: Vec<Value>,
}

/// Sends an event `count` times in a row, each to be acknowledged, and hears all of it.
fn burst(person: &mut Person, count: usize, name: &str, payload: &Value) -> Burst {
    for id in 0..count {
        person
            .socket
            .send_text(&format!("42{id}{}", json!([name, payload])));
    }
    let (mut acks, mut burst) = (
        0,
        Burst {
            taken: 0,
            told: Vec::new(),
        },
    );
    let mut last_refused = false;
    while acks < count {
        let packet = person.packet();
        if let Some(event) = packet.strip_prefix("42[\"rate_limited\",") {
            assert!(last_refused, "the refusal comes before what it causes");
            burst
                .told
                .push(serde_json::from_str(event.strip_suffix(']').unwrap()).unwrap());
        } else if packet.starts_with("43") {
            last_refused = packet.contains("\"code\":\"rate_limited\"");
            acks += 1;
            burst.taken += usize::from(!last_refused);
        }
    }
    burst
}

fn within(number: usize, least: usize, most: usize, what: &str) {
    assert!((least..=most).contains(&number), "{number} {what}");
}

#[test]
fn searches_pass_ten_at_once_and_then_one_a_second() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    let mut person = Person::join(pod.address());
    let burst = burst(&mut person, 40, "cancel_match", &Value::Null);
    // On a machine that is busy for seconds some more come back in the meantime.
    within(burst.taken, 10, 20, "searches passed");
    let told = burst.told.first().expect("the client is told");
    assert_eq!(told["scope"], "match");
    within(
        told["retryAfterMs"].as_u64().unwrap().try_into().unwrap(),
        1,
        1000,
        "ms to wait",
    );
    // All four of them draw from one bucket; a session of one's own is a bucket of one's own.
    assert_eq!(
        person.ask("next_match", &Value::Null)["error"]["code"],
        "rate_limited"
    );
    let mut somebody = Person::join(pod.address());
    assert_eq!(somebody.ask("cancel_match", &Value::Null)["ok"], true);
    bystanders.were_not_disturbed();
}

#[test]
fn after_the_time_to_wait_the_next_one_passes() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    let burst = burst(&mut person, 30, "cancel_match", &Value::Null);
    let told = burst.told.last().expect("the client is told");
    let wait = told["retryAfterMs"].as_u64().unwrap();
    std::thread::sleep(Duration::from_millis(wait));
    assert_eq!(person.ask("cancel_match", &Value::Null)["ok"], true);
}

#[test]
fn signals_and_texts_have_buckets_of_their_own() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    let text = burst(&mut one, 100, "chat_message", &json!({"text": "hello"}));
    within(text.taken, 20, 60, "texts passed");
    assert_eq!(text.told[0]["scope"], "text");
    let signals = burst(
        &mut one,
        600,
        "webrtc_ice_candidate",
        &json!({"candidate": "candidate:1"}),
    );
    within(signals.taken, 200, 500, "signals passed");
    assert_eq!(signals.told[0]["scope"], "signal");
    // What was taken has arrived, and nothing else.
    for seq in 1..=text.taken + signals.taken {
        assert_eq!(other.event().1["seq"], seq);
    }
    assert_eq!(
        one.ask("cancel_match", &Value::Null)["error"]["code"],
        "already_matched"
    );
    assert!(value(&pod, "webrtc_rate_limited_total{scope=\"text\"}") >= 1.0);
    assert!(value(&pod, "webrtc_rate_limited_total{scope=\"signals\"}") >= 1.0);
    assert!(value(&pod, "webrtc_errors_total{type=\"rate_limited\"}") >= 1.0);
}

#[test]
fn garbage_is_not_free() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    let garbage = burst(&mut person, 600, "no_such_event", &Value::Null);
    within(garbage.taken, 200, 500, "unknown events were looked at");
    assert_eq!(garbage.told[0]["scope"], "signal");
    let mut person = Person::join(pod.address());
    for _ in 0..600 {
        person
            .socket
            .send_text("451-[\"x\",{\"_placeholder\":true,\"num\":0}]");
        person
            .socket
            .send(signaling_wire::websocket::Opcode::Binary, b"x");
    }
    assert_eq!(person.expect_at_last("rate_limited")["scope"], "signal");
}

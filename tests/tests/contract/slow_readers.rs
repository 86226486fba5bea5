//! Clients that do not read what they are sent: cut off at a bound, counted, and their partners are told.

use chat_tests::pod::Pod;
use serde_json::{Value, json};

use crate::bystanders::{Bystanders, memory};
use crate::client::{Person, Polling, Raw, UPGRADE, WebSocket, request};
use crate::metrics::value;
use crate::start;

const MEBIBYTE: u64 = 1024 * 1024;

/// Someone with next to no room for what is not read.
fn narrow(pod: &Pod) -> Person {
    let open = request("GET /socket.io/?EIO=4&transport=websocket", &UPGRADE, "");
    let mut raw = Raw::narrow(pod.address());
    raw.send(open);
    Person::begin(
        WebSocket::answered(raw).unwrap_or_else(|answer| panic!("{answer:?}")),
        "40",
    )
}

/// Matches these two, who are the only ones looking.
fn matched(one: &mut Person, other: &mut Person) {
    assert_eq!(one.ask("find_match", &Value::Null)["ok"], true);
    assert_eq!(other.ask("find_match", &Value::Null)["ok"], true);
    one.expect("match_found");
    other.expect("match_found");
}

fn large_offer() -> Value {
    json!({"type": "offer", "sdp": "v".repeat(60_000)})
}

/// Sends large offers, each acknowledged, until the partner is lost; how many there were.
fn flood(person: &mut Person) -> u64 {
    let args = json!(["webrtc_offer", large_offer()]).to_string();
    for sent in 0..200 {
        person.socket.send_text(&format!("42{sent}{args}"));
        let mut lost = false;
        loop {
            let packet = person.packet();
            lost |= packet.starts_with("42[\"peer_reconnecting\"");
            if packet.starts_with("43") {
                assert!(packet.contains("\"ok\":true"), "{packet}");
                break;
            }
        }
        if lost {
            return sent;
        }
    }
    person.expect("peer_reconnecting");
    200
}

#[test]
fn who_stops_reading_is_cut_off_counted_and_the_partner_is_told() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    let (mut slow, mut partner) = (narrow(&pod), Person::join(pod.address()));
    matched(&mut slow, &mut partner);
    flood(&mut partner);
    assert_eq!(value(&pod, "webrtc_slow_readers_total"), 1.0);
    assert_eq!(
        value(&pod, "webrtc_closed_connections_total{how=\"slow_reader\"}"),
        1.0
    );
    // Counted once a second.
    while value(&pod, "webrtc_deferred_writes_total") < 1.0 {}
    // The connection is gone; the session is not, and neither is the match.
    let back = Person::join_with(pod.address(), &[], &slow.resume());
    assert_eq!(
        (&back.session["resumed"], &back.session["state"]),
        (&json!(true), &json!("matched"))
    );
    assert_eq!(back.session["renegotiate"], true);
    partner.expect("peer_resumed");
    bystanders.were_not_disturbed();
}

#[test]
fn what_waits_for_slow_readers_is_bounded() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    let before = memory(&pod);
    let mut pairs: Vec<(Person, Person)> = (0..8)
        .map(|_| {
            let (mut slow, mut partner) = (narrow(&pod), Person::join(pod.address()));
            matched(&mut slow, &mut partner);
            (slow, partner)
        })
        .collect();
    for (_, partner) in &mut pairs {
        flood(partner);
    }
    // For each pair at most: 256 KiB that wait, as much that is kept for a return, and a packet in the making.
    let grown = memory(&pod).saturating_sub(before);
    assert!(grown < 8 * MEBIBYTE + 8 * MEBIBYTE, "{grown} bytes");
    assert_eq!(value(&pod, "webrtc_slow_readers_total"), 8.0);
    bystanders.were_not_disturbed();
}

#[test]
fn who_does_not_poll_is_a_slow_reader_too() {
    let pod = start(&[("OUTBOUND_BUFFER_BYTES", "131072")]);
    let bystanders = Bystanders::of(&pod);
    let slow = Polling::join(pod.address());
    let mut partner = Person::join(pod.address());
    assert_eq!(slow.post("42[\"find_match\"]").text(), "ok");
    assert_eq!(partner.ask("find_match", &Value::Null)["ok"], true);
    partner.expect("match_found");
    // Two fit into the bound, the third does not: its sender is told with its acknowledgement, or behind it.
    assert!((2..=3).contains(&flood(&mut partner)));
    assert_eq!(slow.try_poll().refusal(), (400, json!(1)));
    assert_eq!(value(&pod, "webrtc_slow_readers_total"), 1.0);
    bystanders.were_not_disturbed();
}

#[test]
fn who_asks_for_more_than_it_reads_is_cut_off() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    // Answers of the WebSocket itself count as well.
    let mut person = narrow(&pod);
    let ping = {
        let mut frame = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
        frame.extend_from_slice(&[b'p'; 125]);
        frame.repeat(100)
    };
    while person.socket.raw.try_send(&ping).is_ok() {}
    while value(&pod, "webrtc_slow_readers_total") < 1.0 {}
    bystanders.were_not_disturbed();
}

#[test]
fn an_answer_that_nobody_reads_does_not_keep_its_socket() {
    let pod = start(&[("HTTP_BODY_TIMEOUT_MS", "500")]);
    let bystanders = Bystanders::of(&pod);
    let before = value(&pod, "process_open_fds");
    let asked = request("GET /metrics", &[], "").repeat(400);
    let deaf: Vec<Raw> = (0..20)
        .map(|_| {
            let mut raw = Raw::narrow(pod.address());
            raw.send(&asked);
            raw
        })
        .collect();
    while value(&pod, "process_open_fds") > before + 1.0 {}
    drop(deaf);
    bystanders.were_not_disturbed();
}

//! Clients that are gone without a word, or only half gone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bystanders::Bystanders;
use crate::client::{Heard, OPEN, PATIENCE, Person, Polling, WebSocket, get, pair, text_frame};
use crate::metrics::value;
use crate::start;

/// A heartbeat that notices soon, and leaves a busy machine time to answer.
const QUICK: [(&str, &str); 2] = [
    ("SOCKET_IO_PING_INTERVAL", "300"),
    ("SOCKET_IO_PING_TIMEOUT", "2500"),
];

#[test]
fn who_answers_no_ping_is_lost_and_after_the_window_the_match_is_over() {
    let settings = [QUICK[0], QUICK[1], ("RESUME_WINDOW_MS", "600")];
    let pod = start(&settings);
    let bystanders = Bystanders::of(&pod);
    let (mut silent, mut partner) = pair(pod.address());
    partner.expect("peer_reconnecting");
    assert_eq!(partner.expect("peer_disconnected")["reason"], "timeout");
    // It was pinged, and closed without a code.
    assert_eq!(silent.socket.hear(), Heard::Text("2".into()));
    assert_eq!(
        (silent.socket.hear(), silent.socket.hear()),
        (Heard::Close(1005), Heard::End)
    );
    assert_eq!(
        value(&pod, "webrtc_closed_connections_total{how=\"ping_timeout\"}"),
        1.0
    );
    let back = Person::join_with(pod.address(), &[], &silent.resume());
    assert_eq!(back.session["resumed"], false);
    bystanders.were_not_disturbed();
}

/// Whether the WebSocket answers its ping; else it has come to its end.
fn hears_pong(person: &mut Person) -> bool {
    loop {
        match person.socket.hear() {
            Heard::Pong(_) => return true,
            Heard::End => return false,
            _ => {}
        }
    }
}

#[test]
fn talking_does_not_replace_a_pong() {
    let pod = start(&QUICK);
    let bystanders = Bystanders::of(&pod);
    let mut person = Person::join(pod.address());
    // It goes on talking, in events and in pings of the WebSocket, reads all that it is answered, and sends no pong.
    let start = Instant::now();
    while person
        .socket
        .raw
        .try_send(text_frame("42[\"cancel_match\"]"))
        .is_ok()
        && person.socket.raw.try_send([0x89, 0x80, 0, 0, 0, 0]).is_ok()
        && hears_pong(&mut person)
    {
        assert!(start.elapsed() < PATIENCE, "it talks for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
    let ended = value(&pod, "webrtc_closed_connections_total{how=\"ping_timeout\"}");
    assert_eq!(ended, 1.0);
    bystanders.were_not_disturbed();
}

#[test]
fn a_session_that_is_not_polled_any_more_is_lost() {
    let pod = start(&QUICK);
    let polling = Polling::join(pod.address());
    let mut partner = Person::join(pod.address());
    assert_eq!(polling.post("42[\"find_match\"]").text(), "ok");
    assert_eq!(partner.ask("find_match", &Value::Null)["ok"], true);
    partner.expect("match_found");
    partner.expect("peer_reconnecting");
    assert_eq!(polling.try_poll().refusal(), (400, json!(1)));
}

#[test]
fn polls_alone_do_not_keep_a_session_and_pongs_do() {
    let pod = start(&QUICK);
    let silent = Polling::join(pod.address());
    let polling = Polling::join(pod.address());
    for _ in 0..6 {
        assert_eq!(polling.poll(), ["2"]);
        assert_eq!(polling.post("3").text(), "ok");
    }
    // It is polled until it ends.
    while silent.try_poll().status == 200 {}
    assert_eq!(polling.post("421[\"cancel_match\"]").text(), "ok");
}

#[test]
fn whatever_breaks_a_connection_the_partner_is_told_at_once() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    type Break = fn(Person);
    let breaks: [(&str, Break); 4] = [
        ("the end without a close frame", |person| drop(person.socket)),
        ("a reset", |person| person.socket.raw.reset()),
        ("half an end", |mut person| {
            person.socket.raw.finish_sending();
            assert_eq!(person.socket.hear(), Heard::End);
        }),
        ("the end within a frame", |mut person| {
            person.socket.raw.send([0x81, 0xfe, 0xff])
        }),
    ];
    for (what, break_off) in breaks {
        let (one, mut other) = pair(pod.address());
        let resume = one.resume();
        break_off(one);
        other.expect("peer_reconnecting");
        let back = Person::join_with(pod.address(), &[], &resume);
        assert_eq!(back.session["state"], "matched", "{what}");
        other.expect("peer_resumed");
        drop(back);
        other.expect("peer_reconnecting");
        assert_eq!(other.ask("leave_match", &Value::Null)["ok"], true);
    }
    bystanders.were_not_disturbed();
}

#[test]
fn a_poll_that_is_given_up_ends_its_session_at_once() {
    let pod = start(&[]);
    let mut partner = Person::join(pod.address());
    let polling = Polling::join(pod.address());
    assert_eq!(polling.post("42[\"find_match\"]").text(), "ok");
    assert_eq!(partner.ask("find_match", &Value::Null)["ok"], true);
    partner.expect("match_found");
    while !polling.poll().concat().contains("match_found") {}
    let hanging = polling.begin_poll();
    // It hangs by the time that a request which came after it was answered.
    assert_eq!(get(pod.address(), "/health").status, 200);
    hanging.reset();
    partner.expect("peer_reconnecting");
    assert_eq!(polling.try_poll().refusal(), (400, json!(1)));
}

#[test]
fn a_closing_handshake_that_the_client_does_not_finish_ends_by_itself() {
    let pod = start(&[("SOCKET_IO_CONNECT_TIMEOUT", "100")]);
    let bystanders = Bystanders::of(&pod);
    let mut silent = WebSocket::open(pod.address(), OPEN);
    silent.hear_text();
    assert_eq!(silent.hear(), Heard::Close(1008));
    // It hears the close frame, says nothing, and keeps its end open.
    assert_eq!(silent.hear(), Heard::End);
    while get(pod.address(), "/health/connections").json()["active"] != 2 {}
    bystanders.were_not_disturbed();
}

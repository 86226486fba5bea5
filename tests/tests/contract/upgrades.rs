//! From polling to a WebSocket: probed, switched, abandoned, and by way of another worker.

use serde_json::{Value, json};

use crate::client::{Heard, Person, Polling, Raw, UPGRADE, WebSocket, ask, request, text_frame};
use crate::{start, start_workers};

/// Polls until a packet comes that is no NOOP.
fn next_packet(polling: &Polling) -> String {
    loop {
        let packets = polling.poll();
        if packets != ["6"] {
            return packets.concat();
        }
    }
}

#[test]
fn an_upgrade_releases_the_poll_and_goes_on_where_it_was() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let mut hanging = polling.begin_poll();
    let mut socket = WebSocket::open(pod.address(), &polling.upgrade_path());
    socket.send_text("2probe");
    assert_eq!(socket.hear_text(), "3probe");
    assert_eq!(hanging.answer().text(), "6");
    // What is sent to the client before it switches waits, and goes first.
    assert_eq!(polling.post("421[\"cancel_match\"]").text(), "ok");
    socket.send_text("5");
    assert_eq!(socket.hear_text(), "431[{\"ok\":true}]");
    socket.send_text("422[\"cancel_match\"]");
    assert_eq!(socket.hear_text(), "432[{\"ok\":true}]");
    assert_eq!(polling.try_poll().refusal(), (400, json!(3)));
    assert_eq!(polling.post("423[\"cancel_match\"]").refusal(), (400, json!(3)));
    socket.send_text("424[\"cancel_match\"]");
    assert_eq!(socket.hear_text(), "434[{\"ok\":true}]");
}

#[test]
fn a_poll_that_comes_between_probe_and_switch_is_released_too() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let mut socket = WebSocket::open(pod.address(), &polling.upgrade_path());
    socket.send_text("2probe");
    assert_eq!(socket.hear_text(), "3probe");
    assert_eq!(polling.poll(), ["6"]);
    assert_eq!(polling.poll(), ["6"]);
    socket.send_text("5");
    socket.send_text("421[\"cancel_match\"]");
    assert_eq!(socket.hear_text(), "431[{\"ok\":true}]");
}

#[test]
fn an_upgrade_that_is_given_up_or_broken_leaves_the_session_where_it_is() {
    let pod = start(&[("SOCKET_IO_UPGRADE_TIMEOUT", "400")]);
    let polling = Polling::join(pod.address());
    let attempts: [(&str, Vec<&str>, Option<u16>); 6] = [
        ("closed before the probe", vec![], None),
        ("closed after the probe", vec!["2probe"], None),
        ("another ping than the probe", vec!["2"], Some(1008)),
        (
            "a message before the switch",
            vec!["2probe", "421[\"find_match\"]"],
            Some(1008),
        ),
        ("no packet", vec!["x"], Some(1008)),
        ("silence", vec!["2probe"], None),
    ];
    for (attempt, texts, code) in attempts {
        // The last attempt may still be ending.
        let mut socket = loop {
            let mut socket = WebSocket::open(pod.address(), &polling.upgrade_path());
            socket.send_text("2probe");
            match socket.hear() {
                Heard::Text(answer) => break (answer == "3probe").then_some(socket).unwrap(),
                Heard::Close(1005) => {}
                other => panic!("{attempt}: {other:?}"),
            }
        };
        for text in &texts {
            socket.send_text(text);
        }
        if code.is_some() || attempt == "silence" {
            while socket.hear() == Heard::Text("3probe".into()) {}
        }
        drop(socket);
        assert_eq!(polling.post("421[\"cancel_match\"]").text(), "ok", "{attempt}");
        assert_eq!(next_packet(&polling), "431[{\"ok\":true}]", "{attempt}");
    }
}

#[test]
fn the_websocket_of_an_abandoned_upgrade_is_closed_by_policy() {
    let pod = start(&[]);
    for text in ["2", "421[\"find_match\"]", "x", ""] {
        let polling = Polling::join(pod.address());
        let mut socket = WebSocket::open(pod.address(), &polling.upgrade_path());
        socket.send_text(text);
        assert_eq!(socket.hear_close(), Some(1008), "{text:?}");
        assert_eq!(socket.hear(), Heard::End);
        // Nothing of it counted: there is no search to be cancelled, and no session was lost.
        assert_eq!(polling.post("421[\"leave_match\"]").text(), "ok");
        assert!(next_packet(&polling).contains("not_matched"));
    }
}

#[test]
fn a_broken_frame_ends_the_upgrade_and_not_the_session() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let mut socket = WebSocket::open(pod.address(), &polling.upgrade_path());
    socket.raw.send([0xc1, 0x80, 0, 0, 0, 0]);
    assert_eq!(socket.hear_close(), Some(1002));
    assert_eq!(polling.post("421[\"cancel_match\"]").text(), "ok");
    assert_eq!(next_packet(&polling), "431[{\"ok\":true}]");
}

#[test]
fn a_session_has_one_websocket_and_a_second_one_is_dismissed() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let mut first = WebSocket::open(pod.address(), &polling.upgrade_path());
    let mut second = WebSocket::open(pod.address(), &polling.upgrade_path());
    assert_eq!(second.hear_close(), Some(1005));
    first.send_text("2probe");
    assert_eq!(first.hear_text(), "3probe");
    first.send_text("5");
    let mut third = WebSocket::open(pod.address(), &polling.upgrade_path());
    assert_eq!(third.hear_close(), Some(1005));
    first.send_text("421[\"cancel_match\"]");
    assert_eq!(first.hear_text(), "431[{\"ok\":true}]");
}

#[test]
fn an_upgrade_of_nothing_is_refused() {
    let pod = start(&[]);
    let gone = Polling::join(pod.address());
    assert_eq!(gone.post("1").text(), "ok");
    for path in [
        gone.upgrade_path(),
        "/socket.io/?EIO=4&transport=websocket&sid=nobody".to_owned(),
    ] {
        let answer = ask(pod.address(), &format!("GET {path}"), &UPGRADE, "");
        assert_eq!(answer.refusal(), (400, json!(1)));
    }
}

/// An upgrade in one piece: the request and the frames after it, which the pod reads together.
fn upgrade_at_once(polling: &Polling, pod: &chat_tests::pod::Pod, packets: &[&str]) -> WebSocket {
    let mut bytes = request(&format!("GET {}", polling.upgrade_path()), &UPGRADE, "").into_bytes();
    for packet in packets {
        bytes.extend_from_slice(&text_frame(packet));
    }
    WebSocket::answered(Raw::saying(pod.address(), bytes)).expect("a WebSocket")
}

#[test]
fn what_was_read_along_with_the_request_goes_with_the_socket() {
    for workers in ["1", "4"] {
        let pod = start_workers(workers, &[]);
        // Sockets are dealt to the workers in turn: these meet every combination.
        for round in 0..8 {
            let polling = Polling::join(pod.address());
            let mut socket = upgrade_at_once(&polling, &pod, &["2probe", "5", "421[\"cancel_match\"]"]);
            assert_eq!(
                socket.hear(),
                Heard::Text("3probe".into()),
                "{workers} workers, round {round}"
            );
            assert_eq!(socket.hear_text(), "431[{\"ok\":true}]", "{workers} workers");
        }
        let mut socket = {
            let mut bytes = request("GET /socket.io/?EIO=4&transport=websocket", &UPGRADE, "").into_bytes();
            bytes.extend(["40", "421[\"cancel_match\"]"].into_iter().flat_map(text_frame));
            WebSocket::answered(Raw::saying(pod.address(), bytes)).expect("a WebSocket")
        };
        let heard: Vec<String> = (0..4).map(|_| socket.hear_text()).collect();
        assert!(
            heard[0].starts_with("0{") && heard[1].starts_with("40{"),
            "{heard:?}"
        );
        assert_eq!(heard[3], "431[{\"ok\":true}]", "{heard:?}");
    }
}

#[test]
fn with_four_workers_each_request_finds_the_session_wherever_it_lands() {
    let pod = start_workers("4", &[]);
    let mut partner = Person::join(pod.address());
    let polling = Polling::join(pod.address());
    assert_eq!(polling.post("42[\"find_match\"]").text(), "ok");
    assert_eq!(partner.ask("find_match", &Value::Null)["ok"], true);
    partner.expect("match_found");
    for number in 0..8 {
        assert_eq!(
            polling
                .post(&format!("42[\"chat_message\",{{\"text\":\"{number}\"}}]"))
                .text(),
            "ok"
        );
        assert_eq!(partner.expect("chat_message")["text"], number.to_string());
    }
    let mut socket = WebSocket::open(pod.address(), &polling.upgrade_path());
    socket.send_text("2probe");
    assert_eq!(socket.hear_text(), "3probe");
    socket.send_text("5");
    partner.emit("chat_message", &json!({"text": "welcome"}));
    while !socket.hear_text().contains("welcome") {}
    socket.send_close(1000);
    assert_eq!(partner.expect("peer_disconnected")["reason"], "left");
}

#[test]
fn with_four_workers_a_poll_given_up_is_a_loss() {
    let pod = start_workers("4", &[]);
    for _ in 0..8 {
        let mut partner = Person::join(pod.address());
        let polling = Polling::join(pod.address());
        assert_eq!(polling.post("42[\"find_match\"]").text(), "ok");
        assert_eq!(partner.ask("find_match", &Value::Null)["ok"], true);
        partner.expect("match_found");
        while !polling.poll().concat().contains("match_found") {}
        drop(polling.begin_poll());
        partner.expect("peer_reconnecting");
        assert_eq!(polling.try_poll().refusal(), (400, json!(1)));
        assert_eq!(partner.ask("leave_match", &Value::Null)["ok"], true);
    }
}

//! Requests and packets that break Engine.IO: what each is answered, and that it ends no session but its own.

use serde_json::{Value, json};
use signaling_wire::websocket::Opcode;

use crate::bystanders::Bystanders;
use crate::client::{Heard, OPEN, Person, Polling, Raw, UPGRADE, WebSocket, ask, pair, request};
use crate::start;

const NO_UPGRADE: &[&str] = &[];

#[test]
fn a_request_that_is_none_of_the_protocol_is_refused_with_the_number_for_it() {
    let pod = start(&[]);
    let with_sid = Polling::join(pod.address());
    let path = with_sid.path();
    let websocket_path = with_sid.upgrade_path();
    let refusals = [
        ("GET /socket.io/?EIO=4", NO_UPGRADE, 0),
        ("GET /socket.io/?EIO=4&transport=carrier-pigeon", NO_UPGRADE, 0),
        ("GET /socket.io/?EIO=4&transport=webtransport", &UPGRADE, 0),
        ("POST /socket.io/?EIO=4&transport=polling", NO_UPGRADE, 2),
        ("PUT /socket.io/?EIO=4&transport=polling", NO_UPGRADE, 2),
        ("DELETE /socket.io/?EIO=4&transport=polling", NO_UPGRADE, 2),
        ("BREW /socket.io/?EIO=4&transport=polling", NO_UPGRADE, 2),
        ("POST /socket.io/?EIO=4&transport=websocket", &UPGRADE, 2),
        ("GET /socket.io/?EIO=4&transport=websocket", NO_UPGRADE, 3),
        ("GET /socket.io/?EIO=4&transport=polling", &UPGRADE, 3),
        (&format!("PUT {path}"), NO_UPGRADE, 3),
        (&format!("GET {path}"), &UPGRADE, 3),
        (&format!("GET {websocket_path}"), NO_UPGRADE, 3),
        ("GET /socket.io/?transport=polling", NO_UPGRADE, 5),
        ("GET /socket.io/?EIO=3&transport=polling", NO_UPGRADE, 5),
        ("GET /socket.io?EIO=five&transport=websocket", &UPGRADE, 5),
    ];
    for (head, headers, code) in refusals {
        let answer = ask(pod.address(), head, headers, "");
        assert_eq!(answer.refusal(), (400, json!(code)), "{head}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let head = ask(pod.address(), "HEAD /socket.io/?EIO=4&transport=polling", &[], "");
    assert_eq!(head.status, 400);
    assert_eq!(with_sid.post("421[\"cancel_match\"]").text(), "ok");
    assert_eq!(with_sid.poll(), ["431[{\"ok\":true}]"]);
}

#[test]
fn a_session_that_is_not_there_is_unknown_however_its_id_is_made_up() {
    let pod = start(&[("POD_ID", "mine")]);
    let sid = Polling::open(pod.address()).sid;
    let (named, mac) = sid.rsplit_once('.').unwrap();
    let other_worker = sid.replace("mine.0.", "mine.7.");
    let other_pod = sid.replace("mine.0.", "yours.0.");
    let other_salt = format!("{}AAAA.{mac}", &named[..named.len() - 4]);
    let made_up = [
        "x",
        "..",
        "...",
        "mine.0",
        "%00",
        &"a".repeat(4000),
        &other_worker,
        &other_pod,
        &other_salt,
    ];
    for sid in made_up {
        let poll = format!("GET /socket.io/?EIO=4&transport=polling&sid={sid}");
        assert_eq!(
            ask(pod.address(), &poll, &[], "").refusal(),
            (400, json!(1)),
            "{sid}"
        );
        let post = format!("POST /socket.io/?EIO=4&transport=polling&sid={sid}");
        assert_eq!(
            ask(pod.address(), &post, &[], "40").refusal(),
            (400, json!(1)),
            "{sid}"
        );
        let upgrade = format!("GET /socket.io/?EIO=4&transport=websocket&sid={sid}");
        assert_eq!(
            ask(pod.address(), &upgrade, &UPGRADE, "").refusal(),
            (400, json!(1)),
            "{sid}"
        );
    }
}

#[test]
fn a_websocket_handshake_that_breaks_its_rfc_is_told_what_would_be_taken() {
    let pod = start(&[]);
    let [connection, upgrade, version, key] = UPGRADE;
    let get = format!("GET {OPEN}");
    let faults: [(&[&str], u16); 6] = [
        (&[connection, upgrade, key], 426),
        (&[connection, upgrade, "Sec-WebSocket-Version: 8", key], 426),
        (&[connection, upgrade, version], 400),
        (&[connection, upgrade, version, "Sec-WebSocket-Key: short"], 400),
        (&[connection, upgrade, version, key, key], 400),
        (&[upgrade, version, key], 400),
    ];
    for (headers, status) in faults {
        let answer = ask(pod.address(), &get, headers, "");
        assert_eq!(answer.status, status, "{headers:?}");
        let versions = (status == 426).then_some("13");
        assert_eq!(answer.header("sec-websocket-version"), versions, "{headers:?}");
    }
    let old = request(&get, &UPGRADE, "").replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(Raw::saying(pod.address(), old).answer().status, 400);
}

/// Bodies of a POST that hold what is no packet, or none that a client sends.
const BROKEN: [&str; 10] = [
    "",
    "7",
    "x",
    "2",
    "2probe",
    "\u{1e}",
    "40\u{1e}",
    "b!!!",
    "4é\u{1e}é",
    "\u{0}",
];

#[test]
fn a_broken_packet_ends_a_polled_session() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    for body in BROKEN {
        let polling = Polling::open(pod.address());
        let answer = match body {
            // A POST without a body has no packet either.
            "" => ask(
                pod.address(),
                &format!("POST {}", polling.path()),
                &["Content-Length: 0"],
                "",
            ),
            body => polling.post(body),
        };
        assert_eq!(answer.refusal(), (400, json!(3)), "{body:?}");
        assert_eq!(polling.try_poll().refusal(), (400, json!(1)), "{body:?}");
    }
    bystanders.were_not_disturbed();
}

#[test]
fn what_came_before_a_broken_packet_counts_and_what_comes_after_does_not() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let mut other = Person::join(pod.address());
    assert_eq!(polling.post("42[\"find_match\"]").text(), "ok");
    assert_eq!(other.ask("find_match", &Value::Null)["ok"], true);
    other.expect("match_found");
    let body =
        "42[\"chat_message\",{\"text\":\"before\"}]\u{1e}9\u{1e}42[\"chat_message\",{\"text\":\"after\"}]";
    assert_eq!(polling.post(body).status, 400);
    assert_eq!(other.expect("chat_message")["text"], "before");
    other.expect("peer_reconnecting");
}

#[test]
fn a_broken_packet_on_a_websocket_closes_it_by_policy() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    for text in ["", "7", "x", "2", "2probe", "b!!!", "bAQID", "\u{0}"] {
        let mut socket = WebSocket::open(pod.address(), OPEN);
        socket.hear_text();
        socket.send_text(text);
        assert_eq!(socket.hear_close(), Some(1008), "{text:?}");
        assert_eq!(socket.hear(), Heard::End);
    }
    bystanders.were_not_disturbed();
}

#[test]
fn packets_that_mean_nothing_here_are_ignored() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    for text in ["0", "0{\"sid\":\"x\"}", "3", "3probe", "5", "6"] {
        person.socket.send_text(text);
    }
    assert_eq!(person.ask("cancel_match", &Value::Null)["ok"], true);
}

#[test]
fn a_second_poll_while_one_hangs_ends_the_session() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let mut first = polling.begin_poll();
    // The pod has the first one for certain once it has answered what came after it.
    assert_eq!(polling.post("421[\"cancel_match\"]").text(), "ok");
    assert_eq!(first.answer().text(), "431[{\"ok\":true}]");
    let mut first = polling.begin_poll();
    let mut second = polling.begin_poll();
    let answers = [first.answer(), second.answer()];
    let refused = answers.iter().filter(|answer| answer.status == 400).count();
    let told = answers.iter().filter(|answer| answer.body == b"1").count();
    assert_eq!((refused, told), (1, 1), "{answers:?}");
    assert_eq!(polling.try_poll().refusal(), (400, json!(1)));
}

#[test]
fn a_second_post_while_one_is_read_ends_the_session() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let path = polling.path();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: pod\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    let mut first = Raw::saying(pod.address(), head);
    // It is being read once the pod asks for its body.
    assert_eq!(first.answer().status, 100);
    assert_eq!(polling.post("41").refusal(), (400, json!(3)));
    first.send("41");
    assert_eq!(first.answer().refusal(), (400, json!(1)));
    assert_eq!(polling.try_poll().refusal(), (400, json!(1)));
}

#[test]
fn a_body_beyond_max_payload_is_413_and_ends_the_session() {
    let pod = start(&[("MAX_PACKET_BYTES", "2000")]);
    let bystanders = Bystanders::of(&pod);
    let largest = format!("421[\"{}\"]", "x".repeat(2000 - 7));
    let polling = Polling::join(pod.address());
    assert_eq!(polling.open["maxPayload"], 2000);
    assert_eq!(largest.len(), 2000);
    assert_eq!(polling.post(&largest).text(), "ok");
    assert!(polling.poll()[0].contains("unknown_event"));
    // One byte more, of which not a single one has to come.
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: pod\r\nContent-Length: 2001\r\n\r\n",
        polling.path()
    );
    assert_eq!(Raw::saying(pod.address(), head).answer().status, 413);
    assert_eq!(polling.try_poll().refusal(), (400, json!(1)));

    let polling = Polling::join(pod.address());
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: pod\r\nTransfer-Encoding: chunked\r\n\r\n",
        polling.path()
    );
    let mut chunked = Raw::saying(pod.address(), head);
    chunked.send(format!(
        "5dc\r\n{0}\r\n1f5\r\n{1}\r\n",
        "4".repeat(1500),
        "4".repeat(501)
    ));
    assert_eq!(chunked.answer().status, 413);
    assert_eq!(polling.try_poll().refusal(), (400, json!(1)));
    bystanders.were_not_disturbed();
}

#[test]
fn a_body_is_text_in_utf8_whatever_way_it_comes() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let path = polling.path();
    let head = format!("POST {path} HTTP/1.1\r\nHost: pod\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut chunked = Raw::saying(pod.address(), head);
    chunked.send("5;note=x\r\n421[\"\r\n0e\r\ncancel_match\"]\r\n0\r\n\r\n");
    assert_eq!(chunked.answer().text(), "ok");
    assert_eq!(polling.poll(), ["431[{\"ok\":true}]"]);

    let mut broken = Raw::saying(
        pod.address(),
        format!("POST {path} HTTP/1.1\r\nHost: pod\r\nContent-Length: 3\r\n\r\n"),
    );
    broken.send(b"4\xc3\x28");
    assert_eq!(broken.answer().refusal(), (400, json!(3)));
    let polling = Polling::join(pod.address());
    let binary = ask(
        pod.address(),
        &format!("POST {}", polling.path()),
        &["Content-Type: application/octet-stream"],
        "40",
    );
    assert_eq!(binary.refusal(), (400, json!(3)));
}

#[test]
fn leaving_and_closing_in_one_payload_is_leaving() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let mut other = Person::join(pod.address());
    assert_eq!(polling.post("42[\"find_match\"]").text(), "ok");
    assert_eq!(other.ask("find_match", &Value::Null)["ok"], true);
    other.expect("match_found");
    assert_eq!(polling.post("41\u{1e}1").text(), "ok");
    assert_eq!(other.expect("peer_disconnected")["reason"], "left");
    assert_eq!(polling.try_poll().refusal(), (400, json!(1)));
}

#[test]
fn a_close_packet_alone_is_a_loss_and_releases_the_poll() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    one.socket.send_text("1");
    assert_eq!(one.socket.hear_close(), Some(1000));
    other.expect("peer_reconnecting");

    let polling = Polling::join(pod.address());
    let mut hanging = polling.begin_poll();
    assert_eq!(polling.post("1").text(), "ok");
    let released = hanging.answer();
    assert!(matches!(released.status, 200 | 400), "{released:?}");
}

#[test]
fn a_binary_message_that_nobody_announced_is_a_broken_packet() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    person.socket.send(Opcode::Binary, b"\x04x");
    assert_eq!(person.socket.hear_close(), Some(1008));
    let polling = Polling::join(pod.address());
    assert_eq!(polling.post("bAQID").text(), "ok");
    assert_eq!(polling.poll(), ["1"]);
}

#[test]
fn an_offer_of_another_protocol_is_ignored() {
    let pod = start(&[]);
    let offer = [
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABk",
    ];
    let polling = Polling::open_with(pod.address(), &offer).expect("a session");
    assert_eq!(
        ask(pod.address(), &format!("POST {}", polling.path()), &offer, "40").text(),
        "ok"
    );
    assert!(polling.poll()[0].starts_with("40{"));
}

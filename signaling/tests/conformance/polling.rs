//! Messages by polling, on `/engine.io/`.

use crate::http::{Request, Session};
use crate::started::patient;

fn session() -> Session {
    Session::open(patient(), "/engine.io/")
}

#[test]
fn a_text_message_comes_back() {
    let session = session();
    session.send("4hello");
    let polled = session.poll();
    assert_eq!(polled.body, "4hello");
    assert_eq!(polled.header("content-type"), Some("text/plain; charset=UTF-8"));
}

#[test]
fn several_messages_of_one_payload_come_back_in_one() {
    let session = session();
    session.send("4one\u{1e}4€\u{1e}4\u{1e}4three");
    assert_eq!(session.packets(), "4one\u{1e}4€\u{1e}4\u{1e}4three");
}

#[test]
fn text_and_binary_share_a_payload_and_binary_need_not_be_padded() {
    let session = session();
    session.send("4hello\u{1e}bAQIDBA==\u{1e}bAQIDBA\u{1e}b");
    assert_eq!(session.packets(), "4hello\u{1e}bAQIDBA==\u{1e}bAQIDBA==\u{1e}b");
}

#[test]
fn a_poll_hangs_until_there_is_a_message() {
    let session = session();
    let poll = session.begin_poll();
    session.send("4at last");
    assert_eq!(poll.response().body, "4at last");
}

#[test]
fn messages_of_several_posts_wait_in_order_sixteen_to_a_payload() {
    let session = session();
    let sent: Vec<String> = (0..40).map(|number| format!("4{number}")).collect();
    for three in sent.chunks(3) {
        session.send(three.join("\u{1e}"));
    }
    for sixteen in sent.chunks(16) {
        assert_eq!(session.packets(), sixteen.join("\u{1e}"));
    }
}

#[test]
fn an_invalid_packet_closes_the_session_after_those_before_it_were_taken() {
    for body in [
        "abc",
        "",
        "4ok\u{1e}",
        "\u{1e}4ok",
        "4ok\u{1e}7",
        "b*",
        "b====",
        "2",
        "2probe",
    ] {
        let session = session();
        assert_eq!(session.post(body).refusal(), 3, "{body:?}");
        assert_eq!(session.poll().refusal(), 1, "{body:?}");
    }
    let session = session();
    let poll = session.begin_poll();
    session.post("4ok\u{1e}abc");
    assert_eq!(poll.response().body, "4ok");
}

#[test]
fn a_body_that_is_not_text_closes_the_session() {
    let not_utf8 = session();
    assert_eq!(not_utf8.post(b"4\xff").refusal(), 3);
    assert_eq!(not_utf8.poll().refusal(), 1);
    let octets = session();
    let headers = "Content-Type: application/octet-stream\r\nContent-Length: 2\r\n";
    let target = octets.target("polling");
    let posted = Request::send(octets.server, "POST", &target, headers, b"4x").response();
    assert_eq!(posted.refusal(), 3);
    assert_eq!(octets.poll().refusal(), 1);
}

#[test]
fn packets_without_a_meaning_from_a_client_are_ignored() {
    let session = session();
    session.send("0{}\u{1e}5\u{1e}6\u{1e}3\u{1e}4still here");
    assert_eq!(session.packets(), "4still here");
}

#[test]
fn a_second_poll_closes_the_session_and_tells_the_first() {
    let session = session();
    let first = session.begin_poll();
    // Answered, this shows that the first poll has come before.
    session.send("3");
    assert_eq!(session.poll().refusal(), 3);
    assert_eq!(first.response().body, "1");
    assert_eq!(session.poll().refusal(), 1);
}

#[test]
fn a_second_post_closes_the_session() {
    let session = session();
    let headers = "Content-Length: 2\r\nExpect: 100-continue\r\n";
    let mut first = Request::send(session.server, "POST", &session.target("polling"), headers, b"");
    first.wait_until_expected();
    assert_eq!(session.post("4b").refusal(), 3);
    first.write(b"4a");
    assert_eq!(first.response().refusal(), 1);
    assert_eq!(session.poll().refusal(), 1);
}

#[test]
fn a_poll_that_is_given_up_closes_the_session() {
    let session = session();
    let poll = session.begin_poll();
    session.send("3");
    drop(poll);
    let after = session.poll();
    assert_eq!(after.status, 400, "{after:?}");
    session.wait_until_gone();
}

#[test]
fn a_post_that_is_given_up_closes_the_session() {
    let session = session();
    let headers = "Content-Length: 2\r\nExpect: 100-continue\r\n";
    let mut post = Request::send(session.server, "POST", &session.target("polling"), headers, b"");
    post.wait_until_expected();
    drop(post);
    session.wait_until_gone();
}

#[test]
fn other_methods_are_refused_and_leave_the_session_alone() {
    let session = session();
    for method in ["PUT", "DELETE"] {
        let target = session.target("polling");
        let response =
            Request::send(session.server, method, &target, "Content-Length: 0\r\n", b"").response();
        assert_eq!(response.refusal(), 3, "{method}");
    }
    session.send("4x");
    assert_eq!(session.packets(), "4x");
}

//! HTTP that is slow, endless, or lies about itself: what each is answered, and when it is cut off.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::bystanders::{Bystanders, memory};
use crate::client::{PATIENCE, Polling, Raw, get, request};
use crate::start;

const QUICK: [(&str, &str); 2] = [
    ("HTTP_HEADERS_TIMEOUT_MS", "600"),
    ("HTTP_BODY_TIMEOUT_MS", "600"),
];

/// Sends a byte every so often until the pod has closed the connection, and returns what it said.
fn drip(mut raw: Raw, bytes: &[u8]) -> Vec<u8> {
    let start = Instant::now();
    for byte in bytes.iter().cycle() {
        assert!(start.elapsed() < PATIENCE, "a slow client is never cut off");
        if raw.try_send([*byte]).is_err() || raw.hears_within(Duration::from_millis(100)) {
            break;
        }
    }
    raw.read_to_end()
}

#[test]
fn a_head_that_does_not_come_in_time_is_cut_off() {
    let pod = start(&QUICK);
    let bystanders = Bystanders::of(&pod);
    // A connection that never says a word is closed without one.
    assert_eq!(Raw::connect(pod.address()).read_to_end(), b"");
    // Half a head gets an answer, also when it goes on coming, byte for byte.
    let half = "GET /health HTTP/1.1\r\nHost: pod\r\nX-Slow: ";
    for said in [
        Raw::saying(pod.address(), half).read_to_end(),
        drip(Raw::saying(pod.address(), half), b"a"),
    ] {
        assert!(
            said.starts_with(b"HTTP/1.1 408 "),
            "{:?}",
            said.escape_ascii().to_string()
        );
    }
    // Between two requests a connection may idle, and is then closed.
    let mut kept = Raw::saying(pod.address(), request("GET /health", &[], ""));
    assert_eq!(kept.answer().status, 200);
    assert_eq!(kept.read_to_end(), b"");
    bystanders.were_not_disturbed();
}

#[test]
fn a_body_that_does_not_come_in_time_ends_its_session() {
    let pod = start(&QUICK);
    let bystanders = Bystanders::of(&pod);
    let promises = ["Content-Length: 100", "Transfer-Encoding: chunked"];
    for promise in promises {
        let polling = Polling::join(pod.address());
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: pod\r\n{promise}\r\n\r\n",
            polling.path()
        );
        let mut silent = Raw::saying(pod.address(), &head);
        assert_eq!(silent.answer().status, 408, "{promise}");
        assert_eq!(silent.read_to_end(), b"");
        assert_eq!(polling.try_poll().refusal(), (400, json!(1)), "{promise}");

        let polling = Polling::join(pod.address());
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: pod\r\n{promise}\r\n\r\n",
            polling.path()
        );
        let said = drip(Raw::saying(pod.address(), &head), b"1\r\n4\r\n");
        assert!(
            said.starts_with(b"HTTP/1.1 408 "),
            "{:?}",
            said.escape_ascii().to_string()
        );
    }
    bystanders.were_not_disturbed();
}

#[test]
fn endless_heads_are_refused_and_cost_no_memory() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    let before = memory(&pod);
    for _ in 0..100 {
        let mut raw = Raw::saying(
            pod.address(),
            "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: pod\r\n",
        );
        // Sent until the pod says that it is enough; what it did not read may cost the answer.
        for number in 0..20_000 {
            if raw
                .try_send(format!("X-Header-{number}: {}\r\n", "x".repeat(50)))
                .is_err()
            {
                break;
            }
        }
        let said = raw.read_to_end();
        assert!(
            said.is_empty() || said.starts_with(b"HTTP/1.1 431 "),
            "{:?}",
            said.escape_ascii().to_string()
        );
    }
    let grown = memory(&pod).saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes");
    bystanders.were_not_disturbed();
}

#[test]
fn a_head_has_bounds_that_are_said() {
    let pod = start(&[]);
    let headers = |count: usize| {
        (0..count)
            .map(|number| format!("X-{number}: x\r\n"))
            .collect::<String>()
    };
    let get = |headers: &str| {
        Raw::saying(
            pod.address(),
            format!("GET /health HTTP/1.1\r\nHost: pod\r\n{headers}\r\n"),
        )
        .answer()
    };
    assert_eq!(get(&headers(60)).status, 200);
    assert_eq!(get(&headers(70)).status, 431);
    assert_eq!(get(&format!("Cookie: {}\r\n", "c".repeat(12_000))).status, 200);
    assert_eq!(get(&format!("Cookie: {}\r\n", "c".repeat(20_000))).status, 431);
}

#[test]
fn what_is_no_http_is_a_bad_request() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    let garbage: [&[u8]; 14] = [
        b"\r\n\r\nnonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET  /health HTTP/1.1\r\n\r\n",
        b"GET /he alth HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /health HTTP/1.1\r\n: empty\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX : y\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello",
        b"POST /health HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /health HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /health HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ];
    for bytes in garbage {
        let mut raw = Raw::saying(pod.address(), bytes);
        assert_eq!(raw.answer().status, 400, "{:?}", bytes.escape_ascii().to_string());
        assert_eq!(raw.read_to_end(), b"");
    }
    // The preface of HTTP/2, which is not spoken here.
    let said = Raw::saying(pod.address(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").read_to_end();
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 4") || said.starts_with(b"HTTP/1.1 505"));
    bystanders.were_not_disturbed();
}

#[test]
fn a_body_whose_length_lies_is_taken_at_its_word_and_no_further() {
    let pod = start(&[]);
    // Less than announced, and then the end: the request was given up.
    let polling = Polling::join(pod.address());
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: pod\r\nContent-Length: 50\r\n\r\n42[",
        polling.path()
    );
    drop(Raw::saying(pod.address(), head));
    while polling.post("3").status == 200 {}
    assert_eq!(polling.post("3").refusal(), (400, json!(1)));
    // More than announced: what is too much is another request, and none.
    let polling = Polling::join(pod.address());
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: pod\r\nContent-Length: 19\r\n\r\n",
        polling.path()
    );
    let mut raw = Raw::saying(
        pod.address(),
        format!("{head}421[\"cancel_match\"]42[\"find_match\"]\r\n\r\n"),
    );
    assert_eq!(raw.answer().text(), "ok");
    assert_eq!(raw.answer().status, 400);
    assert_eq!(polling.poll(), ["431[{\"ok\":true}]"]);
    // None at all: there is no body.
    let head = format!("POST {} HTTP/1.1\r\nHost: pod\r\n\r\n", polling.path());
    let mut raw = Raw::saying(pod.address(), format!("{head}42[\"find_match\"]"));
    assert_eq!(raw.answer().refusal(), (400, json!(3)));
}

#[test]
fn chunks_that_are_none_end_the_session() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    for chunks in ["x\r\n", "-1\r\n4", "ffffffffffffffffff\r\n", "2\r\n411\r\n"] {
        let polling = Polling::join(pod.address());
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: pod\r\nTransfer-Encoding: chunked\r\n\r\n",
            polling.path()
        );
        let mut raw = Raw::saying(pod.address(), format!("{head}{chunks}"));
        raw.finish_sending();
        let said = raw.read_to_end();
        assert!(
            said.is_empty() || said.starts_with(b"HTTP/1.1 400 "),
            "{chunks:?}"
        );
        assert_eq!(polling.try_poll().refusal(), (400, json!(1)), "{chunks:?}");
    }
    bystanders.were_not_disturbed();
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let path = polling.path();
    let requests = [
        request(&format!("POST {path}"), &[], "421[\"cancel_match\"]"),
        request(&format!("GET {path}"), &[], ""),
        request("GET /health/live", &[], ""),
        request("GET /nope", &[], ""),
        request(&format!("POST {path}"), &[], "422[\"cancel_match\"]"),
        request(&format!("GET {path}"), &[], ""),
    ];
    let mut raw = Raw::saying(pod.address(), requests.concat());
    assert_eq!(raw.answer().text(), "ok");
    assert_eq!(raw.answer().text(), "431[{\"ok\":true}]");
    assert_eq!(raw.answer().json(), json!({"status": "live"}));
    assert_eq!(raw.answer().status, 404);
    assert_eq!(raw.answer().text(), "ok");
    assert_eq!(raw.answer().text(), "432[{\"ok\":true}]");
}

#[test]
fn http_1_0_is_spoken_and_ends_after_one_answer() {
    let pod = start(&[]);
    let mut raw = Raw::saying(pod.address(), "GET /health HTTP/1.0\r\n\r\n");
    assert_eq!(raw.answer().status, 200);
    assert_eq!(raw.read_to_end(), b"");
    let mut raw = Raw::saying(
        pod.address(),
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n",
    );
    assert!(raw.answer().text().starts_with("0{"));
    assert_eq!(raw.read_to_end(), b"");
    let closing = request("GET /health", &["Connection: close"], "");
    let mut raw = Raw::saying(pod.address(), closing);
    assert_eq!(raw.answer().status, 200);
    assert_eq!(raw.read_to_end(), b"");
}

#[test]
fn a_request_that_names_the_whole_url_is_the_same_request() {
    let pod = start(&[]);
    assert_eq!(get(pod.address(), "http://pod/health").status, 200);
    let answer = get(pod.address(), "http://pod/socket.io/?EIO=4&transport=polling");
    assert!(answer.text().starts_with("0{"));
}

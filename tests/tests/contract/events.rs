//! Events that are unknown, too large, or come at the wrong time: each is refused with its code, and nothing else happens.

use serde_json::{Value, json};

use crate::client::{Person, Polling, pair};
use crate::{start, start_workers};

fn refused(person: &mut Person, name: &str, payload: &Value) -> String {
    person.refused(&json!([name, payload]).to_string()).0
}

fn offer() -> Value {
    json!({"type": "offer", "sdp": "v=0\r\na=ice-ufrag:one1\r\n"})
}

#[test]
fn an_unknown_event_is_said_to_be_unknown_in_an_ack_or_else_an_error() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    for name in [
        "",
        "findMatch",
        "FIND_MATCH",
        "find_match ",
        "match_found",
        "session",
        "__proto__",
        "\u{7}",
        "💥",
    ] {
        assert_eq!(
            refused(&mut person, name, &Value::Null),
            "unknown_event",
            "{name}"
        );
        person.emit(name, &Value::Null);
        let error = person.expect("error");
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!("unknown_event"), &Value::Null),
            "{name}"
        );
    }
    person.emit(&"x".repeat(100_000), &Value::Null);
    let message = person.expect("error")["message"].clone();
    assert!(
        message.as_str().is_some_and(|message| message.len() < 100),
        "{message}"
    );
}

#[test]
fn without_a_partner_nothing_of_a_call_is_taken() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    for waiting in [false, true] {
        if waiting {
            assert_eq!(person.ask("find_match", &Value::Null)["ok"], true);
        }
        let events = [
            ("webrtc_offer", offer()),
            ("webrtc_answer", json!({"type": "answer", "sdp": "v=0"})),
            ("webrtc_ice_candidate", json!({"candidate": ""})),
            ("chat_message", json!({"text": "is anybody there?"})),
            ("ice_state", json!({"state": "connected"})),
            ("leave_match", Value::Null),
            ("block_peer", Value::Null),
            ("report_peer", json!({"reason": "nobody"})),
        ];
        for (name, payload) in events {
            assert_eq!(refused(&mut person, name, &payload), "not_matched", "{name}");
        }
    }
    assert_eq!(person.ask("cancel_match", &Value::Null)["ok"], true);
    assert_eq!(person.ask("cancel_match", &Value::Null)["ok"], true);
}

#[test]
fn in_a_match_nobody_looks_for_another_one_without_leaving() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    assert_eq!(refused(&mut one, "find_match", &Value::Null), "already_matched");
    assert_eq!(refused(&mut one, "cancel_match", &Value::Null), "already_matched");
    assert_eq!(
        one.ask("chat_message", &json!({"text": "still here"}))["ok"],
        true
    );
    assert_eq!(other.expect("chat_message")["text"], "still here");
    let wrong = json!({"matchId": "another"});
    for name in ["next_match", "leave_match", "block_peer", "report_peer"] {
        assert_eq!(refused(&mut one, name, &wrong), "not_matched", "{name}");
    }
    assert_eq!(one.ask("next_match", &Value::Null)["ok"], true);
    assert_eq!(other.expect("peer_disconnected")["reason"], "next");
}

#[test]
fn an_answer_without_an_offer_is_out_of_state() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    let answer = json!({"type": "answer", "sdp": "v=0"});
    assert_eq!(refused(&mut other, "webrtc_answer", &answer), "invalid_state");
    assert_eq!(refused(&mut one, "webrtc_answer", &answer), "invalid_state");
    assert_eq!(one.ask("webrtc_offer", &offer())["ok"], true);
    // One's own offer is none to answer.
    assert_eq!(refused(&mut one, "webrtc_answer", &answer), "invalid_state");
    other.expect("webrtc_offer");
    assert_eq!(other.ask("webrtc_answer", &answer)["ok"], true);
    one.expect("webrtc_answer");
}

/// Ends the match of two and has both meet somebody new, while the first one's signals of before are still coming.
fn signals_of_an_old_match(workers: &str) {
    let pod = start_workers(workers, &[]);
    let (mut one, mut other) = pair(pod.address());
    assert_eq!(one.ask("webrtc_offer", &offer())["ok"], true);
    let old = other.expect("webrtc_offer")["matchId"].clone();
    assert_eq!(other.ask("leave_match", &Value::Null)["ok"], true);
    one.expect("peer_disconnected");
    let mut next = Person::join(pod.address());
    assert_eq!(next.ask("find_match", &Value::Null)["ok"], true);
    assert_eq!(one.ask("find_match", &Value::Null)["ok"], true);
    let new = one.expect("match_found")["matchId"].clone();
    assert_ne!(new, old);
    next.expect("match_found");
    // Those that name their match, and those whose fragment belongs to the description of before.
    let late = [
        (
            "webrtc_offer",
            json!({"type": "offer", "sdp": "v=0", "matchId": old}),
        ),
        (
            "webrtc_answer",
            json!({"type": "answer", "sdp": "v=0", "matchId": old}),
        ),
        (
            "webrtc_ice_candidate",
            json!({"candidate": "candidate:1", "matchId": old}),
        ),
        (
            "chat_message",
            json!({"text": "for the other one", "matchId": old}),
        ),
        ("ice_state", json!({"state": "failed", "matchId": old})),
        ("leave_match", json!({"matchId": old})),
    ];
    for (name, payload) in late {
        assert_eq!(refused(&mut one, name, &payload), "not_matched", "{name}");
    }
    let answer = json!({"type": "answer", "sdp": "v=0"});
    assert_eq!(refused(&mut one, "webrtc_answer", &answer), "invalid_state");
    let candidate =
        json!({"candidate": "candidate:2 1 udp 1 host 1 typ host ufrag one1", "usernameFragment": "one1"});
    assert_eq!(one.ask("webrtc_ice_candidate", &candidate)["ok"], true);
    // The new partner hears of none of them: what comes first is what was meant for this match.
    assert_eq!(
        one.ask("chat_message", &json!({"text": "hello", "matchId": new}))["ok"],
        true
    );
    let heard = next.expect("chat_message");
    assert_eq!(
        (&heard["text"], &heard["seq"], &heard["matchId"]),
        (&json!("hello"), &json!(1), &new)
    );
}

#[test]
fn signals_of_an_old_match_never_reach_the_next_partner() {
    signals_of_an_old_match("1");
}

#[test]
fn nor_do_they_by_way_of_another_worker() {
    signals_of_an_old_match("4");
}

#[test]
fn candidates_are_held_for_their_description_up_to_a_bound() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    let candidate =
        |number: u32| json!({"candidate": format!("candidate:{number}"), "usernameFragment": "two2"});
    for number in 0..64 {
        assert_eq!(one.ask("webrtc_ice_candidate", &candidate(number))["ok"], true);
    }
    assert_eq!(
        refused(&mut one, "webrtc_ice_candidate", &candidate(64)),
        "invalid_state"
    );
    let restart = json!({"type": "offer", "sdp": "v=0\r\na=ice-ufrag:two2\r\n"});
    assert_eq!(one.ask("webrtc_offer", &restart)["ok"], true);
    assert_eq!(other.expect("webrtc_offer")["seq"], 1);
    for number in 0..64 {
        let heard = other.expect("webrtc_ice_candidate");
        assert_eq!(heard["candidate"], format!("candidate:{number}"));
    }
}

#[test]
fn what_is_larger_than_its_limit_is_too_large_and_one_byte_less_is_not() {
    let limits = [
        ("MAX_SDP_BYTES", "2000"),
        ("MAX_CANDIDATE_BYTES", "300"),
        ("MAX_TEXT_BYTES", "20"),
        ("MAX_CRITERIA_BYTES", "200"),
    ];
    let pod = start(&limits);
    let (mut one, mut other) = pair(pod.address());
    let sdp = |bytes: usize| {
        format!(
            "[\"webrtc_offer\",{{\"type\":\"offer\",\"sdp\":\"{}\"}}]",
            "v".repeat(bytes)
        )
    };
    let candidate = |bytes: usize| {
        format!(
            "[\"webrtc_ice_candidate\",{{\"candidate\":\"{}\"}}]",
            "c".repeat(bytes)
        )
    };
    let text = |text: &str| format!("[\"chat_message\",{{\"text\":\"{text}\"}}]");
    for (args, field) in [
        (sdp(2001), "sdp"),
        (candidate(301), "candidate"),
        (text(&"t".repeat(21)), "text"),
        (text(&"é".repeat(11)), "text"),
        (text(&"\\u00e9".repeat(11)), "text"),
    ] {
        assert_eq!(
            one.refused(&args),
            ("payload_too_large".into(), Some(field.into())),
            "{args}"
        );
    }
    // UTF-8 counts, and not the escapes that it came in.
    for args in [
        sdp(2000),
        candidate(300),
        text(&"t".repeat(20)),
        text(&"é".repeat(10)),
        text(&"\\u0041".repeat(20)),
    ] {
        assert_eq!(one.ask_raw(&args)["ok"], true, "{args}");
        other.event();
    }
    let mut seeker = Person::join(pod.address());
    let criteria = |bytes: usize| format!("[\"find_match\",{{\"x\":\"{}\"}}]", "x".repeat(bytes - 8));
    assert_eq!(
        seeker.refused(&criteria(201)),
        ("payload_too_large".into(), Some("criteria".into()))
    );
    assert_eq!(seeker.ask_raw(&criteria(200))["ok"], true);
}

#[test]
fn criteria_have_bounds_of_their_own() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    let interests = |count: usize, length: usize| json!({"interests": vec!["ü".repeat(length); count]});
    for (criteria, code, field) in [
        (interests(11, 1), "invalid_payload", "interests"),
        (interests(1, 65), "invalid_payload", "interests"),
        (
            json!({"language": "l".repeat(65)}),
            "payload_too_large",
            "language",
        ),
        (json!({"region": "r".repeat(65)}), "payload_too_large", "region"),
    ] {
        let args = json!(["find_match", criteria]).to_string();
        assert_eq!(person.refused(&args), (code.into(), Some(field.into())), "{args}");
    }
    assert_eq!(person.ask("find_match", &interests(10, 64))["ok"], true);
}

#[test]
fn a_packet_beyond_the_largest_closes_the_connection_and_the_partner_is_told() {
    let pod = start(&[("MAX_PACKET_BYTES", "5000"), ("MAX_SDP_BYTES", "4000")]);
    let (mut one, mut other) = pair(pod.address());
    let huge = "v".repeat(4990);
    one.emit("webrtc_offer", &json!({"type": "offer", "sdp": huge}));
    assert_eq!(one.socket.hear_close(), Some(1009));
    other.expect("peer_reconnecting");
}

#[test]
fn refusals_come_the_same_way_by_polling() {
    let pod = start(&[]);
    let polling = Polling::join(pod.address());
    let body = "421[\"nope\"]\u{1e}422[\"chat_message\",{\"text\":\"a\"}]\u{1e}42[\"leave_match\"]";
    assert_eq!(polling.post(body).text(), "ok");
    let packets = polling.poll();
    assert!(
        packets[0].starts_with("431[{\"ok\":false,\"error\":{\"code\":\"unknown_event\""),
        "{packets:?}"
    );
    assert!(
        packets[1].starts_with("432[{\"ok\":false,\"error\":{\"code\":\"not_matched\""),
        "{packets:?}"
    );
    assert!(
        packets[2].starts_with("42[\"error\",{\"code\":\"not_matched\""),
        "{packets:?}"
    );
}

//! JSON that is broken, doubled, deep, wrong or strange: refused with its code, or relayed as it came.

use serde_json::{Value, json};

use crate::client::{Person, pair};
use crate::start;

#[test]
fn arguments_that_are_no_json_are_an_invalid_payload() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    for args in [
        "[\"find_match\",]",
        "[\"find_match\",{]",
        "[\"find_match\",{}}]",
        "[\"find_match\" {}]",
        "[\"find_match\",nul]",
        "[\"find_match\",{\"mode\":}]",
        "[\"find_match\",{mode:\"text\"}]",
        "[\"find_match\",{\"mode\":'text'}]",
        "[\"find_match\",{\"mode\":\"te\nxt\"}]",
        "[\"find_match\",{\"mode\":\"\u{0}\"}]",
        "[\"find_match\",{\"mode\":\"\\x\"}]",
        "[\"find_match\",{\"mode\":\"\\u12\"}]",
        "[\"find_match\",{\"a\":01}]",
        "[\"find_match\",{\"a\":NaN}]",
        "[\"find_match\",{\"a\":+1}]",
        "[\"find_match\",{\"a\":1.}]",
        "[\"find_match\"]]",
        "[\"find_match\"][\"find_match\"]",
        "[\"find\\ud800match\"]",
        "[7]",
        "[-7,{}]",
    ] {
        assert_eq!(person.refused(args), ("invalid_payload".into(), None), "{args}");
    }
    assert_eq!(person.ask("cancel_match", &Value::Null)["ok"], true);
}

#[test]
fn a_key_that_comes_twice_is_an_invalid_payload_however_it_is_written() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    for object in [
        r#"{"text":"a","text":"b"}"#,
        r#"{"text":"a","t\u0065xt":"b"}"#,
        r#"{"x":1,"text":"a","x":1}"#,
        r#"{"matchId":null,"text":"a","matchId":null}"#,
    ] {
        let args = format!("[\"chat_message\",{object}]");
        assert_eq!(one.refused(&args), ("invalid_payload".into(), None), "{object}");
    }
    let many: String = (0..64).map(|field| format!("\"f{field}\":0,")).collect();
    let args = format!("[\"chat_message\",{{{many}\"text\":\"a\"}}]");
    assert_eq!(one.refused(&args), ("invalid_payload".into(), None));
    assert_eq!(one.ask("chat_message", &json!({"text": "c"}))["ok"], true);
    assert_eq!(other.expect("chat_message")["text"], "c");
}

#[test]
fn nesting_beyond_32_levels_is_an_invalid_payload() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    // The event's array is the first level, its object the second.
    let nested = |levels: usize| {
        format!(
            "[\"chat_message\",{{\"text\":\"deep\",\"x\":{}{}}}]",
            "[".repeat(levels - 2),
            "]".repeat(levels - 2)
        )
    };
    assert_eq!(one.refused(&nested(33)), ("invalid_payload".into(), None));
    assert_eq!(one.ask_raw(&nested(32))["ok"], true);
    assert_eq!(other.expect("chat_message")["text"], "deep");
    let bottomless = format!("[\"find_match\",{}{}]", "[".repeat(60_000), "]".repeat(60_000));
    assert_eq!(one.refused(&bottomless), ("invalid_payload".into(), None));
    let bottomless = format!("[\"find_match\",{}]", "{\"a\":".repeat(20_000));
    assert_eq!(one.refused(&bottomless), ("invalid_payload".into(), None));
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    let criteria = [
        (r#"{"mode":"telepathy"}"#, "mode"),
        (r#"{"mode":7}"#, "mode"),
        (r#"{"language":7}"#, "language"),
        (r#"{"language":["en"]}"#, "language"),
        (r#"{"region":{}}"#, "region"),
        (r#"{"interests":"chess"}"#, "interests"),
        (r#"{"interests":[7]}"#, "interests"),
        (r#"{"interests":[null]}"#, "interests"),
        (r#"{"interests":{"0":"chess"}}"#, "interests"),
    ];
    for (object, field) in criteria {
        let args = format!("[\"find_match\",{object}]");
        assert_eq!(
            person.refused(&args),
            ("invalid_payload".into(), Some(field.into())),
            "{args}"
        );
    }
    for payload in ["[]", "\"x\"", "7", "true"] {
        let args = format!("[\"find_match\",{payload}]");
        assert_eq!(person.refused(&args), ("invalid_payload".into(), None), "{args}");
    }
}

#[test]
fn a_signal_of_the_wrong_form_is_named_too() {
    let pod = start(&[]);
    let (mut one, _other) = pair(pod.address());
    let signals = [
        ("webrtc_offer", r#"{"type":"offer"}"#, "sdp"),
        ("webrtc_offer", r#"{"type":"offer","sdp":""}"#, "sdp"),
        ("webrtc_offer", r#"{"type":"offer","sdp":7}"#, "sdp"),
        ("webrtc_offer", r#"{"type":"offer","sdp":null}"#, "sdp"),
        ("webrtc_offer", r#"{"sdp":"v=0"}"#, "type"),
        ("webrtc_offer", r#"{"type":"answer","sdp":"v=0"}"#, "type"),
        ("webrtc_offer", r#"{"type":["offer"],"sdp":"v=0"}"#, "type"),
        ("webrtc_ice_candidate", "{}", "candidate"),
        ("webrtc_ice_candidate", r#"{"candidate":null}"#, "candidate"),
        (
            "webrtc_ice_candidate",
            r#"{"candidate":"c","sdpMLineIndex":-1}"#,
            "sdpMLineIndex",
        ),
        (
            "webrtc_ice_candidate",
            r#"{"candidate":"c","sdpMLineIndex":1e99}"#,
            "sdpMLineIndex",
        ),
        (
            "webrtc_ice_candidate",
            r#"{"candidate":"c","sdpMLineIndex":65536}"#,
            "sdpMLineIndex",
        ),
        (
            "webrtc_ice_candidate",
            r#"{"candidate":"c","sdpMLineIndex":"0"}"#,
            "sdpMLineIndex",
        ),
        (
            "webrtc_ice_candidate",
            r#"{"candidate":"c","sdpMid":0}"#,
            "sdpMid",
        ),
        (
            "webrtc_ice_candidate",
            r#"{"candidate":"c","usernameFragment":{}}"#,
            "usernameFragment",
        ),
        ("chat_message", "{}", "text"),
        ("chat_message", r#"{"text":""}"#, "text"),
        ("chat_message", r#"{"text":["a"]}"#, "text"),
        ("chat_message", r#"{"text":"a","matchId":7}"#, "matchId"),
        ("ice_state", "{}", "state"),
        ("ice_state", r#"{"state":7}"#, "state"),
        ("ice_state", r#"{"state":"connected","rttMs":"fast"}"#, "rttMs"),
        ("ice_state", r#"{"state":"connected","rttMs":-1}"#, "rttMs"),
        ("ice_state", r#"{"state":"connected","rttMs":1e999}"#, "rttMs"),
        ("report_peer", r#"{"reason":7}"#, "reason"),
        ("block_peer", r#"{"reason":[]}"#, "reason"),
    ];
    for (event, object, field) in signals {
        let args = format!("[\"{event}\",{object}]");
        assert_eq!(
            one.refused(&args),
            ("invalid_payload".into(), Some(field.into())),
            "{args}"
        );
    }
    for event in [
        "webrtc_offer",
        "webrtc_answer",
        "webrtc_ice_candidate",
        "chat_message",
        "ice_state",
    ] {
        for args in [
            format!("[\"{event}\"]"),
            format!("[\"{event}\",null]"),
            format!("[\"{event}\",[]]"),
        ] {
            assert_eq!(one.refused(&args), ("invalid_payload".into(), None), "{args}");
        }
    }
}

#[test]
fn what_is_strange_but_json_arrives_as_it_was_sent() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    let huge = "9".repeat(400);
    for object in [
        r#"{"text":"\u0000"}"#.to_owned(),
        r#"{"text":"\ud800 alone \udc00"}"#.to_owned(),
        r#"{"text":"\ud83d\ude00 \u00e9 é 😀"}"#.to_owned(),
        format!(r#"{{"text":"huge","n":{huge},"e":1e999,"m":-0.0}}"#),
        r#"{ "text" : "spaced" , "":"" , "unknown" : {"nested":[1,null,true]} }"#.to_owned(),
        r#"{"__proto__":{"admin":true},"constructor":1,"text":"plain"}"#.to_owned(),
    ] {
        one.socket.send_text(&format!("42[\"chat_message\",{object}]"));
        let packet = other.packet();
        let fields = object.trim_end_matches([' ', '}']).trim_end();
        let fields = if object.contains("nested") {
            &object[..object.len() - 2]
        } else {
            fields
        };
        assert!(
            packet.starts_with(&format!("42[\"chat_message\",{fields},\"matchId\":\"")),
            "{packet}"
        );
    }
}

#[test]
fn names_that_the_relay_appends_are_the_relays() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    let forged = r#"["chat_message",{"seq":99,"text":"a","from":"someone","fr\u006fm":"else"}]"#;
    assert_eq!(one.ask_raw(forged)["ok"], false);
    let forged = r#"["chat_message",{"s\u0065q":99,"text":"a","from":{"x":1},"extra":"\u0041"}]"#;
    assert_eq!(one.ask_raw(forged)["ok"], true);
    let heard = other.expect("chat_message");
    assert_eq!((&heard["seq"], &heard["extra"]), (&json!(1), &json!("A")));
    assert!(heard["from"].is_string());
}

#[test]
fn arguments_after_the_first_are_ignored() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    assert_eq!(
        one.ask_raw(r#"["chat_message",{"text":"a"},{"text":"b"},7]"#)["ok"],
        true
    );
    assert_eq!(other.expect("chat_message")["text"], "a");
}

//! What clients may send, what they may not, and what they are told.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use proptest::prelude::*;
use serde_json::{Value, json};
use signaling_core::event::{
    CandidateType, ClientEvent, ErrorCode, IceState, Limits, Rejection, ServerEvent, Signal, SignalKind,
    parse, write_ack_error,
};
use signaling_core::pairing::Mode;

fn refused(args: &str) -> (ErrorCode, Option<&'static str>) {
    match parse(args, &Limits::default()) {
        Err(Rejection { code, field, .. }) => (code, field),
        Ok(event) => panic!("{args} was taken as {event:?}"),
    }
}

fn signal(args: &str) -> Signal<'_> {
    match parse(args, &Limits::default()) {
        Ok(ClientEvent::Signal(signal)) => signal,
        other => panic!("{args} is no signal: {other:?}"),
    }
}

fn fields(args: &str) -> String {
    let mut out = Vec::new();
    signal(args).body.write_fields(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn what_is_no_event_is_refused() {
    use ErrorCode::{InvalidPayload, UnknownEvent};
    for args in [
        "",
        "{}",
        "[]",
        "[1]",
        "[null]",
        r#"["find_match""#,
        r#"["find_match",{]"#,
        r#"["find_match"] x"#,
    ] {
        assert_eq!(refused(args), (InvalidPayload, None), "{args}");
    }
    assert_eq!(refused(r#"["find_match",[]]"#), (InvalidPayload, None));
    assert_eq!(refused(r#"["find_match","x"]"#), (InvalidPayload, None));
    assert_eq!(refused(r#"["no_such_thing",{}]"#), (UnknownEvent, None));
}

#[test]
fn an_unknown_name_is_repeated_short_and_harmless() {
    let args = format!("[\"{}\\u0007\"]", "x".repeat(500));
    let rejection = parse(&args, &Limits::default()).unwrap_err();
    assert!(rejection.message.len() < 120, "{}", rejection.message);
    let rejection = parse("[\"\\u001b[31m\"]", &Limits::default()).unwrap_err();
    assert!(rejection.message.chars().all(|letter| !letter.is_control()));
}

#[test]
fn names_and_fields_may_be_escaped() {
    let offer = signal(r#"["webrtc\u005foffer",{"t\u0079pe":"offer","sdp":"v=0"}]"#);
    assert_eq!(offer.kind, SignalKind::Offer);
}

#[test]
fn find_match_takes_nothing_null_or_criteria() {
    for args in [
        r#"["find_match"]"#,
        r#"["find_match",null]"#,
        r#"["find_match",{}]"#,
        r#"["find_match",{"mode":null}]"#,
    ] {
        let Ok(ClientEvent::FindMatch { criteria }) = parse(args, &Limits::default()) else {
            panic!("{args}")
        };
        assert_eq!(criteria, signaling_core::pairing::Criteria::default());
    }
    let args =
        r#"["find_match",{"mode":"audio","language":" DE ","interests":["Go","go","chess"],"other":1}]"#;
    let Ok(ClientEvent::FindMatch { criteria }) = parse(args, &Limits::default()) else {
        panic!("{args}")
    };
    assert_eq!(
        (criteria.mode, criteria.language.as_deref()),
        (Some(Mode::Audio), Some("de"))
    );
    assert_eq!(criteria.interests.len(), 2);
}

#[test]
fn bad_criteria_name_their_field() {
    use ErrorCode::{InvalidPayload, PayloadTooLarge};
    let many: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let cases = [
        (json!({"mode": "hologram"}), InvalidPayload, "mode"),
        (json!({"mode": 1}), InvalidPayload, "mode"),
        (json!({"language": {}}), InvalidPayload, "language"),
        (json!({"region": "x".repeat(65)}), PayloadTooLarge, "region"),
        (json!({"interests": "go"}), InvalidPayload, "interests"),
        (json!({"interests": [1]}), InvalidPayload, "interests"),
        (json!({"interests": many}), InvalidPayload, "interests"),
        (
            json!({"interests": ["x".repeat(65)]}),
            InvalidPayload,
            "interests",
        ),
        (json!({"padding": "x".repeat(2048)}), PayloadTooLarge, "criteria"),
    ];
    for (criteria, code, field) in cases {
        assert_eq!(
            refused(&json!(["find_match", criteria]).to_string()),
            (code, Some(field)),
            "{criteria}"
        );
    }
}

#[test]
fn a_description_needs_the_type_of_its_event() {
    use ErrorCode::{InvalidPayload, PayloadTooLarge};
    for kind in ["offer", "rollback"] {
        assert_eq!(
            signal(&json!(["webrtc_offer", {"type": kind, "sdp": "v=0"}]).to_string()).kind,
            SignalKind::Offer
        );
    }
    for kind in ["answer", "pranswer", "rollback"] {
        assert_eq!(
            signal(&json!(["webrtc_answer", {"type": kind, "sdp": "v=0"}]).to_string()).kind,
            SignalKind::Answer
        );
    }
    let cases = [
        (json!({"type": "answer", "sdp": "v=0"}), InvalidPayload, "type"),
        (json!({"sdp": "v=0"}), InvalidPayload, "type"),
        (json!({"type": "offer"}), InvalidPayload, "sdp"),
        (json!({"type": "offer", "sdp": ""}), InvalidPayload, "sdp"),
        (json!({"type": "offer", "sdp": 7}), InvalidPayload, "sdp"),
        (
            json!({"type": "offer", "sdp": "x".repeat(65_537)}),
            PayloadTooLarge,
            "sdp",
        ),
        (
            json!({"type": "offer", "sdp": "v=0", "matchId": 7}),
            InvalidPayload,
            "matchId",
        ),
    ];
    for (payload, code, field) in cases {
        let args = json!(["webrtc_offer", payload]).to_string();
        assert_eq!(refused(&args), (code, Some(field)), "{:.80}", args);
    }
    assert_eq!(refused(r#"["webrtc_offer"]"#), (InvalidPayload, None));
    assert!(!signal(r#"["webrtc_offer",{"type":"rollback"}]"#).describes());
}

#[test]
fn limits_count_utf8_and_not_escapes() {
    // 65536 bytes as text, six times that as JSON.
    let at_the_limit = format!(
        r#"["webrtc_offer",{{"type":"offer","sdp":"{}"}}]"#,
        "\\u0041".repeat(65_536)
    );
    assert_eq!(signal(&at_the_limit).kind, SignalKind::Offer);
    let beyond = at_the_limit.replace("\"sdp\":\"", "\"sdp\":\"\\n");
    assert_eq!(refused(&beyond), (ErrorCode::PayloadTooLarge, Some("sdp")));
    let text = json!(["chat_message", {"text": "é".repeat(2048)}]).to_string();
    assert_eq!(signal(&text).kind, SignalKind::ChatMessage);
    let text = json!(["chat_message", {"text": "é".repeat(2049)}]).to_string();
    assert_eq!(refused(&text), (ErrorCode::PayloadTooLarge, Some("text")));
}

#[test]
fn a_candidate_is_checked_and_its_fragment_found() {
    let line = "candidate:1 1 udp 1 10.0.0.1 9 typ host generation 0 ufrag Ab+/ network-id 1";
    let candidate = |payload: Value| json!(["webrtc_ice_candidate", payload]).to_string();
    assert_eq!(
        signal(&candidate(json!({"candidate": line, "sdpMid": "0"}))).ufrag(),
        Some("Ab+/")
    );
    let named = json!({"candidate": line, "usernameFragment": "own", "sdpMLineIndex": 0, "sdpMid": null});
    assert_eq!(signal(&candidate(named)).ufrag(), Some("own"));
    assert_eq!(
        signal(&candidate(json!({"candidate": "", "usernameFragment": null}))).ufrag(),
        None
    );
    for (payload, field) in [
        (json!({}), "candidate"),
        (json!({"candidate": null}), "candidate"),
        (json!({"candidate": "", "sdpMLineIndex": -1}), "sdpMLineIndex"),
        (json!({"candidate": "", "sdpMLineIndex": "0"}), "sdpMLineIndex"),
        (json!({"candidate": "", "sdpMid": 0}), "sdpMid"),
    ] {
        assert_eq!(
            refused(&candidate(payload)),
            (ErrorCode::InvalidPayload, Some(field))
        );
    }
    let long = candidate(json!({"candidate": "x".repeat(4097)}));
    assert_eq!(refused(&long), (ErrorCode::PayloadTooLarge, Some("candidate")));
}

#[test]
fn the_fragments_of_a_description_are_found() {
    let sdp = "v=0\r\na=ice-ufrag:one\r\na=ice-pwd:x\r\nm=video\r\na=ice-ufrag:two\r\n";
    let args = json!(["webrtc_offer", {"type": "offer", "sdp": sdp}]).to_string();
    assert_eq!(signal(&args).ufrags().collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn a_fragment_is_the_same_however_its_signs_are_escaped() {
    for sdp in [
        r"v=0\r\na=ice-ufrag:a+b/\r\n",
        r"v=0\r\na=ice-ufrag:a+b\/\r\n",
        r"v=0\r\na=ice-ufrag:a\u002Bb/\r\n",
        r"v=0\r\na\u003dice-ufrag:a+b\/\r\n",
        r"v=0\u000d\u000aa=ice-ufrag:a+b/\u000d\u000a",
    ] {
        let args = format!(r#"["webrtc_offer",{{"type":"offer","sdp":"{sdp}"}}]"#);
        assert_eq!(signal(&args).ufrags().collect::<Vec<_>>(), ["a+b/"], "{sdp}");
    }
    for (name, text) in [
        ("usernameFragment", r"a+b\/"),
        ("usernameFragment", r"a\u002bb\u002f"),
        ("candidate", r"typ host ufrag a\u002bb\/ network-id 1"),
        ("candidate", r"typ host ufrag a+b\/\u0020network-id 1"),
        ("candidate", r"typ host ufrag a+b\/"),
    ] {
        let line = if name == "candidate" {
            ""
        } else {
            r#""candidate":"typ host","#
        };
        let args = format!(r#"["webrtc_ice_candidate",{{{line}"{name}":"{text}"}}]"#);
        assert_eq!(signal(&args).ufrag(), Some("a+b/"), "{text}");
    }
    for odd in [r"ufrag a\ud800b", r"ufrag a\u00e9\t", r"ufrag \ufrag"] {
        let args = format!(r#"["webrtc_ice_candidate",{{"candidate":"typ host {odd}"}}]"#);
        // No JSON, or whatever comes before the sign that ends it; never a panic.
        let _ = parse(&args, &Limits::default());
    }
}

#[test]
fn the_senders_object_is_untouched_but_for_the_relays_own_fields() {
    let args = r#"["chat_message", { "text" : "hi", "x":[1, 2.50 ] ,"é":"\u0041" } ]"#;
    assert_eq!(fields(args), r#"{ "text" : "hi", "x":[1, 2.50 ] ,"é":"\u0041","#);
    let args = r#"["chat_message",{"seq":9,"text":"hi","from":"me","deep":{"seq":1},"matchId":"x"}]"#;
    assert_eq!(fields(args), r#"{"text":"hi","deep":{"seq":1},"#);
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    let code = ErrorCode::InvalidPayload;
    assert_eq!(refused(r#"["chat_message",{"text":"a","text":"b"}]"#).0, code);
    assert_eq!(
        refused(r#"["chat_message",{"text":"a","x":1,"\u0078":2}]"#).0,
        code
    );
    let many: String = (0..70).map(|number| format!(r#","f{number}":1"#)).collect();
    assert_eq!(
        refused(&format!(r#"["chat_message",{{"text":"a"{many}}}]"#)).0,
        code
    );
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let nested = |depth: usize| {
        format!(
            r#"["chat_message",{{"text":"[[[[","x":{}1{}}}]"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert_eq!(signal(&nested(30)).kind, SignalKind::ChatMessage);
    assert_eq!(refused(&nested(31)).0, ErrorCode::InvalidPayload);
    assert_eq!(refused(&nested(60_000)).0, ErrorCode::InvalidPayload);
    let wide = format!(r#"["chat_message",{{"text":"a","x":[{}0]}}]"#, "[],".repeat(500));
    assert_eq!(
        signal(&wide).kind,
        SignalKind::ChatMessage,
        "many brackets are not deep"
    );
}

#[test]
fn a_report_of_the_call_is_made_of_known_words() {
    let args = r#"["ice_state",{"state":"connected","candidateType":"srflx","protocol":"UDP","rttMs":12.5}]"#;
    let Ok(ClientEvent::IceState { report, .. }) = parse(args, &Limits::default()) else {
        panic!()
    };
    assert_eq!(
        (report.state, report.candidate_type),
        (IceState::Connected, Some(CandidateType::ServerReflexive))
    );
    let args = r#"["ice_state",{"state":"<script>","candidateType":"x"}]"#;
    let Ok(ClientEvent::IceState { report, .. }) = parse(args, &Limits::default()) else {
        panic!()
    };
    assert_eq!(
        (report.state.as_str(), report.candidate_type.unwrap().as_str()),
        ("other", "other")
    );
    assert_eq!(
        refused(r#"["ice_state",{}]"#),
        (ErrorCode::InvalidPayload, Some("state"))
    );
    assert_eq!(
        refused(r#"["ice_state",{"state":"new","rttMs":"1"}]"#).1,
        Some("rttMs")
    );
}

#[test]
fn a_refusal_is_json_with_a_code_a_sentence_and_the_field() {
    let rejection = parse(r#"["webrtc_offer",{"type":"offer"}]"#, &Limits::default()).unwrap_err();
    let mut ack = Vec::new();
    write_ack_error(&rejection, &mut ack);
    let ack: Value = serde_json::from_slice(&ack).unwrap();
    let error = json!({"code": "invalid_payload", "message": "sdp is missing", "field": "sdp"});
    assert_eq!(ack, json!([{"ok": false, "error": error}]));
    let mut event = Vec::new();
    ServerEvent::Error(&rejection).write(&mut event);
    event.push(b']');
    assert_eq!(
        serde_json::from_slice::<Value>(&event).unwrap(),
        json!(["error", error])
    );
}

proptest! {
    #[test]
    fn whatever_arrives_is_survived(args in any::<String>()) {
        let _ = parse(&args, &Limits::default());
    }

    #[test]
    fn whatever_json_arrives_is_survived(
        name in prop::sample::select(vec!["find_match", "webrtc_offer", "webrtc_ice_candidate", "chat_message", "ice_state"]),
        key in prop::sample::select(vec!["sdp", "type", "candidate", "text", "matchId", "interests", "mode", "state", "x"]),
        text in any::<String>(),
        number in any::<f64>(),
    ) {
        for value in [json!(text), json!(number), json!([text]), json!({key: text}), Value::Null] {
            let _ = parse(&json!([name, {key: value}]).to_string(), &Limits::default());
        }
    }

    #[test]
    fn a_relayed_text_is_the_senders_text(text in "\\PC{1,200}", extra in any::<String>()) {
        let args = json!(["chat_message", {"text": text, "extra": extra, "seq": 1}]).to_string();
        let relayed: Value = serde_json::from_str(&format!("{}\"seq\":2}}", fields(&args))).unwrap();
        prop_assert_eq!(relayed, json!({"text": text, "extra": extra, "seq": 2}));
    }
}

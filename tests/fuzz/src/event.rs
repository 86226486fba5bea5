//! Chat events: what is taken is JSON, and what is relayed is the sender's object with the relay's own fields in place of
//! the sender's.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use signaling_core::event::{ClientEvent, Limits, Signal, parse};

/// Fields that the relay appends, and that a sender's object therefore loses.
const RESERVED: [&str; 3] = ["matchId", "from", "seq"];

/// The input is the JSON array of an EVENT packet.
pub fn run(input: &[u8]) {
    let Ok(args) = str::from_utf8(input) else { return };
    match parse(args, &Limits::default()) {
        Ok(event) => {
            assert!(
                serde_json::from_str::<&RawValue>(args.trim()).is_ok(),
                "{args} is not JSON"
            );
            if let ClientEvent::Signal(signal) = event {
                check(args, &signal);
            }
        }
        Err(rejection) => {
            // A refusal says what is wrong and does not quote a payload at length.
            assert!(!rejection.message.is_empty() && rejection.message.len() < 600);
        }
    }
}

fn check(args: &str, signal: &Signal<'_>) {
    let fits = |fragment: &str| fragment.len() <= args.len();
    assert!(signal.ufrags().all(|fragment| fits(&fragment)));
    assert!(signal.ufrag().is_none_or(fits));
    let mut relayed = Vec::new();
    signal.body.write_fields(&mut relayed);
    relayed.extend_from_slice(br#""seq":7}"#);
    let relayed = str::from_utf8(&relayed).expect("what is relayed is text");
    assert!(
        serde_json::from_str::<&RawValue>(relayed).is_ok(),
        "{relayed} is not JSON"
    );
    // Numbers that Rust cannot hold and unpaired surrogates are relayed as they stand, but cannot be compared here.
    let (Ok(sent), Ok(mut relayed)) = (
        serde_json::from_str::<Vec<Value>>(args),
        serde_json::from_str::<Map<String, Value>>(relayed),
    ) else {
        return;
    };
    assert_eq!(
        relayed.remove("seq"),
        Some(7.into()),
        "the relay's own field stands"
    );
    let Some(Value::Object(mut sent)) = sent.into_iter().nth(1) else {
        panic!("a signal is an object")
    };
    sent.retain(|key, _| !RESERVED.contains(&key.as_str()));
    assert_eq!(relayed, sent, "the sender's fields are untouched");
}

/// Every event of the contract, with its fields.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        r#"["find_match"]"#,
        r#"["find_match",{"interests":["music","\u00e9"],"language":"en","region":"eu","mode":"video"}]"#,
        r#"["next_match",{"interests":[],"mode":"text","matchId":"m"}]"#,
        r#"["cancel_match",null]"#,
        r#"["leave_match",{"matchId":"0123456789abcdef"}]"#,
        r#"["webrtc_offer",{"sdp":"v=0\r\na=ice-ufrag:abcd\r\na=ice-ufrag:efgh","type":"offer","extra":[1e9]}]"#,
        r#"["webrtc_answer",{"type":"rollback","seq":1,"from":{"a":"}"},"matchId":null}]"#,
        r#"["webrtc_ice_candidate",{"candidate":"candidate:1 1 udp 1 1.2.3.4 5 typ host ufrag abcd","sdpMLineIndex":0,"sdpMid":"0","usernameFragment":"abcd"}]"#,
        r#"["webrtc_ice_candidate", { "candidate" : "", "sdpMLineIndex" : null, "sdpMid" : null } ]"#,
        r#"["chat_message",{"text":"h\u00e9llo \ud83d\ude00","unknown":{"a":[null,true]}}]"#,
        r#"["ice_state",{"state":"connected","candidateType":"relay","protocol":"udp","rttMs":12.5}]"#,
        r#"["ice_servers"]"#,
        r#"["report_peer",{"reason":"rude"},1,2]"#,
        r#"["block_peer",{"reason":null}]"#,
        r#"["find_match",{"interests":["a","b","c","d","e","f","g","h","i","j","k"],"language":7,"region":[],"mode":"voice"}]"#,
        r#"["webrtc_offer",{"type":"pranswer","sdp":"v=0\na=ice-ufrag:ab cd\r\na=ice-ufrag:","n":[-0,0.5,1E+99,1e400,12345678901234567890,true,false,null,"\\\/\b\f\n\r\t\ud83d\ude00"]}]"#,
        r#"["webrtc_ice_candidate",{"sdpMLineIndex":-1,"sdpMid":0,"candidate":"a ufrag","usernameFragment":null}]"#,
        r#"["webrtc_ice_candidate",{"sdpMLineIndex":1.5,"candidate":"ufrag ab ufrag cd","sdpMid":"\u0061\ud800"}]"#,
        r#"["ice_state",{"state":"failed","candidateType":"other","protocol":17,"rttMs":-1e999}]"#,
        r#"["chat_message",{"text":"","seq":{"a":[1,{"from":2}]},"matchId":7,"text":"again"}]"#,
        r#"["chat_message",{"text":"a","deep":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}]"#,
        r#" [ "webrtc_answer" , { "sdp" : "\u0041" , "type" : "answer" , "\u0073eq" : 1 } , { } ] "#,
        r#"["unknown_event",1]"#,
        r#"[7,{"matchId":"m"}]"#,
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

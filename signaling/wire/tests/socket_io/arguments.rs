//! Arguments checked whole.

use signaling_wire::socket_io::{EventArgs, ProtocolError, validate_ack, validate_event};

#[test]
fn an_events_arguments_are_split_in_name_and_rest() {
    let cases = [
        (r#"["a"]"#, r#""a""#, ""),
        (r#"["a",1,"2",{"3":[true]}]"#, r#""a""#, r#"1,"2",{"3":[true]}"#),
        (" [ 1.5e+3 , null ] ", "1.5e+3", "null"),
        (r#"["\u00e9\"",[]]"#, r#""\u00e9\"""#, "[]"),
    ];
    for (args, name, rest) in cases {
        assert_eq!(validate_event(args, 0, 8), Ok(EventArgs { name, rest }), "{args}");
    }
}

#[test]
fn what_is_not_an_events_arguments_is_refused() {
    let invalid = [
        "",
        "[",
        "]",
        "[]",
        "{}",
        "[{}]",
        "[null,1]",
        "[\"a\",]",
        "[\"a\" 1]",
        "[\"a\"]]",
        "[\"a\",1],[2]",
        "[\"a]",
        "[\"a\\x\"]",
        "[\"a\\u12g4\"]",
        "[\"a\n\"]",
        "[\"a\",01]",
        "[\"a\",1.]",
        "[\"a\",.5]",
        "[\"a\",1e]",
        "[\"a\",-]",
        "[\"a\",tru]",
        "[\"a\",{\"b\"}]",
        "[\"a\",{\"b\":}]",
        "[\"a\",{b:1}]",
        "[\"a\",{\"b\":1,}]",
        "[\"a\",'b']",
        "[\"a\",NaN]",
        "[\"a\",[1}]",
        "[\"a\",\u{a0}1]",
    ];
    for args in invalid {
        assert_eq!(
            validate_event(args, 0, 8),
            Err(ProtocolError::InvalidPayload),
            "{args}"
        );
    }
}

#[test]
fn a_reserved_name_is_found_behind_escapes() {
    let args = r#"["\u0063onnect"]"#;
    assert_eq!(validate_event(args, 0, 8), Err(ProtocolError::ReservedEvent));
}

#[test]
fn depth_is_limited_and_counts_the_outer_array() {
    let nested = |levels: usize| format!("[\"a\",{}{}]", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(validate_event(&nested(4), 0, 4).is_ok());
    assert_eq!(
        validate_event(&nested(5), 0, 4),
        Err(ProtocolError::DeepPayload { limit: 4 })
    );
    assert!(validate_ack("[[{}]]", 0, 3).is_ok());
    assert_eq!(
        validate_ack("[[{}]]", 0, 2),
        Err(ProtocolError::DeepPayload { limit: 2 })
    );
    assert_eq!(
        validate_ack(&"[".repeat(1 << 20), 0, 255),
        Err(ProtocolError::DeepPayload { limit: 255 })
    );
}

#[test]
fn numbers_and_unpaired_surrogates_are_taken_as_the_reference_takes_them() {
    assert!(validate_event(r#"["a",1e999,"\ud800",123456789012345678901234567890]"#, 0, 4).is_ok());
}

#[test]
fn a_placeholder_stands_for_an_attachment_of_its_packet() {
    let args = |number: &str| format!(r#"["a",{{"b":[{{"num":{number},"_placeholder":true}}]}}]"#);
    assert!(validate_event(&args("1"), 2, 8).is_ok());
    for number in ["2", "-1", "1.5", "\"0\"", "null"] {
        let args = args(number);
        let verdict = validate_event(&args, 2, 8);
        assert_eq!(verdict, Err(ProtocolError::InvalidPlaceholder), "{number}");
        assert!(
            validate_event(&args, 0, 8).is_ok(),
            "without attachments it is a plain object"
        );
    }
    let missing = r#"["a",{"_placeholder":true}]"#;
    assert_eq!(
        validate_event(missing, 1, 8),
        Err(ProtocolError::InvalidPlaceholder)
    );
    let not_one = r#"["a",{"_placeholder":false,"num":9}]"#;
    assert!(validate_event(not_one, 1, 8).is_ok());
}

#[test]
fn an_acknowledgments_arguments_are_any_array() {
    for args in ["[]", "[null]", "[{\"ok\":true},1]", " [ 1 ] "] {
        assert_eq!(validate_ack(args, 0, 8), Ok(()), "{args}");
    }
    for args in ["", "{}", "1", "[1,]", "[] []"] {
        assert_eq!(
            validate_ack(args, 0, 8),
            Err(ProtocolError::InvalidPayload),
            "{args}"
        );
    }
}

//! The text of packets, read and written.

use signaling_wire::socket_io::{
    Kind, MAX_NAMESPACE_BYTES, Packet, ProtocolError, encode_ack, encode_connect, encode_connect_error,
    encode_disconnect, encode_event, encode_head,
};

fn encoded(packet: &Packet<'_>) -> String {
    let mut out = Vec::new();
    packet.encode(&mut out);
    String::from_utf8(out).unwrap()
}

fn written(write: impl Fn(&mut Vec<u8>)) -> String {
    let mut out = b"before:".to_vec();
    write(&mut out);
    String::from_utf8(out)
        .unwrap()
        .strip_prefix("before:")
        .unwrap()
        .to_owned()
}

/// The examples of the protocol document.
const EXAMPLES: [(&str, Packet<'_>); 13] = [
    (
        "0",
        Packet::Connect {
            namespace: "/",
            query: None,
            data: None,
        },
    ),
    (
        r#"0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}"#,
        Packet::Connect {
            namespace: "/admin",
            query: None,
            data: Some(r#"{"sid":"oSO0OpakMV_3jnilAAAA"}"#),
        },
    ),
    (
        r#"4{"message":"Not authorized"}"#,
        Packet::ConnectError {
            namespace: "/",
            data: Some(r#"{"message":"Not authorized"}"#),
        },
    ),
    (
        r#"2["foo"]"#,
        Packet::Event {
            namespace: "/",
            id: None,
            args: r#"["foo"]"#,
            attachments: 0,
        },
    ),
    (
        r#"2/admin,["bar"]"#,
        Packet::Event {
            namespace: "/admin",
            id: None,
            args: r#"["bar"]"#,
            attachments: 0,
        },
    ),
    (
        r#"212["foo"]"#,
        Packet::Event {
            namespace: "/",
            id: Some(12),
            args: r#"["foo"]"#,
            attachments: 0,
        },
    ),
    (
        r#"51-["baz",{"_placeholder":true,"num":0}]"#,
        Packet::Event {
            namespace: "/",
            id: None,
            args: r#"["baz",{"_placeholder":true,"num":0}]"#,
            attachments: 1,
        },
    ),
    (
        r#"52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
        Packet::Event {
            namespace: "/admin",
            id: None,
            args: r#"["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            attachments: 2,
        },
    ),
    (
        r#"3/admin,13["bar"]"#,
        Packet::Ack {
            namespace: "/admin",
            id: 13,
            args: r#"["bar"]"#,
            attachments: 0,
        },
    ),
    (
        "312[]",
        Packet::Ack {
            namespace: "/",
            id: 12,
            args: "[]",
            attachments: 0,
        },
    ),
    (
        r#"61-15["bar",{"_placeholder":true,"num":0}]"#,
        Packet::Ack {
            namespace: "/",
            id: 15,
            args: r#"["bar",{"_placeholder":true,"num":0}]"#,
            attachments: 1,
        },
    ),
    ("1", Packet::Disconnect { namespace: "/" }),
    ("1/admin,", Packet::Disconnect { namespace: "/admin" }),
];

#[test]
fn the_protocol_documents_examples_are_read_and_written() {
    for (text, packet) in EXAMPLES {
        assert_eq!(Packet::decode(text), Ok(packet), "{text}");
        assert_eq!(encoded(&packet), text);
    }
}

#[test]
fn the_comma_after_a_namespace_may_be_missing_at_the_end() {
    assert_eq!(
        Packet::decode("0/custom"),
        Ok(Packet::Connect {
            namespace: "/custom",
            query: None,
            data: None
        })
    );
    assert_eq!(
        Packet::decode("1/custom"),
        Ok(Packet::Disconnect { namespace: "/custom" })
    );
}

#[test]
fn the_main_namespace_may_be_named() {
    let packet = Packet::Event {
        namespace: "/",
        id: Some(1),
        args: "[\"a\"]",
        attachments: 0,
    };
    assert_eq!(Packet::decode("2/,1[\"a\"]"), Ok(packet));
}

#[test]
fn a_query_does_not_belong_to_the_namespaces_name() {
    let packet = Packet::Connect {
        namespace: "/admin",
        query: Some("a=b"),
        data: Some("{}"),
    };
    assert_eq!(Packet::decode("0/admin?a=b,{}"), Ok(packet));
    assert_eq!(encoded(&packet), "0/admin?a=b,{}");
}

#[test]
fn a_query_may_come_with_any_packet_and_with_the_main_namespace() {
    let event = Packet::Event {
        namespace: "/admin",
        id: Some(9_007_199_254_740_992),
        args: "[\"a\"]",
        attachments: 1,
    };
    assert_eq!(
        Packet::decode("51-/admin?a={}&b=?,9007199254740992[\"a\"]"),
        Ok(event)
    );
    assert_eq!(
        Packet::decode("1/admin?a=b"),
        Ok(Packet::Disconnect { namespace: "/admin" })
    );
    let main = Packet::Connect {
        namespace: "/",
        query: Some("token=x"),
        data: None,
    };
    assert_eq!(Packet::decode("0/?token=x,"), Ok(main));
    assert_eq!(encoded(&main), "0/?token=x,");
}

#[test]
fn a_number_is_an_events_name_too() {
    for args in ["[1,\"a\"]", "[-1]"] {
        assert!(Packet::decode(&format!("2{args}")).is_ok(), "{args}");
    }
}

#[test]
fn what_is_not_a_packet_is_refused() {
    let cases = [
        ("", ProtocolError::Empty),
        ("7", ProtocolError::UnknownType),
        ("abc", ProtocolError::UnknownType),
        ("é", ProtocolError::UnknownType),
        ("5", ProtocolError::InvalidAttachments),
        ("51", ProtocolError::InvalidAttachments),
        ("50-[\"a\"]", ProtocolError::InvalidAttachments),
        ("5-[\"a\"]", ProtocolError::InvalidAttachments),
        ("5a-[\"a\"]", ProtocolError::InvalidAttachments),
        ("51.23-[\"a\"]", ProtocolError::InvalidAttachments),
        ("699999999999999999999-1[]", ProtocolError::InvalidAttachments),
        ("218446744073709551616[\"a\"]", ProtocolError::LargeAckId),
        ("3[]", ProtocolError::MissingAckId),
        ("2", ProtocolError::MissingPayload),
        ("2/admin,", ProtocolError::MissingPayload),
        ("31", ProtocolError::MissingPayload),
        ("0[]", ProtocolError::InvalidPayload),
        ("0/admin,\"invalid\"", ProtocolError::InvalidPayload),
        ("1/admin,{}", ProtocolError::InvalidPayload),
        ("2{}", ProtocolError::InvalidPayload),
        ("2abc[\"a\"]", ProtocolError::InvalidPayload),
        ("2/admin,\"invalid", ProtocolError::InvalidPayload),
        ("2[]", ProtocolError::InvalidPayload),
        ("2[ ]", ProtocolError::InvalidPayload),
        ("2[", ProtocolError::InvalidPayload),
        ("2[\"a\"", ProtocolError::InvalidPayload),
        ("2[{\"toString\":\"foo\"}]", ProtocolError::InvalidPayload),
        ("2[true,\"foo\"]", ProtocolError::InvalidPayload),
        ("2[null,\"bar\"]", ProtocolError::InvalidPayload),
        ("31{}", ProtocolError::InvalidPayload),
        ("442[\"some\",\"data\"", ProtocolError::InvalidPayload),
        ("2[\"connect\"]", ProtocolError::ReservedEvent),
        ("2[\"connect_error\"]", ProtocolError::ReservedEvent),
        ("2[\"disconnect\",\"123\"]", ProtocolError::ReservedEvent),
        ("2[ \"disconnecting\"]", ProtocolError::ReservedEvent),
        ("51-[\"newListener\"]", ProtocolError::ReservedEvent),
        ("2[\"removeListener\"]", ProtocolError::ReservedEvent),
    ];
    for (text, error) in cases {
        assert_eq!(Packet::decode(text), Err(error), "{text}");
    }
    for allowed in ["connected", "connect_", "disconnects", "c", "r"] {
        assert!(Packet::decode(&format!("2[\"{allowed}\"]")).is_ok(), "{allowed}");
    }
}

#[test]
fn a_namespaces_name_is_bounded() {
    let name = "/".repeat(MAX_NAMESPACE_BYTES);
    assert!(Packet::decode(&format!("0{name}")).is_ok());
    assert_eq!(
        Packet::decode(&format!("0{name}x,")),
        Err(ProtocolError::LongNamespace)
    );
}

#[test]
fn the_largest_acknowledgment_id_is_kept_whole() {
    let text = "318446744073709551615[]";
    let packet = Packet::decode(text).unwrap();
    assert_eq!(
        packet,
        Packet::Ack {
            namespace: "/",
            id: u64::MAX,
            args: "[]",
            attachments: 0
        }
    );
    assert_eq!(encoded(&packet), text);
}

#[test]
fn what_is_sent_is_appended() {
    let cases = [
        (
            written(|out| encode_connect("/", "s", None, out)),
            r#"0{"sid":"s"}"#,
        ),
        (
            written(|out| encode_connect("/a", "s\"", Some("p"), out)),
            r#"0/a,{"sid":"s\"","pid":"p"}"#,
        ),
        (
            written(|out| encode_connect_error("/", "no\n", None, out)),
            r#"4{"message":"no\n"}"#,
        ),
        (
            written(|out| encode_connect_error("/a", "no", Some("[1]"), out)),
            r#"4/a,{"message":"no","data":[1]}"#,
        ),
        (written(|out| encode_disconnect("/", out)), "1"),
        (
            written(|out| encode_event("/", None, 0, &[b"[\"a\",", b"1]"], out)),
            r#"2["a",1]"#,
        ),
        (
            written(|out| encode_event("/a", Some(7), 0, &[b"[\"a\"]"], out)),
            r#"2/a,7["a"]"#,
        ),
        (
            written(|out| encode_event("/", Some(7), 2, &[b"[\"a\"]"], out)),
            r#"52-7["a"]"#,
        ),
        (written(|out| encode_ack("/", 0, 0, &[b"[]"], out)), "30[]"),
        (
            written(|out| encode_ack("/a", 12, 3, &[b"[]"], out)),
            "63-/a,12[]",
        ),
        (written(|out| encode_head(Kind::Event, 0, "/", None, out)), "2"),
    ];
    for (written, expected) in cases {
        assert_eq!(written, expected);
    }
}

//! A connection's namespaces, deadline and binary packets.

use signaling_wire::socket_io::{Client, Limits, ProtocolError, Received};
use signaling_wire::time::Millis;

const LIMITS: Limits = Limits {
    connect_timeout_ms: 1000,
    packet_bytes: 200,
    attachments: 3,
    namespaces: 2,
    depth: 4,
};

fn fresh() -> Client {
    Client::new(LIMITS, Millis(50))
}

/// A client that is connected to the main namespace.
fn connected() -> Client {
    let mut client = fresh();
    client.receive_text("0").unwrap();
    assert!(client.accept("/", "sid", None, &mut Vec::new()));
    client
}

#[test]
fn a_namespace_is_asked_for_and_granted() {
    let mut client = fresh();
    let asked = client.receive_text(r#"0/custom,{"token":"123"}"#).unwrap();
    let auth = Some(r#"{"token":"123"}"#);
    assert_eq!(
        asked,
        Some(Received::Connect {
            namespace: "/custom",
            auth
        })
    );
    assert!(!client.is_connected("/custom"));
    let mut out = Vec::new();
    assert!(client.accept("/custom", "s", Some("p"), &mut out));
    assert_eq!(out, br#"0/custom,{"sid":"s","pid":"p"}"#);
    assert!(client.is_connected("/custom") && !client.is_connected("/"));
}

#[test]
fn a_namespace_is_asked_for_and_refused_and_may_be_asked_for_again() {
    let mut client = fresh();
    client.receive_text("0/random").unwrap();
    let mut out = Vec::new();
    assert!(client.refuse("/random", "Invalid namespace", None, &mut out));
    assert_eq!(out, br#"4/random,{"message":"Invalid namespace"}"#);
    assert!(client.receive_text("0/random").unwrap().is_some());
}

#[test]
fn an_answer_that_is_no_longer_asked_for_is_not_sent() {
    let mut client = connected();
    let mut out = Vec::new();
    assert!(!client.accept("/", "sid", None, &mut out), "granted before");
    assert!(!client.refuse("/", "no", None, &mut out), "granted before");
    assert!(!client.accept("/other", "sid", None, &mut out), "never asked for");
    client.receive_text("0/custom").unwrap();
    client.receive_text("1/custom").unwrap();
    assert!(!client.accept("/custom", "sid", None, &mut out), "withdrawn");
    assert!(!client.disconnect("/custom", &mut out), "not connected");
    assert_eq!(out, b"");
}

#[test]
fn the_deadline_holds_until_a_namespace_is_granted() {
    let mut client = fresh();
    assert_eq!(client.deadline(), Some(Millis(1050)));
    client.receive_text("0/random").unwrap();
    client.refuse("/random", "Invalid namespace", None, &mut Vec::new());
    assert_eq!(client.deadline(), Some(Millis(1050)));
    client.receive_text("0").unwrap();
    assert_eq!(client.deadline(), Some(Millis(1050)), "not answered yet");
    client.accept("/", "sid", None, &mut Vec::new());
    assert_eq!(client.deadline(), None);
    client.receive_text("1").unwrap();
    assert_eq!(client.deadline(), None, "the connection outlives its namespaces");
}

#[test]
fn events_and_acknowledgments_are_handed_out_as_they_came() {
    let mut client = connected();
    let args = r#"["message",1,{"a":[null]}]"#;
    let text = format!("27{args}");
    let event = Received::Event {
        namespace: "/",
        args,
        ack: Some(7),
        attachments: &[],
    };
    assert_eq!(client.receive_text(&text), Ok(Some(event)));
    let ack = Received::Ack {
        namespace: "/",
        id: 3,
        args: "[true]",
        attachments: &[],
    };
    assert_eq!(client.receive_text("33[true]"), Ok(Some(ack)));
    assert_eq!(client.held_bytes(), 0);
}

#[test]
fn what_lies_within_an_events_brackets_is_not_looked_at() {
    let mut client = connected();
    assert!(client.receive_text(r#"2["message",oops]"#).unwrap().is_some());
}

#[test]
fn a_connect_payload_is_checked_whole() {
    for (text, error) in [
        (r#"0{"a":oops}"#, ProtocolError::InvalidPayload),
        (r#"0{"a":1}}"#, ProtocolError::InvalidPayload),
        (r#"0{"a":[[[[]]]]}"#, ProtocolError::DeepPayload { limit: 4 }),
    ] {
        assert_eq!(fresh().receive_text(text), Err(error), "{text}");
    }
}

#[test]
fn packets_for_a_namespace_that_is_not_connected_are_errors() {
    for text in ["2[\"a\"]", "31[]", "1", "51-[\"a\",{}]", "2/custom,[\"a\"]"] {
        assert_eq!(
            fresh().receive_text(text),
            Err(ProtocolError::NotConnected),
            "{text}"
        );
    }
    let mut client = fresh();
    client.receive_text("0").unwrap();
    assert_eq!(
        client.receive_text("2[\"a\"]"),
        Err(ProtocolError::NotConnected),
        "not answered yet"
    );
}

#[test]
fn a_namespace_is_asked_for_once() {
    assert_eq!(
        connected().receive_text("0"),
        Err(ProtocolError::AlreadyConnected)
    );
    let mut client = fresh();
    client.receive_text("0/custom").unwrap();
    assert_eq!(
        client.receive_text("0/custom,{}"),
        Err(ProtocolError::AlreadyConnected)
    );
}

#[test]
fn a_client_cannot_refuse() {
    let refusal = connected().receive_text(r#"4{"message":"no"}"#).err();
    assert_eq!(refusal, Some(ProtocolError::UnexpectedConnectError));
}

#[test]
fn the_number_of_namespaces_is_bounded() {
    let mut client = connected();
    client.receive_text("0/a").unwrap();
    assert_eq!(
        client.receive_text("0/b"),
        Err(ProtocolError::TooManyNamespaces { limit: 2 })
    );
    let mut client = connected();
    client.receive_text("0/a").unwrap();
    client.refuse("/a", "no", None, &mut Vec::new());
    assert!(client.receive_text("0/b").is_ok(), "a refused one makes room");
}

#[test]
fn leaving_one_namespace_leaves_the_others_alone() {
    let mut client = connected();
    client.receive_text("0/custom").unwrap();
    client.accept("/custom", "s", None, &mut Vec::new());
    let left = Received::Disconnect { namespace: "/custom" };
    assert_eq!(client.receive_text("1/custom,"), Ok(Some(left)));
    assert!(client.is_connected("/") && !client.is_connected("/custom"));
    assert!(client.receive_text("2[\"a\"]").is_ok());
    assert_eq!(client.held_bytes(), 0);
}

#[test]
fn a_namespace_that_the_server_ended_is_ended() {
    let mut client = connected();
    let mut out = Vec::new();
    assert!(client.disconnect("/", &mut out));
    assert_eq!(out, b"1");
    assert_eq!(client.receive_text("2[\"a\"]"), Err(ProtocolError::NotConnected));
}

#[test]
fn a_binary_event_is_handed_out_with_its_attachments() {
    let mut client = connected();
    let args = r#"["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    assert_eq!(client.receive_text(&format!("52-9{args}")), Ok(None));
    assert_eq!(client.receive_binary(&[1, 2]), Ok(None));
    let attachments = &[vec![1, 2], vec![3]][..];
    let event = Received::Event {
        namespace: "/",
        args,
        ack: Some(9),
        attachments,
    };
    assert_eq!(client.receive_binary(&[3]), Ok(Some(event)));
    assert!(client.held_bytes() > 0);
    assert!(client.receive_text("2[\"next\"]").unwrap().is_some());
    assert_eq!(client.held_bytes(), 0, "given back by the next call");
}

#[test]
fn a_binary_acknowledgment_is_handed_out_with_its_attachments() {
    let mut client = connected();
    let args = r#"[{"_placeholder":true,"num":0}]"#;
    assert_eq!(client.receive_text(&format!("61-15{args}")), Ok(None));
    let attachments = &[vec![]][..];
    let ack = Received::Ack {
        namespace: "/",
        id: 15,
        args,
        attachments,
    };
    assert_eq!(client.receive_binary(&[]), Ok(Some(ack)));
}

#[test]
fn text_in_place_of_an_attachment_is_an_error() {
    let mut client = connected();
    client.receive_text("51-[\"a\",{}]").unwrap();
    assert_eq!(
        client.receive_text("2[\"a\"]"),
        Err(ProtocolError::TextForAttachment)
    );
}

#[test]
fn binary_data_that_nothing_announced_is_an_error() {
    let mut client = connected();
    assert_eq!(client.receive_binary(&[1]), Err(ProtocolError::UnexpectedBinary));
    let mut client = connected();
    client.receive_text("51-[\"a\",{}]").unwrap();
    client.receive_binary(&[1]).unwrap();
    assert_eq!(
        client.receive_binary(&[2]),
        Err(ProtocolError::UnexpectedBinary),
        "one too many"
    );
}

#[test]
fn attachments_are_bounded_in_number_and_size() {
    let too_many = Err(ProtocolError::TooManyAttachments { limit: 3 });
    assert_eq!(connected().receive_text("54-[\"a\"]"), too_many);
    let large = Err(ProtocolError::LargePacket { limit: 200 });
    assert_eq!(
        connected().receive_text(&format!("51-[\"{}\"]", "a".repeat(200))),
        large
    );
    let mut client = connected();
    client.receive_text("52-[\"a\"]").unwrap();
    client.receive_binary(&[0; 100]).unwrap();
    assert_eq!(client.receive_binary(&[0; 100]), large);
}

#[test]
fn attachments_for_a_namespace_that_was_ended_meanwhile_are_an_error() {
    let mut client = connected();
    client.receive_text("51-[\"a\"]").unwrap();
    client.disconnect("/", &mut Vec::new());
    assert_eq!(client.receive_binary(&[1]), Err(ProtocolError::NotConnected));
}

#[test]
fn an_idle_client_is_small() {
    assert!(size_of::<Client>() <= 64, "{} bytes", size_of::<Client>());
    assert_eq!(connected().held_bytes(), 0);
}

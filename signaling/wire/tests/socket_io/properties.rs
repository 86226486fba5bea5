//! What holds for any packets and any input.

use proptest::prelude::*;
use serde::de::IgnoredAny;
use signaling_wire::socket_io::{
    Client, Limits, Packet, ProtocolError, Received, validate_ack, validate_event,
};
use signaling_wire::time::Millis;

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![Just("/".to_owned()), "/[^,?]{1,20}"]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC*".prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn args() -> impl Strategy<Value = String> {
    let name = "[^cdnr\\x00-\\x1f\"\\\\][^\"\\\\\\x00-\\x1f]{0,10}";
    (name, prop::collection::vec(json(), 0..4)).prop_map(|(name, mut args)| {
        args.insert(0, name.into());
        serde_json::Value::Array(args).to_string()
    })
}

/// Text that looks like packets, so that more than the first digit is tried.
fn packet_like() -> impl Strategy<Value = String> {
    "[0-7]{0,2}([0-9]{0,21}-)?(/[a-z?]{0,3},?)?[0-9]{0,21}(\\[\"?|\\{|\")?\\PC{0,12}[\\]}\"]?"
}

/// What a client can be sent.
#[derive(Clone, Debug)]
enum Input {
    Text(String),
    Binary(Vec<u8>),
    Accept(String),
    Refuse(String),
    Disconnect(String),
}

fn input() -> impl Strategy<Value = Input> {
    let name = || prop::sample::select(vec!["/", "/a", "/b", "/ab"]).prop_map(str::to_owned);
    prop_oneof![
        packet_like().prop_map(Input::Text),
        (name(), 1_usize..4).prop_map(|(name, count)| Input::Text(format!("5{count}-{name},[\"a\"]"))),
        name().prop_map(|name| Input::Text(format!("0{name},{{}}"))),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(Input::Binary),
        name().prop_map(Input::Accept),
        name().prop_map(Input::Refuse),
        name().prop_map(Input::Disconnect),
    ]
}

proptest! {
    #[test]
    fn an_event_is_read_as_it_was_written(
        namespace in namespace(), id in any::<Option<u64>>(), args in args(), attachments in 0_usize..12,
    ) {
        let packet = Packet::Event { namespace: &namespace, id, args: &args, attachments };
        let mut bytes = Vec::new();
        packet.encode(&mut bytes);
        prop_assert_eq!(Packet::decode(std::str::from_utf8(&bytes).unwrap()), Ok(packet));
        prop_assert!(validate_event(&args, 0, 32).is_ok());
    }

    #[test]
    fn an_acknowledgment_is_read_as_it_was_written(
        namespace in namespace(), id in any::<u64>(), args in args(), attachments in 0_usize..12,
    ) {
        let packet = Packet::Ack { namespace: &namespace, id, args: &args, attachments };
        let mut bytes = Vec::new();
        packet.encode(&mut bytes);
        prop_assert_eq!(Packet::decode(std::str::from_utf8(&bytes).unwrap()), Ok(packet));
        prop_assert!(validate_ack(&args, 0, 32).is_ok());
    }

    #[test]
    fn a_packet_that_was_read_is_written_so_that_it_is_read_again(text in packet_like()) {
        if let Ok(packet) = Packet::decode(&text) {
            let mut bytes = Vec::new();
            packet.encode(&mut bytes);
            prop_assert_eq!(Packet::decode(std::str::from_utf8(&bytes).unwrap()), Ok(packet));
        }
    }

    #[test]
    fn arguments_are_valid_exactly_when_they_are_json(
        mut args in args(), at in any::<prop::sample::Index>(), replacement in "[\\[\\]{}\",:0-9a-z\\\\ -]?",
    ) {
        let ends: Vec<usize> = (0..args.len()).filter(|at| args.is_char_boundary(*at)).collect();
        let at = ends[at.index(ends.len())];
        let broken = args[at..].chars().next().unwrap().len_utf8();
        args.replace_range(at..at + broken, &replacement);
        let is_json = args.trim_start().starts_with('[') && serde_json::from_str::<IgnoredAny>(&args).is_ok();
        prop_assert_eq!(validate_ack(&args, 0, 100).is_ok(), is_json, "{}", args);
        match validate_event(&args, 0, 100) {
            Ok(valid) => {
                prop_assert!(is_json, "{}", args);
                let comma = if valid.rest.is_empty() { "" } else { "," };
                let joined = format!("[{}{comma}{}]", valid.name, valid.rest);
                prop_assert_eq!(
                    serde_json::from_str::<serde_json::Value>(&joined).ok(),
                    serde_json::from_str::<serde_json::Value>(&args).ok()
                );
            }
            Err(ProtocolError::ReservedEvent | ProtocolError::DeepPayload { .. }) => {}
            Err(_) => {
                let starts_otherwise = serde_json::from_str::<Vec<serde_json::Value>>(&args)
                    .is_ok_and(|args| !args.first().is_some_and(|first| first.is_string() || first.is_number()));
                prop_assert!(!is_json || starts_otherwise, "{}", args);
            }
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".*") {
        let _ = Packet::decode(&text);
        let _ = validate_event(&text, 2, 16);
    }

    #[test]
    fn whatever_comes_a_client_keeps_its_bounds(inputs in prop::collection::vec(input(), 0..30)) {
        let limits = Limits { packet_bytes: 200, attachments: 3, namespaces: 2, ..Limits::default() };
        let mut client = Client::new(limits, Millis(0));
        let mut out = Vec::new();
        for input in &inputs {
            let received = match input {
                Input::Text(text) => client.receive_text(text),
                Input::Binary(bytes) => client.receive_binary(bytes),
                Input::Accept(name) => {
                    client.accept(name, "s", None, &mut out);
                    Ok(None)
                }
                Input::Refuse(name) => {
                    client.refuse(name, "no", None, &mut out);
                    Ok(None)
                }
                Input::Disconnect(name) => {
                    client.disconnect(name, &mut out);
                    Ok(None)
                }
            };
            if let Ok(Some(Received::Event { namespace, .. } | Received::Ack { namespace, .. })) = received {
                let namespace = namespace.to_owned();
                prop_assert!(client.is_connected(&namespace), "events come from connected namespaces alone");
            }
            // Two names, and a packet of 200 bytes with its bookkeeping.
            prop_assert!(client.held_bytes() < 1000, "{} bytes are held", client.held_bytes());
        }
    }
}

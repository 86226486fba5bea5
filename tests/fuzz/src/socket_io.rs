//! Packets: a client keeps its bounds whatever it is sent, and what was read is written so that it is read again.

use serde_json::Value;
use serde_json::value::RawValue;
use signaling_wire::socket_io::{
    Client, Limits, Packet, ProtocolError, Received, validate_ack, validate_event,
};
use signaling_wire::time::Millis;

const LIMITS: Limits = Limits {
    connect_timeout_ms: 1000,
    packet_bytes: 500,
    attachments: 3,
    namespaces: 3,
    depth: 5,
};
/// Three names of the greatest length, a binary packet, and bookkeeping.
const MOST_HELD: usize = 3 * 512 + 500 + 600;

/// The input is what one client sends: messages with 0x1e between them, one that starts with `b` binary, the others
/// text. Namespaces whose name ends in `x` are refused.
pub fn run(input: &[u8]) {
    let mut client = Client::new(LIMITS, Millis(0));
    for message in input.split(|byte| *byte == 0x1e) {
        let taken = match (message, str::from_utf8(message)) {
            ([b'b', bytes @ ..], _) => receive_binary(&mut client, bytes),
            (_, Ok(text)) => receive_text(&mut client, text),
            (_, Err(_)) => Ok(()),
        };
        if taken.is_err() {
            return;
        }
        assert!(
            client.held_bytes() <= MOST_HELD,
            "{} bytes are held",
            client.held_bytes()
        );
    }
}

fn receive_text(client: &mut Client, text: &str) -> Result<(), ProtocolError> {
    check(text);
    match client.receive_text(text)? {
        Some(Received::Connect { namespace, .. }) => answer(client, namespace),
        Some(Received::Event { namespace, .. } | Received::Ack { namespace, .. }) => {
            assert!(client.is_connected(namespace), "{namespace} is not connected");
        }
        Some(Received::Disconnect { namespace }) => assert!(!client.is_connected(namespace)),
        None => {}
    }
    Ok(())
}

fn receive_binary(client: &mut Client, bytes: &[u8]) -> Result<(), ProtocolError> {
    match client.receive_binary(bytes)? {
        Some(Received::Event { attachments, .. } | Received::Ack { attachments, .. }) => {
            assert_eq!(attachments.last().map(Vec::as_slice), Some(bytes));
        }
        Some(other) => panic!("{other:?} has no attachments"),
        None => {}
    }
    Ok(())
}

fn answer(client: &mut Client, namespace: &str) {
    let mut out = Vec::new();
    let answered = match namespace.ends_with('x') {
        true => client.refuse(namespace, "Invalid namespace", None, &mut out),
        false => client.accept(namespace, "sid", None, &mut out),
    };
    assert!(answered, "what was asked for can be answered");
    let text = str::from_utf8(&out).expect("a packet is text");
    assert_eq!(
        Packet::decode(text).map(|packet| packet.namespace()),
        Ok(namespace)
    );
}

/// Reads a packet, writes it, reads it again; and finds its arguments valid only when they are JSON.
fn check(text: &str) {
    let Ok(packet) = Packet::decode(text) else { return };
    let mut out = Vec::new();
    packet.encode(&mut out);
    let again = str::from_utf8(&out).expect("a packet is text");
    assert_eq!(
        Packet::decode(again),
        Ok(packet),
        "read again, {again} is another packet"
    );
    match packet {
        Packet::Event {
            args, attachments, ..
        } => {
            if let Ok(valid) = validate_event(args, attachments, LIMITS.depth) {
                let rest = if valid.rest.is_empty() {
                    String::new()
                } else {
                    format!(",{}", valid.rest)
                };
                let joined = format!("[{}{rest}]", valid.name);
                assert!(is_json(args), "{args} is not JSON");
                assert_eq!(
                    parsed(&joined),
                    parsed(args),
                    "the arguments are split in the wrong place"
                );
            }
        }
        Packet::Ack {
            args, attachments, ..
        } => {
            let is_valid = validate_ack(args, attachments, LIMITS.depth).is_ok();
            assert!(!is_valid || is_json(args), "{args} is not JSON");
        }
        _ => {}
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text.trim()).is_ok()
}

/// The value, where it is one that Rust can hold: numbers may be too large, and surrogates unpaired.
fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// Conversations that use every type of packet.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        r#"0{"token":"123"}|2["message",1,"2",{"3":[true]}]|27["with ack",null]|33[]|1"#,
        r#"0/custom,{}|2/custom,["a",-1.5e3]|3/custom,12["\u00e9\n"]|1/custom,"#,
        r#"0|51-["b",{"_placeholder":true,"num":0}]|bbytes|62-9[[{"num":1,"_placeholder":true}],{}]|bone|btwo"#,
        r#"0/nox|0/nox?query=1,{"a":{"b":[{}]}}|0/y|2/y,18446744073709551615[1]|4{"message":"no"}"#,
        r#"0/?a=b|2["m",-0,0.5,1E+99,1e400,12345678901234567890,true,false,null,"\\\/\b\f\n\r\t\ud83d\ude00\ud800"]"#,
        r#"0|52-7["a",{"num":0,"_placeholder":true,"_placeholder":false},{"_placeholder":true,"num":-1}]|b|b0"#,
        r#"0|0/a|0/b|0/c|2["\u0063onnect"]|2["connected"]|2["disconnecting",1]"#,
        r#"0{"a":[[[[]]]]}|0{"a":[[[]]]}|2[[["a"]]]|2["a",[[[[{}]]]]]|3999999999999999999999[]"#,
        r#"0|2 [ "a" , { "b" : [ ] } ]|2[ "a" , { "b" : [ 1 , 2 ] , "c" : { } } ]|30[ ]|54-["a"]|51-["a"]|text"#,
    ]
    .map(|conversation| conversation.replace('|', "\x1e").into_bytes())
    .to_vec()
}

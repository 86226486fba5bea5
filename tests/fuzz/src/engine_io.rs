//! Payloads and queries: a packet that was read is written so that it is read again, and memory is bounded by the body.

use signaling_wire::engine_io::{Method, Packet, Payload, Request, Transports};

/// The input is the body of a POST, and the query of a request.
pub fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut payload = Payload::new(text);
    let mut packets = 0;
    while let Some(packet) = payload.next() {
        packets += 1;
        if let Ok(packet) = packet {
            assert!(carried(&packet) <= input.len(), "a packet carries more than came");
            check(packet);
        }
    }
    assert_eq!(
        packets,
        1 + text.matches('\x1e').count(),
        "every packet of a payload is seen"
    );
    for method in [Method::Get, Method::Post, Method::Other] {
        for websocket in [false, true] {
            let _ = Request::parse(method, text, websocket, Transports::ALL);
        }
    }
}

/// Bytes that a packet carries beside its type.
fn carried(packet: &Packet<'_>) -> usize {
    match packet {
        Packet::Open(text) | Packet::Ping(text) | Packet::Pong(text) | Packet::Text(text) => text.len(),
        Packet::Binary(bytes) => bytes.len(),
        Packet::Close | Packet::Upgrade | Packet::Noop => 0,
    }
}

fn check(packet: Packet<'_>) {
    let mut out = Vec::new();
    packet.encode(&mut out);
    let again = str::from_utf8(&out).expect("the text form of a packet is text");
    assert_eq!(
        Payload::new(again).next(),
        Some(Ok(packet)),
        "read again, {again} is another packet"
    );
}

/// Payloads with every type of packet, and queries of every kind of request.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        "42[\"hello\"]\x1e42[\"world\"]",
        "4\x1e452-[\"a\",{}]\x1ebAQIDBA==\x1ebBQ\x1eb",
        "0{\"sid\":\"x\"}\x1e1\x1e2probe\x1e3probe\x1e5\x1e6",
        "EIO=4&transport=polling&t=abc",
        "EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAC",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

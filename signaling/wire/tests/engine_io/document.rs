//! The examples of the protocol document, read and written.

use signaling_wire::engine_io::{Packet, Payload, Settings, Transport};

fn packets(body: &str) -> Vec<String> {
    let mut payload = Payload::new(body);
    let mut packets = Vec::new();
    while let Some(packet) = payload.next() {
        packets.push(format!("{:?}", packet.unwrap()));
    }
    packets
}

fn written(packet: Packet<'_>) -> String {
    let mut out = Vec::new();
    packet.encode(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_handshake_tells_session_upgrades_heartbeat_and_size() {
    let settings = Settings::default();
    let mut out = Vec::new();
    settings.write_open_packet("lv_VI97HAXpY6yYWAAAC", Transport::Polling, &mut out);
    let (kind, json) = out.split_first().unwrap();
    assert_eq!(*kind, b'0');
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(json).unwrap(),
        serde_json::json!({
            "sid": "lv_VI97HAXpY6yYWAAAC",
            "upgrades": ["websocket"],
            "pingInterval": 25000,
            "pingTimeout": 20000,
            "maxPayload": 1_000_000,
        })
    );
}

#[test]
fn several_packets_share_a_payload() {
    assert_eq!(
        packets("4hello\u{1e}2\u{1e}4world"),
        ["Text(\"hello\")", "Ping(\"\")", "Text(\"world\")"]
    );
}

#[test]
fn binary_is_base64_behind_a_b() {
    assert_eq!(
        packets("4hello\u{1e}bAQIDBA=="),
        ["Text(\"hello\")", "Binary([1, 2, 3, 4])"]
    );
    assert_eq!(written(Packet::Binary(&[1, 2, 3, 4])), "bAQIDBA==");
}

#[test]
fn the_characters_of_a_message_are_counted_by_nobody() {
    assert_eq!(packets("4€\u{1e}4😀"), ["Text(\"€\")", "Text(\"😀\")"]);
    assert_eq!(written(Packet::Text("€")), "4€");
}

#[test]
fn the_packets_of_an_upgrade_are_read_and_written() {
    let packets = [
        ("2probe", Packet::Ping("probe")),
        ("3probe", Packet::Pong("probe")),
        ("5", Packet::Upgrade),
        ("6", Packet::Noop),
        ("1", Packet::Close),
    ];
    for (text, packet) in packets {
        assert_eq!(Packet::parse(text), Ok(packet));
        assert_eq!(written(packet), text);
    }
}

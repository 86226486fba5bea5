//! Payloads, queries and sessions: a packet that was read is written so that it is read again, memory is bounded by the
//! body, and a session that echoes sends back what it was sent.

use signaling_wire::engine_io::{
    Body, Due, Method, Packet, Payload, Probe, Received, Request, Settings, Socket, Transport, Transports,
};
use signaling_wire::time::Millis;

const SETTINGS: Settings = Settings {
    ping_interval: 300,
    ping_spread: 0,
    ping_timeout: 200,
    upgrade_timeout: 1_000,
    close_timeout: 400,
    max_payload: 100,
    max_waiting: 2_000,
    transports: Transports::ALL,
};

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
    converse(text);
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

/// Has a session take each packet, and echo it. What is sent on the WebSocket of an upgrade stands behind a `>` here.
fn converse(text: &str) {
    let mut socket = Socket::open(Transport::Polling, &SETTINGS, 0, Millis(0));
    let (mut sent, mut seen) = (Vec::new(), Vec::new());
    for (turn, message) in (0_u64..).zip(text.split('\x1e')) {
        let now = Millis(turn * 40);
        while let Some(due) = socket.handle_deadline(&SETTINGS, now) {
            if matches!(due, Due::PingTimeout | Due::CloseTimeout) {
                return;
            }
        }
        let taken = match message.strip_prefix('>') {
            Some(message) => probe(&mut socket, message, now, &mut seen),
            None => echo(&mut socket, message, now, &mut sent),
        };
        if taken.is_none() {
            return;
        }
        assert!(sent.starts_with(&seen), "what was sent arrives in order");
    }
    while let Some(body) = polled(&mut socket) {
        seen.extend(body);
    }
    assert!(sent.starts_with(&seen), "what was sent arrives in order");
}

/// The WebSocket of an upgrade.
fn probe(socket: &mut Socket, message: &str, now: Millis, seen: &mut Vec<Vec<u8>>) -> Option<()> {
    // It is refused while another one is under way, and that may be this one.
    let _ = socket.begin_upgrade(&SETTINGS, now);
    if socket.receive_probe(Packet::parse(message).ok()?) == Probe::Switch {
        socket.drain(|body| {
            let (Body::Text(bytes) | Body::Binary(bytes)) = body;
            seen.push(bytes.to_vec());
        });
    }
    Some(())
}

fn echo(socket: &mut Socket, message: &str, now: Millis, sent: &mut Vec<Vec<u8>>) -> Option<()> {
    let mut payload = Payload::new(message);
    let packet = payload.next()?.ok()?;
    match socket.receive(packet, &SETTINGS, now).ok()? {
        Received::Text(text) if socket.transport() == Transport::Polling => {
            socket.push(b'4', &[text.as_bytes()], &SETTINGS).ok()?;
            sent.push([b"4", text.as_bytes()].concat());
        }
        Received::Binary(bytes) if socket.transport() == Transport::Polling => {
            socket.push(b'b', &[bytes], &SETTINGS).ok()?;
            sent.push(bytes.to_vec());
        }
        Received::Close => drop(socket.close(&SETTINGS, now)),
        _ => {}
    }
    Some(())
}

/// The messages that a poll is answered, if there are any.
fn polled(socket: &mut Socket) -> Option<Vec<Vec<u8>>> {
    socket.poll().ok()?;
    let mut body = Vec::new();
    socket.take_response(&SETTINGS, &mut body).then_some(())?;
    let body = str::from_utf8(&body).expect("a payload is text");
    let mut payload = Payload::new(body);
    let mut messages = Vec::new();
    while let Some(packet) = payload.next() {
        match packet.expect("a payload has packets") {
            Packet::Text(text) => messages.push([b"4", text.as_bytes()].concat()),
            Packet::Binary(bytes) => messages.push(bytes.to_vec()),
            _ => return None,
        }
    }
    assert!(body.len() <= SETTINGS.max_payload || messages.len() == 1);
    Some(messages)
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
        "EIO=4&transport=&sid=&EIO=3",
        "4one\x1e>2probe\x1e4two\x1ebAw==\x1e>5\x1e4four",
        "4one\x1e>2probe\x1e>6\x1e3\x1e1\x1e4late\x1e>5",
        "3\x1e3\x1e4a\x1e3\x1e4b\x1e3\x1e4c\x1e3\x1e4d\x1e4e\x1e4f\x1e4g\x1e4h\x1e4i\x1e4j\x1e4k\x1e4l\x1e4m\x1e4n\x1e4o\x1e4p\x1e4q",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

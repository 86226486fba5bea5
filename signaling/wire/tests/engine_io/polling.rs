//! GETs and POSTs of a session that is polled.

use signaling_wire::engine_io::{
    Ending, InvalidPacket, Packet, Payload, ProtocolError, Received, Refusal, Unserved,
};
use signaling_wire::time::Millis;

use crate::session::{SETTINGS, drained, last_words, on_websocket, polled, response, say};

#[test]
fn a_poll_hangs_until_there_is_something_to_say() {
    let mut socket = polled();
    socket.poll().unwrap();
    assert_eq!(response(&mut socket), None);
    socket.push(b'4', &[b"hel", b"lo"], &SETTINGS).unwrap();
    socket.push(b'b', &[&[1, 2, 3, 4]], &SETTINGS).unwrap();
    assert_eq!(response(&mut socket).unwrap(), "4hello\u{1e}bAQIDBA==");
    assert_eq!(response(&mut socket), None);
}

#[test]
fn what_was_said_before_the_poll_waits_for_it() {
    let mut socket = polled();
    say(&mut socket, "early");
    assert_eq!(response(&mut socket), None, "nobody polls");
    socket.poll().unwrap();
    assert_eq!(response(&mut socket).unwrap(), "4early");
}

#[test]
fn two_polls_at_once_break_the_protocol_and_the_first_is_told_that_it_is_over() {
    let mut socket = polled();
    socket.poll().unwrap();
    assert_eq!(socket.poll(), Err(Unserved::Broken(ProtocolError::Overlap)));
    assert_eq!(last_words(socket, Ending::ByServer).unwrap(), "1");
}

#[test]
fn two_posts_at_once_break_the_protocol_and_one_after_the_other_does_not() {
    let mut socket = polled();
    socket.begin_post().unwrap();
    socket.end_post();
    socket.begin_post().unwrap();
    assert_eq!(socket.begin_post(), Err(Unserved::Broken(ProtocolError::Overlap)));
}

#[test]
fn a_poll_and_a_post_go_together() {
    let mut socket = polled();
    socket.poll().unwrap();
    assert_eq!(socket.begin_post(), Ok(()));
}

#[test]
fn a_session_on_a_websocket_is_neither_polled_nor_posted_to() {
    let mut socket = on_websocket();
    assert_eq!(socket.poll(), Err(Unserved::Refused(Refusal::BadRequest)));
    assert_eq!(socket.begin_post(), Err(Unserved::Refused(Refusal::BadRequest)));
}

#[test]
fn more_than_may_wait_is_refused_and_what_waits_stays() {
    let mut socket = polled();
    socket.push(b'4', &[&[b'x'; 900]], &SETTINGS).unwrap();
    assert!(socket.push(b'4', &[&[b'y'; 100]], &SETTINGS).is_err());
    socket.poll().unwrap();
    assert_eq!(response(&mut socket).unwrap().len(), 901);
    assert_eq!(drained(&mut socket), Vec::<Vec<u8>>::new());
}

#[test]
fn each_packet_of_a_body_counts_until_one_is_invalid() {
    let mut socket = polled();
    let mut payload = Payload::new("4one\u{1e}bAg==\u{1e}3\u{1e}\u{1e}4never");
    let mut received = Vec::new();
    let broken = loop {
        let packet = payload.next().unwrap().map_err(ProtocolError::from);
        match packet.and_then(|packet| socket.receive(packet, &SETTINGS, Millis(1))) {
            Ok(packet) => received.push(format!("{packet:?}")),
            Err(broken) => break broken,
        }
    };
    assert_eq!(received, ["Text(\"one\")", "Binary([2])", "Pong"]);
    assert_eq!(broken, ProtocolError::InvalidPacket(InvalidPacket::Empty));
}

#[test]
fn packets_that_mean_nothing_from_a_client_are_ignored() {
    let mut socket = polled();
    for packet in [Packet::Open("{}"), Packet::Upgrade, Packet::Noop] {
        assert_eq!(
            socket.receive(packet, &SETTINGS, Millis(1)),
            Ok(Received::Nothing)
        );
    }
}

#[test]
fn a_poll_that_hangs_is_released_when_the_client_closes() {
    let mut socket = polled();
    socket.poll().unwrap();
    assert_eq!(
        socket.receive(Packet::Close, &SETTINGS, Millis(1)),
        Ok(Received::Close)
    );
    assert_eq!(last_words(socket, Ending::ByClient).unwrap(), "6");
    assert_eq!(last_words(polled(), Ending::ByClient), None);
}

#[test]
fn what_waited_is_the_last_word_of_a_session() {
    let mut socket = polled();
    socket.poll().unwrap();
    say(&mut socket, "bye");
    assert_eq!(last_words(socket, Ending::ByClient).unwrap(), "4bye");
}

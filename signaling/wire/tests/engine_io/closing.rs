//! A session that the server closes.

use signaling_wire::engine_io::{Due, Ending, Packet, Received};
use signaling_wire::time::Millis;

use crate::session::{SETTINGS, last_words, on_websocket, polled, response, say};

#[test]
fn a_closing_session_gives_what_waits_then_says_so_and_still_listens() {
    let mut socket = polled();
    say(&mut socket, "last");
    assert!(socket.close(&SETTINGS, Millis(50)));
    assert!(!socket.close(&SETTINGS, Millis(60)));
    socket.poll().unwrap();
    assert_eq!(response(&mut socket).unwrap(), "4last");
    assert!(!socket.has_told_closing());
    socket.poll().unwrap();
    assert_eq!(response(&mut socket).unwrap(), "1");
    assert!(socket.has_told_closing());
    assert_eq!(
        socket.receive(Packet::Text("late"), &SETTINGS, Millis(70)),
        Ok(Received::Text("late"))
    );
}

#[test]
fn a_poll_that_hangs_is_told_that_the_session_closes() {
    let mut socket = polled();
    socket.poll().unwrap();
    socket.close(&SETTINGS, Millis(50));
    assert_eq!(response(&mut socket).unwrap(), "1");
}

#[test]
fn a_closing_session_is_not_pinged_and_has_an_end() {
    for mut socket in [polled(), on_websocket()] {
        socket.close(&SETTINGS, Millis(50));
        assert!(!socket.ping(&SETTINGS, Millis(80)));
        assert_eq!(socket.handle_deadline(&SETTINGS, Millis(300)), None);
        assert_eq!(socket.deadline(), Millis(450));
        assert_eq!(
            socket.handle_deadline(&SETTINGS, Millis(450)),
            Some(Due::CloseTimeout)
        );
    }
}

#[test]
fn the_last_word_to_a_poll_of_a_closing_session_is_that_it_closes() {
    let mut socket = polled();
    socket.close(&SETTINGS, Millis(50));
    socket.poll().unwrap();
    assert_eq!(last_words(socket, Ending::ByClient).unwrap(), "1");
}

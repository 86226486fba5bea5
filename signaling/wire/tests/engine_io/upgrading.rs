//! The way from polling to a WebSocket, and what can come in between.

use signaling_wire::engine_io::{
    Due, Packet, Probe, ProtocolError, Received, Refusal, Socket, Transport, Unserved,
};
use signaling_wire::time::Millis;

use crate::session::{SETTINGS, drained, on_websocket, polled, response, say};

const PROBE: Packet<'static> = Packet::Ping("probe");

/// A session with a WebSocket that has been probed.
fn probed() -> Socket {
    let mut socket = polled();
    socket.begin_upgrade(&SETTINGS, Millis(0)).unwrap();
    assert_eq!(socket.receive_probe(PROBE), Probe::Answer);
    socket
}

#[test]
fn a_probe_releases_the_poll_that_hangs() {
    let mut socket = polled();
    socket.poll().unwrap();
    socket.begin_upgrade(&SETTINGS, Millis(10)).unwrap();
    assert_eq!(
        response(&mut socket),
        None,
        "before the probe the client still needs it"
    );
    assert_eq!(socket.receive_probe(PROBE), Probe::Answer);
    assert_eq!(response(&mut socket).unwrap(), "6");
}

#[test]
fn a_poll_that_comes_after_the_probe_does_not_hang() {
    let mut socket = probed();
    socket.poll().unwrap();
    assert_eq!(response(&mut socket).unwrap(), "6");
}

#[test]
fn until_the_switch_polls_get_what_waits_and_the_websocket_gets_the_rest_in_order() {
    let mut socket = probed();
    say(&mut socket, "1");
    socket.poll().unwrap();
    assert_eq!(response(&mut socket).unwrap(), "41");
    say(&mut socket, "2");
    socket.push(b'b', &[b"3"], &SETTINGS).unwrap();
    assert_eq!(socket.receive_probe(Packet::Upgrade), Probe::Switch);
    assert_eq!(drained(&mut socket), [b"42".to_vec(), b"3".to_vec()]);
    assert_eq!(socket.transport(), Transport::WebSocket);
}

#[test]
fn after_the_switch_requests_are_refused_and_the_session_goes_on() {
    let mut socket = probed();
    socket.receive_probe(Packet::Upgrade);
    assert_eq!(socket.poll(), Err(Unserved::Refused(Refusal::BadRequest)));
    assert_eq!(socket.begin_post(), Err(Unserved::Refused(Refusal::BadRequest)));
    assert_eq!(
        socket.receive(Packet::Text("x"), &SETTINGS, Millis(1)),
        Ok(Received::Text("x"))
    );
}

#[test]
fn a_post_that_is_being_read_while_the_transport_switches_is_still_taken() {
    let mut socket = probed();
    socket.begin_post().unwrap();
    socket.receive_probe(Packet::Upgrade);
    socket.end_post();
    assert_eq!(
        socket.receive(Packet::Text("late"), &SETTINGS, Millis(1)),
        Ok(Received::Text("late"))
    );
}

#[test]
fn a_poll_that_hangs_while_the_transport_switches_is_released() {
    let mut socket = polled();
    socket.begin_upgrade(&SETTINGS, Millis(0)).unwrap();
    socket.poll().unwrap();
    assert_eq!(socket.receive_probe(Packet::Upgrade), Probe::Switch);
    assert_eq!(response(&mut socket).unwrap(), "6");
}

#[test]
fn a_websocket_may_be_probed_twice() {
    let mut socket = probed();
    assert_eq!(socket.receive_probe(PROBE), Probe::Answer);
    assert_eq!(socket.receive_probe(Packet::Upgrade), Probe::Switch);
}

#[test]
fn a_session_is_upgraded_once_and_by_one_websocket_at_a_time() {
    let mut socket = polled();
    socket.begin_upgrade(&SETTINGS, Millis(0)).unwrap();
    let second = socket.begin_upgrade(&SETTINGS, Millis(0));
    assert_eq!(second, Err(Refusal::BadRequest), "another one is under way");
    socket.abandon_upgrade();
    socket.begin_upgrade(&SETTINGS, Millis(0)).unwrap();
    assert_eq!(socket.receive_probe(Packet::Upgrade), Probe::Switch);
    let again = socket.begin_upgrade(&SETTINGS, Millis(0));
    assert_eq!(again, Err(Refusal::BadRequest), "it is on one");
    let from_the_start = on_websocket().begin_upgrade(&SETTINGS, Millis(0));
    assert_eq!(from_the_start, Err(Refusal::BadRequest));
}

#[test]
fn whatever_else_comes_on_the_websocket_ends_the_attempt_and_leaves_the_session() {
    let others = [
        Packet::Open("{}"),
        Packet::Close,
        Packet::Ping(""),
        Packet::Ping("probes"),
        Packet::Pong("probe"),
        Packet::Text("early"),
        Packet::Binary(b"early"),
        Packet::Noop,
    ];
    for other in others {
        let mut socket = probed();
        assert_eq!(socket.receive_probe(other), Probe::Abandon, "{other:?}");
        assert_eq!(socket.receive_probe(PROBE), Probe::Abandon);
        assert_eq!(socket.receive_probe(Packet::Upgrade), Probe::Abandon);
        assert_eq!(socket.transport(), Transport::Polling);
        socket.poll().unwrap();
        assert_eq!(response(&mut socket), None, "polls hang again");
    }
}

#[test]
fn an_upgrade_that_lasts_too_long_leaves_the_session_where_it_is() {
    let mut socket = probed();
    let mut dues = Vec::new();
    for now in (100..=1_000).step_by(100).map(Millis) {
        while let Some(due) = socket.handle_deadline(&SETTINGS, now) {
            dues.push((now.0, due));
            if due == Due::Ping {
                socket.receive(Packet::Pong(""), &SETTINGS, now).unwrap();
            }
        }
    }
    assert_eq!(
        dues,
        [
            (300, Due::Ping),
            (600, Due::Ping),
            (900, Due::Ping),
            (1_000, Due::UpgradeTimeout)
        ]
    );
    assert_eq!(socket.transport(), Transport::Polling);
    assert_eq!(socket.poll(), Ok(()));
    assert_eq!(socket.begin_upgrade(&SETTINGS, Millis(1_000)), Ok(()));
}

#[test]
fn pings_and_pongs_go_by_polling_until_the_switch() {
    let mut socket = probed();
    assert_eq!(socket.handle_deadline(&SETTINGS, Millis(300)), Some(Due::Ping));
    socket.push(b'2', &[], &SETTINGS).unwrap();
    socket.receive_probe(Packet::Upgrade);
    assert_eq!(drained(&mut socket), [b"2".to_vec()], "the ping is not lost");
    assert_eq!(
        socket.receive(Packet::Pong(""), &SETTINGS, Millis(310)),
        Ok(Received::Pong)
    );
}

#[test]
fn a_session_that_closes_takes_no_new_websocket_but_one_that_is_under_way_may_still_switch() {
    let mut socket = polled();
    socket.close(&SETTINGS, Millis(0));
    assert_eq!(
        socket.begin_upgrade(&SETTINGS, Millis(1)),
        Err(Refusal::SessionUnknown)
    );
    let mut socket = probed();
    say(&mut socket, "last");
    socket.close(&SETTINGS, Millis(1));
    assert_eq!(socket.receive_probe(Packet::Upgrade), Probe::Switch);
    assert_eq!(drained(&mut socket), [b"4last".to_vec()]);
    assert!(socket.is_closing());
}

#[test]
fn a_client_that_closes_during_an_upgrade_closes_the_session() {
    let mut socket = probed();
    socket.poll().unwrap();
    assert_eq!(
        socket.receive(Packet::Close, &SETTINGS, Millis(1)),
        Ok(Received::Close)
    );
    let ping = socket.receive(Packet::Ping("probe"), &SETTINGS, Millis(1));
    assert_eq!(
        ping,
        Err(ProtocolError::PingFromClient),
        "a probe belongs on the new WebSocket"
    );
}

//! What holds whatever happens to a session, in whatever order.

use proptest::prelude::*;
use signaling_wire::engine_io::{Due, Packet, Payload, Probe, Socket, Transport};
use signaling_wire::time::Millis;

use crate::session::{SETTINGS, drained, polled, response};

/// What can happen to a session.
#[derive(Clone, Debug)]
enum Happening {
    Say,
    SayBytes,
    Poll,
    Post,
    EndPost,
    Upgrade,
    Probe(&'static str),
    Receive(&'static str),
    Abandon,
    Ping,
    Close,
    Wait(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let packet = || prop::sample::select(vec!["0", "1", "2", "2probe", "3", "4x", "5", "6"]);
    prop_oneof![
        4 => Just(Happening::Say),
        2 => Just(Happening::SayBytes),
        4 => Just(Happening::Poll),
        1 => Just(Happening::Post),
        1 => Just(Happening::EndPost),
        1 => Just(Happening::Upgrade),
        2 => prop::sample::select(vec!["2probe", "5"]).prop_map(Happening::Probe),
        1 => packet().prop_map(Happening::Probe),
        3 => packet().prop_map(Happening::Receive),
        1 => Just(Happening::Abandon),
        1 => Just(Happening::Ping),
        1 => Just(Happening::Close),
        3 => (0_u64..400).prop_map(Happening::Wait),
    ]
}

/// A session, and what its client has seen of what was sent to it.
struct Course {
    socket: Socket,
    now: Millis,
    sent: Vec<String>,
    seen: Vec<String>,
    ended: bool,
}

impl Course {
    fn take(&mut self, happening: &Happening) {
        match *happening {
            Happening::Say => self.send(b'4', format!("{}", self.sent.len()).as_bytes()),
            Happening::SayBytes => self.send(b'b', &[7; 3]),
            Happening::Poll => drop(self.socket.poll()),
            Happening::Post => drop(self.socket.begin_post()),
            Happening::EndPost => self.socket.end_post(),
            Happening::Upgrade => drop(self.socket.begin_upgrade(&SETTINGS, self.now)),
            Happening::Probe(text) => {
                let was = self.socket.transport();
                if self.socket.receive_probe(Packet::parse(text).unwrap()) == Probe::Switch {
                    assert_eq!(was, Transport::Polling, "a session is switched once");
                    let drained = drained(&mut self.socket);
                    self.seen.extend(drained.iter().map(|bytes| format!("{bytes:?}")));
                }
            }
            Happening::Receive(text) => {
                let packet = Packet::parse(text).unwrap();
                self.ended |= self.socket.receive(packet, &SETTINGS, self.now).is_err();
            }
            Happening::Abandon => self.socket.abandon_upgrade(),
            Happening::Ping => drop(self.socket.ping(&SETTINGS, self.now)),
            Happening::Close => drop(self.socket.close(&SETTINGS, self.now)),
            Happening::Wait(time) => self.now = self.now.after(time),
        }
    }

    fn send(&mut self, kind: u8, bytes: &[u8]) {
        let whole = match kind {
            b'b' => bytes.to_vec(),
            kind => [&[kind], bytes].concat(),
        };
        if self.socket.transport() == Transport::WebSocket {
            return;
        }
        if self.socket.push(kind, &[bytes], &SETTINGS).is_ok() {
            self.sent.push(format!("{whole:?}"));
        }
    }

    /// Answers the poll that hangs, as the caller does after each turn.
    fn answer(&mut self) {
        let Some(payload) = response(&mut self.socket) else {
            return;
        };
        assert!(payload.len() <= SETTINGS.max_payload);
        let mut packets = Payload::new(&payload);
        while let Some(packet) = packets.next() {
            match packet.unwrap() {
                Packet::Text(text) => self.seen.push(format!("{:?}", format!("4{text}").as_bytes())),
                Packet::Binary(bytes) => self.seen.push(format!("{bytes:?}")),
                Packet::Noop | Packet::Close => {}
                other => panic!("nobody sent {other:?}"),
            }
        }
    }

    /// Does what is due, as often as the caller would.
    fn do_what_is_due(&mut self) {
        for _ in 0..4 {
            match self.socket.handle_deadline(&SETTINGS, self.now) {
                Some(Due::PingTimeout | Due::CloseTimeout) => return self.ended = true,
                Some(Due::Ping | Due::UpgradeTimeout) => {}
                None => {
                    assert!(self.socket.deadline() > self.now, "the next deadline lies ahead");
                    return;
                }
            }
        }
        panic!("there is no end to what is due");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_client_sees_what_it_was_sent_once_and_in_order_whatever_happens(
        happenings in prop::collection::vec(happening(), 0..80),
    ) {
        let mut course = Course {
            socket: polled(),
            now: Millis(0),
            sent: Vec::new(),
            seen: Vec::new(),
            ended: false,
        };
        for happening in &happenings {
            course.take(happening);
            course.answer();
            course.do_what_is_due();
            prop_assert!(course.sent.starts_with(&course.seen));
            if course.ended {
                break;
            }
            if course.socket.transport() == Transport::WebSocket {
                prop_assert_eq!(&course.sent, &course.seen, "nothing is held after the switch");
            }
        }
    }
}

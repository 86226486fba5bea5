//! Someone who chats: Socket.IO over a WebSocket.

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::{Value, json};

use super::raw::PATIENCE;
use super::websocket::{Heard, OPEN, WebSocket};

pub struct Person {
    pub socket: WebSocket,
    /// The payload of `session`.
    pub session: Value,
    acks: u64,
}

impl Person {
    /// Comes for the first time.
    pub fn join(address: SocketAddr) -> Self {
        Self::join_with(address, &[], "40")
    }

    /// Comes, with more headers and another CONNECT packet.
    pub fn join_with(address: SocketAddr, headers: &[&str], connect: &str) -> Self {
        let socket = WebSocket::open_with(address, OPEN, headers);
        Self::begin(
            socket.unwrap_or_else(|answer| panic!("no session but {answer:?}")),
            connect,
        )
    }

    /// Begins a session on a WebSocket that has just been opened.
    pub fn begin(socket: WebSocket, connect: &str) -> Self {
        let mut person = Self {
            socket,
            session: Value::Null,
            acks: 0,
        };
        let open = person.socket.hear_text();
        assert!(open.starts_with("0{"), "{open}");
        person.socket.send_text(connect);
        let accepted = person.socket.hear_text();
        assert!(accepted.starts_with("40{"), "{accepted}");
        person.session = person.expect("session");
        person
    }

    /// The CONNECT packet that brings this session back.
    pub fn resume(&self) -> String {
        format!("40{}", json!({"resume": self.session["resumeToken"]}))
    }

    pub fn emit(&mut self, name: &str, payload: &Value) {
        self.socket.send_text(&format!("42{}", json!([name, payload])));
    }

    /// Sends an event with that argument list and returns what it is acknowledged with.
    pub fn ask_raw(&mut self, args: &str) -> Value {
        self.acks += 1;
        let id = self.acks;
        self.socket.send_text(&format!("42{id}{args}"));
        let head = format!("43{id}[");
        loop {
            let text = self.packet();
            if let Some(ack) = text.strip_prefix(&head).and_then(|ack| ack.strip_suffix(']')) {
                return serde_json::from_str(ack).unwrap();
            }
        }
    }

    /// Sends an event and returns what it is acknowledged with; what else comes before is not looked at.
    pub fn ask(&mut self, name: &str, payload: &Value) -> Value {
        self.ask_raw(&json!([name, payload]).to_string())
    }

    /// Code and field of the refusal that an event with that argument list gets.
    pub fn refused(&mut self, args: &str) -> (String, Option<String>) {
        let ack = self.ask_raw(args);
        assert_eq!(ack["ok"], false, "{args} was taken: {ack}");
        let text = |name: &str| ack["error"][name].as_str().map(str::to_owned);
        assert!(
            text("message").is_some_and(|message| !message.is_empty()),
            "{ack}"
        );
        (text("code").expect("a code"), text("field"))
    }

    /// The next event; pings are answered.
    pub fn event(&mut self) -> (String, Value) {
        loop {
            let text = self.packet();
            if let Some(event) = text.strip_prefix("42") {
                let event: (String, Value) =
                    serde_json::from_str(event).unwrap_or_else(|error| panic!("{error} in {text}"));
                return event;
            }
        }
    }

    /// Waits for the event of that name. None but `waiting` may come before it.
    pub fn expect(&mut self, name: &str) -> Value {
        loop {
            match self.event() {
                (found, payload) if found == name => return payload,
                (found, _) if found == "waiting" => {}
                (found, payload) => panic!("{found} {payload} instead of {name}"),
            }
        }
    }

    /// Waits for the event of that name, whatever comes before it.
    pub fn expect_at_last(&mut self, name: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let (found, payload) = self.event();
            if found == name {
                return payload;
            }
        }
        panic!("{name} does not come");
    }

    /// The next packet that is no ping: those are answered.
    pub fn packet(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.socket.hear() {
                Heard::Text(text) if text == "2" => self.socket.send_text("3"),
                Heard::Text(text) => return text,
                other => panic!("no packet but {other:?}"),
            }
        }
        panic!("nothing but pings comes");
    }
}

/// Two persons in a match, whoever is the initiator first.
pub fn pair(address: SocketAddr) -> (Person, Person) {
    let (mut one, mut other) = (Person::join(address), Person::join(address));
    assert_eq!(one.ask("find_match", &Value::Null)["ok"], true);
    assert_eq!(other.ask("find_match", &Value::Null)["ok"], true);
    let (first, second) = (one.expect("match_found"), other.expect("match_found"));
    assert_eq!(first["matchId"], second["matchId"]);
    assert_ne!(first["initiator"], second["initiator"]);
    if first["initiator"] == true {
        (one, other)
    } else {
        (other, one)
    }
}

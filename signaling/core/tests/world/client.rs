//! A client as stock Socket.IO clients behave: it remembers its session, answers pings and keeps what it saw.

use serde_json::Value;
use signaling_core::id::{ConnectionId, SessionId};
use signaling_core::time::Millis;
use signaling_core::worker::User;

use super::line::{Downward, Upward};

/// One thing that a client saw, in its order.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Connected {
        resumed: bool,
    },
    Event {
        name: String,
        payload: Value,
    },
    Ack {
        id: u64,
        ok: bool,
        payload: Value,
    },
    /// Refused, or told to give up.
    Refused,
    Disconnected,
    Lost,
}

/// One person's client.
pub struct Client {
    /// Whether it uses Socket.IO's connection state recovery; otherwise it resumes with token and number.
    pub recovery: bool,
    pub connection: Option<ConnectionId>,
    pub accepted: bool,
    /// Told to give up by DISCONNECT.
    pub given_up: bool,
    /// Answers pings.
    pub responsive: bool,
    /// How often it was pinged.
    pub pings: usize,
    pub sid: Option<String>,
    pub pid: Option<String>,
    pub offset: Option<String>,
    pub heard: u64,
    pub match_id: Option<String>,
    pub seen: Vec<(Millis, Seen)>,
    acks: u64,
    /// When it last gave up a connection that had not been answered yet.
    pub withdrew: Option<Millis>,
}

impl Client {
    pub fn new(recovery: bool) -> Self {
        Self {
            recovery,
            connection: None,
            accepted: false,
            given_up: false,
            responsive: true,
            pings: 0,
            sid: None,
            pid: None,
            offset: None,
            heard: 0,
            match_id: None,
            seen: Vec::new(),
            acks: 0,
            withdrew: None,
        }
    }

    /// The names of the events seen so far.
    pub fn names(&self) -> Vec<&str> {
        self.seen
            .iter()
            .filter_map(|(_, seen)| match seen {
                Seen::Event { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect()
    }

    /// How often an event of this name was seen.
    pub fn count(&self, wanted: &str) -> usize {
        self.payloads(wanted).len()
    }

    /// The payload of the last event of this name, or null.
    pub fn last(&self, wanted: &str) -> &Value {
        self.payloads(wanted).last().copied().unwrap_or(&Value::Null)
    }

    /// The session's id.
    pub fn session(&self) -> SessionId {
        self.sid.as_deref().unwrap().parse().unwrap()
    }

    /// The code of a refusal, in the acknowledgement with this id; `ok` when it was none.
    pub fn code(&self, ack: u64) -> &str {
        let payload = self.ack(ack).expect("no acknowledgement");
        payload["error"]["code"].as_str().unwrap_or("ok")
    }

    /// The payloads of the events of this name.
    pub fn payloads(&self, wanted: &str) -> Vec<&Value> {
        self.seen
            .iter()
            .filter_map(|(_, seen)| match seen {
                Seen::Event { name, payload } if name == wanted => Some(payload),
                _ => None,
            })
            .collect()
    }

    /// The acknowledgement with this id.
    pub fn ack(&self, wanted: u64) -> Option<&Value> {
        self.seen.iter().find_map(|(_, seen)| match seen {
            Seen::Ack { id, payload, .. } if *id == wanted => Some(payload),
            _ => None,
        })
    }

    pub(super) fn connecting(&mut self, connection: ConnectionId, user: User, may_begin: bool) -> Upward {
        self.connection = Some(connection);
        self.accepted = false;
        Upward::Connect {
            token: self.pid.clone(),
            offset: self.offset.clone().filter(|_| self.recovery),
            seq: (!self.recovery && self.match_id.is_some()).then_some(self.heard),
            offsets: self.recovery,
            user,
            may_begin,
        }
    }

    pub(super) fn next_ack(&mut self) -> u64 {
        self.acks += 1;
        self.acks
    }

    pub(super) fn lost(&mut self, now: Millis) {
        self.connection = None;
        self.accepted = false;
        self.seen.push((now, Seen::Lost));
    }

    pub(super) fn take(&mut self, message: Downward, now: Millis) -> Option<Upward> {
        let seen = match message {
            Downward::Ping => {
                self.pings += 1;
                return self.responsive.then_some(Upward::Pong);
            }
            Downward::Accepted { sid, pid } => {
                let (sid, pid) = (Some(sid), Some(pid));
                let resumed = self.pid.is_some() && self.pid == pid;
                if !resumed {
                    self.offset = None;
                    self.match_id = None;
                }
                (self.sid, self.pid, self.accepted) = (sid, pid, true);
                Seen::Connected { resumed }
            }
            Downward::Refused => Seen::Refused,
            Downward::Ack { id, args } => {
                let args: Value = serde_json::from_str(&args).unwrap();
                Seen::Ack {
                    id,
                    ok: args[0]["ok"] == Value::Bool(true),
                    payload: args[0].clone(),
                }
            }
            Downward::Event(args) => self.event(&args),
            Downward::Disconnected => {
                (self.connection, self.accepted, self.given_up) = (None, false, true);
                Seen::Disconnected
            }
            Downward::Closed => {
                (self.connection, self.accepted) = (None, false);
                Seen::Lost
            }
        };
        self.seen.push((now, seen));
        None
    }

    fn event(&mut self, args: &str) -> Seen {
        assert!(self.accepted, "an event before CONNECT was answered: {args}");
        let args: Value = serde_json::from_str(args).unwrap_or_else(|error| panic!("{error}: {args}"));
        let name = args[0].as_str().unwrap().to_owned();
        let payload = args[1].clone();
        match name.as_str() {
            "match_found" => {
                let id = payload["matchId"].as_str().map(Into::into);
                if self.match_id != id {
                    self.heard = 0;
                }
                self.match_id = id;
            }
            "session" => {
                let id = payload["matchId"].as_str().map(Into::into);
                if self.match_id != id {
                    (self.match_id, self.heard) = (id, 0);
                }
            }
            "peer_disconnected" => self.match_id = None,
            _ => {}
        }
        if let Some(seq) = payload["seq"].as_u64() {
            self.heard = seq;
        }
        assert_eq!(
            self.recovery,
            args[2].is_string(),
            "offsets only for those who recover: {args}"
        );
        if let Some(offset) = args[2].as_str() {
            self.offset = Some(offset.to_owned());
        }
        Seen::Event { name, payload }
    }
}

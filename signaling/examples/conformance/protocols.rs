//! What is done with Engine.IO messages, by the path that a session was opened on.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use signaling::transport::{Application, Close, Engine, Event, Handshake, Refused};
use signaling_core::id::ConnectionId;
use signaling_core::time::Millis;
use signaling_wire::socket_io::{
    self, Client, Limits, ProtocolError, Received, encode_ack, encode_event, validate_event,
};

const LIMITS: Limits = Limits {
    connect_timeout_ms: 1_000,
    packet_bytes: 1_000_000,
    attachments: 10,
    namespaces: 8,
    depth: 32,
};

/// How long after the answer to a CONNECT the event follows. The suites wait for one message at a time, and in Node.js
/// miss the second of two that arrive together.
const PAUSE: Duration = Duration::from_millis(20);

/// Echoes on `/engine.io/`, speaks Socket.IO on `/socket.io/`.
#[derive(Default)]
pub(crate) struct Protocols {
    clients: HashMap<ConnectionId, Client>,
    /// Connections that must be in a namespace by then; the first is due first, since all have the same time.
    pending: VecDeque<(Millis, ConnectionId)>,
    /// Events that are sent by then, in this order.
    greetings: VecDeque<(Millis, ConnectionId, Vec<u8>)>,
    connected: u64,
}

/// What is to be sent: a text, and its attachments.
#[derive(Default)]
struct Reply {
    texts: Vec<Vec<u8>>,
    attachments: Vec<Vec<u8>>,
}

impl Application for Protocols {
    fn admit(&mut self, _handshake: &Handshake<'_>, _now: Millis) -> Result<(), Refused> {
        Ok(())
    }

    fn handle(&mut self, event: Event<'_>, engine: &mut Engine) {
        match event {
            Event::Opened { id, handshake } if handshake.path.starts_with("/socket.io") => {
                let client = Client::new(LIMITS, signaling_wire::time::Millis(engine.now().0));
                if let Some(deadline) = client.deadline() {
                    self.pending.push_back((Millis(deadline.0), id));
                }
                self.clients.insert(id, client);
            }
            Event::Opened { .. } | Event::Alive { .. } => {}
            Event::Text { id, text } => match self.clients.get_mut(&id) {
                None => engine.send_text(id, &[text.as_bytes()]),
                Some(client) => {
                    let received = client.receive_text(text).and_then(answer);
                    self.reply(id, received, engine);
                }
            },
            Event::Binary { id, bytes } => match self.clients.get_mut(&id) {
                None => engine.send_binary(id, bytes),
                Some(client) => {
                    let received = client.receive_binary(bytes).and_then(answer);
                    self.reply(id, received, engine);
                }
            },
            Event::Closed { id, .. } => {
                self.clients.remove(&id);
            }
        }
    }

    fn deadline(&self) -> Option<Millis> {
        let pending = self.pending.front().map(|&(deadline, _)| deadline);
        let greeting = self.greetings.front().map(|&(deadline, ..)| deadline);
        pending.into_iter().chain(greeting).min()
    }

    fn handle_deadline(&mut self, now: Millis, engine: &mut Engine) {
        while let Some((_, id, text)) = self.greetings.pop_front_if(|(deadline, ..)| *deadline <= now) {
            engine.send_text(id, &[&text]);
        }
        while let Some((_, id)) = self.pending.pop_front_if(|(deadline, _)| *deadline <= now) {
            if self
                .clients
                .get(&id)
                .is_some_and(|client| client.deadline().is_some())
            {
                engine.close(id, Close::Policy);
            }
        }
    }
}

/// What is answered to what a client sent.
enum Answer {
    Connect { namespace: String, auth: String },
    Reply(Reply),
}

fn answer(received: Option<Received<'_>>) -> Result<Option<Answer>, ProtocolError> {
    Ok(match received {
        Some(Received::Connect { namespace, auth }) => Some(Answer::Connect {
            namespace: namespace.to_owned(),
            auth: auth.unwrap_or("{}").to_owned(),
        }),
        Some(Received::Event {
            namespace,
            args,
            ack,
            attachments,
        }) => {
            let event = validate_event(args, attachments.len(), LIMITS.depth)?;
            let mut text = Vec::new();
            match (namespace, event.name, ack) {
                ("/", r#""message""#, _) => {
                    let comma = if event.rest.is_empty() { "" } else { "," };
                    let args = ["[\"message-back\"", comma, event.rest, "]"].map(str::as_bytes);
                    encode_event(namespace, None, attachments.len(), &args, &mut text);
                }
                ("/", r#""message-with-ack""#, Some(ack)) => {
                    let args = ["[", event.rest, "]"].map(str::as_bytes);
                    encode_ack(namespace, ack, attachments.len(), &args, &mut text);
                }
                _ => return Ok(None),
            }
            Some(Answer::Reply(Reply {
                texts: vec![text],
                attachments: attachments.to_vec(),
            }))
        }
        Some(Received::Ack { .. } | Received::Disconnect { .. }) | None => None,
    })
}

impl Protocols {
    fn reply(
        &mut self,
        id: ConnectionId,
        answer: Result<Option<Answer>, socket_io::ProtocolError>,
        engine: &mut Engine,
    ) {
        let reply = match answer {
            Ok(Some(Answer::Connect { namespace, auth })) => {
                self.connect(id, &namespace, &auth, engine.now())
            }
            Ok(Some(Answer::Reply(reply))) => reply,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "closing");
                return engine.close(id, Close::Policy);
            }
        };
        for text in &reply.texts {
            engine.send_text(id, &[text]);
        }
        for attachment in &reply.attachments {
            engine.send_binary(id, attachment);
        }
    }

    fn connect(&mut self, id: ConnectionId, namespace: &str, auth: &str, now: Millis) -> Reply {
        let Some(client) = self.clients.get_mut(&id) else {
            return Reply::default();
        };
        let mut connect = Vec::new();
        if !matches!(namespace, "/" | "/custom") {
            client.refuse(namespace, "Invalid namespace", None, &mut connect);
            return Reply {
                texts: vec![connect],
                attachments: Vec::new(),
            };
        }
        self.connected += 1;
        let sid = format!("connection-{}", self.connected);
        client.accept(namespace, &sid, None, &mut connect);
        let mut event = Vec::new();
        let args = ["[\"auth\",", auth, "]"].map(str::as_bytes);
        encode_event(namespace, None, 0, &args, &mut event);
        self.greetings.push_back((now + PAUSE, id, event));
        Reply {
            texts: vec![connect],
            attachments: Vec::new(),
        }
    }
}

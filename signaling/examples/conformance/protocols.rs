//! What is done with Engine.IO messages, by the path that a session was opened on.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use signaling::transport::{Application, Close, Engine, Event, Handshake, Refused};
use signaling_core::id::ConnectionId;
use signaling_core::time::Millis;
use signaling_wire::socket_io::{
    Client, Limits, ProtocolError, Received, encode_ack, encode_event, validate_ack, validate_event,
};

/// How long after the answer to a CONNECT the event follows. The suites wait for one message at a time, and in Node.js
/// miss the second of two that arrive together.
const PAUSE: Duration = Duration::from_millis(20);

/// Echoes on `/engine.io/`, speaks Socket.IO on `/socket.io/`.
pub(crate) struct Protocols {
    limits: Limits,
    peers: HashMap<ConnectionId, Peer>,
    /// Connections that must be in a namespace by then; the first is due first, since all have the same time.
    pending: VecDeque<(Millis, ConnectionId)>,
    /// Connections that are greeted by then, in this order.
    greetings: VecDeque<(Millis, ConnectionId)>,
    /// How many namespaces were granted.
    connected: u64,
}

/// A Socket.IO connection.
struct Peer {
    client: Client,
    /// What is still to be said in a namespace that was just connected.
    greeting: Option<Greeting>,
}

struct Greeting {
    namespace: String,
    event: Vec<u8>,
}

/// What is answered to what a client sent.
enum Answer {
    Connect {
        namespace: String,
        auth: String,
    },
    /// A text, and its attachments.
    Reply {
        text: Vec<u8>,
        attachments: Vec<Vec<u8>>,
    },
}

/// What came in one Engine.IO message.
#[derive(Clone, Copy)]
enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

impl Application for Protocols {
    type Admitted = ();

    fn admit(&mut self, _handshake: &Handshake<'_>, _now: Millis) -> Result<(), Refused> {
        Ok(())
    }

    fn open(&mut self, id: ConnectionId, handshake: &Handshake<'_>, (): (), engine: &mut Engine) {
        if handshake.path.starts_with("/socket.io") {
            let client = Client::new(self.limits, signaling_wire::time::Millis(engine.now().0));
            if let Some(deadline) = client.deadline() {
                self.pending.push_back((Millis(deadline.0), id));
            }
            let greeting = None;
            self.peers.insert(id, Peer { client, greeting });
        }
    }

    fn handle(&mut self, event: Event<'_>, engine: &mut Engine) {
        match event {
            Event::Alive { .. } => {}
            Event::Text { id, text } => self.receive(id, Message::Text(text), engine),
            Event::Binary { id, bytes } => self.receive(id, Message::Binary(bytes), engine),
            Event::Closed { id, .. } => {
                self.peers.remove(&id);
            }
        }
    }

    fn deadline(&self) -> Option<Millis> {
        let pending = self.pending.front().map(|&(deadline, _)| deadline);
        let greeting = self.greetings.front().map(|&(deadline, _)| deadline);
        pending.into_iter().chain(greeting).min()
    }

    fn handle_deadline(&mut self, now: Millis, engine: &mut Engine) {
        while let Some((_, id)) = self.greetings.pop_front_if(|(deadline, _)| *deadline <= now) {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.greet(id, engine);
            }
        }
        while let Some((_, id)) = self.pending.pop_front_if(|(deadline, _)| *deadline <= now) {
            let peer = self.peers.get(&id);
            if peer.is_some_and(|peer| peer.client.deadline().is_some()) {
                engine.close(id, Close::Policy);
            }
        }
    }
}

impl Peer {
    /// Says what is still to be said, unless the client has left again.
    fn greet(&mut self, id: ConnectionId, engine: &mut Engine) {
        if let Some(greeting) = self.greeting.take()
            && self.client.is_connected(&greeting.namespace)
        {
            engine.send_text(id, &[&greeting.event]);
        }
    }
}

impl Protocols {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            peers: HashMap::new(),
            pending: VecDeque::new(),
            greetings: VecDeque::new(),
            connected: 0,
        }
    }

    fn receive(&mut self, id: ConnectionId, message: Message<'_>, engine: &mut Engine) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return match message {
                Message::Text(text) => engine.send_text(id, &[text.as_bytes()]),
                Message::Binary(bytes) => engine.send_binary(id, bytes),
            };
        };
        // The greeting comes before whatever this message brings about.
        peer.greet(id, engine);
        let received = match message {
            Message::Text(text) => peer.client.receive_text(text),
            Message::Binary(bytes) => peer.client.receive_binary(bytes),
        };
        let depth = self.limits.depth;
        match received.and_then(|received| answer(received, depth)) {
            Ok(None) => {}
            Ok(Some(Answer::Connect { namespace, auth })) => self.connect(id, namespace, &auth, engine),
            Ok(Some(Answer::Reply { text, attachments })) => {
                engine.send_text(id, &[&text]);
                for attachment in &attachments {
                    engine.send_binary(id, attachment);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "closing");
                engine.close(id, Close::Policy);
            }
        }
    }

    fn connect(&mut self, id: ConnectionId, namespace: String, auth: &str, engine: &mut Engine) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let mut reply = Vec::new();
        if matches!(namespace.as_str(), "/" | "/custom") {
            self.connected += 1;
            let sid = format!("connection-{}", self.connected);
            peer.client.accept(&namespace, &sid, None, &mut reply);
            let mut event = Vec::new();
            let args = ["[\"auth\",", auth, "]"].map(str::as_bytes);
            encode_event(&namespace, None, 0, &args, &mut event);
            peer.greeting = Some(Greeting { namespace, event });
            self.greetings.push_back((engine.now() + PAUSE, id));
        } else {
            peer.client
                .refuse(&namespace, "Invalid namespace", None, &mut reply);
        }
        engine.send_text(id, &[&reply]);
    }
}

fn answer(received: Option<Received<'_>>, depth: u8) -> Result<Option<Answer>, ProtocolError> {
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
            let event = validate_event(args, attachments.len(), depth)?;
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
            let attachments = attachments.to_vec();
            Some(Answer::Reply { text, attachments })
        }
        Some(Received::Ack {
            args, attachments, ..
        }) => {
            validate_ack(args, attachments.len(), depth)?;
            None
        }
        Some(Received::Disconnect { .. }) | None => None,
    })
}

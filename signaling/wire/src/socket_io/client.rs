//! One connection, seen from the server: which namespaces it is in, and the binary packet it is in the middle of.

use super::encode::{encode_connect, encode_connect_error, encode_disconnect};
use super::error::ProtocolError;
use super::json::validate_object;
use super::packet::Packet;
use crate::time::Millis;

/// What one connection may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds from the start of the connection until the first namespace must be connected. The reference
    /// implementation's default is 45,000.
    pub connect_timeout_ms: u32,
    /// Bytes of a binary packet: its text and its attachments together.
    pub packet_bytes: u32,
    /// Attachments of a binary packet. The reference implementation's default is 10; 0 accepts no binary packets.
    pub attachments: u16,
    /// Namespaces connected, or about to be, at a time.
    pub namespaces: u8,
    /// Nested levels of a CONNECT payload; the outer object is the first.
    pub depth: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 45_000,
            packet_bytes: 1_000_000,
            attachments: 10,
            namespaces: 8,
            depth: 32,
        }
    }
}

/// What came in, borrowed from the message, or from the client where it came in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Asks for a namespace: to be answered by [`Client::accept`] or [`Client::refuse`], now or later.
    Connect {
        /// The namespace asked for, which need not exist.
        namespace: &'a str,
        /// `auth`: a valid JSON object.
        auth: Option<&'a str>,
    },
    /// An event in a connected namespace.
    Event {
        /// The namespace.
        namespace: &'a str,
        /// The event's name and arguments: the text of a JSON array, checked by its outer shape alone. See
        /// [who validates what](super#who-validates-what).
        args: &'a str,
        /// Asks for an acknowledgment with this id.
        ack: Option<u64>,
        /// What the placeholders in `args` stand for; empty for an EVENT, never for a BINARY_EVENT.
        attachments: &'a [Vec<u8>],
    },
    /// The acknowledgment of an event that was sent in a connected namespace; whether one was with this id is the
    /// caller's to know.
    Ack {
        /// The namespace.
        namespace: &'a str,
        /// The event's id.
        id: u64,
        /// The text of a JSON array, checked by its outer shape alone.
        args: &'a str,
        /// What the placeholders in `args` stand for; empty for an ACK, never for a BINARY_ACK.
        attachments: &'a [Vec<u8>],
    },
    /// Left a namespace, or withdrew from one that was not answered yet. No answer is expected, and the connection
    /// stays open.
    Disconnect {
        /// The namespace.
        namespace: &'a str,
    },
}

/// The state of one connection. It does no I/O: messages go in, and what is to be sent is appended to a buffer.
///
/// It owns no heap while it is in no other namespace than `/` and its binary packets are complete.
#[derive(Debug)]
pub struct Client {
    /// Namespaces other than `/`, in the order of their CONNECTs.
    named: Vec<(Box<str>, Membership)>,
    assembly: Option<Box<Assembly>>,
    /// Until when a namespace must be connected; none once one was.
    deadline: Option<Millis>,
    limits: Limits,
    root: Option<Membership>,
}

/// How far a namespace has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Membership {
    /// Asked for and not answered.
    Requested,
    Connected,
}

/// A binary packet, whole or in the making.
#[derive(Debug)]
struct Assembly {
    text: Box<str>,
    attachments: Vec<Vec<u8>>,
    /// Attachments still to come.
    missing: usize,
    /// Bytes of text and attachments that may still come.
    room: usize,
}

impl Client {
    /// The state of a connection that opens `now`.
    #[must_use]
    pub const fn new(limits: Limits, now: Millis) -> Self {
        Self {
            named: Vec::new(),
            assembly: None,
            deadline: Some(now.after(limits.connect_timeout_ms as u64)),
            limits,
            root: None,
        }
    }

    /// The state of a connection that has been accepted to `/` before, elsewhere.
    #[must_use]
    pub fn joined(limits: Limits) -> Self {
        Self {
            deadline: None,
            root: Some(Membership::Connected),
            ..Self::new(limits, Millis(0))
        }
    }

    /// When the connection is to be closed because no namespace was connected; none once one was.
    #[must_use]
    pub const fn deadline(&self) -> Option<Millis> {
        self.deadline
    }

    /// Whether the namespace was accepted and not left since.
    #[must_use]
    pub fn is_connected(&self, namespace: &str) -> bool {
        self.membership(namespace) == Some(Membership::Connected)
    }

    /// Takes a text message; none when it is a binary packet whose attachments are still to come.
    ///
    /// # Errors
    /// The connection is to be closed.
    pub fn receive_text<'a>(&mut self, text: &'a str) -> Result<Option<Received<'a>>, ProtocolError> {
        self.release()?;
        let packet = Packet::decode(text)?;
        let namespace = packet.namespace();
        let membership = self.membership(namespace);
        match packet {
            Packet::Connect { data: auth, .. } => {
                if membership.is_some() {
                    return Err(ProtocolError::AlreadyConnected);
                }
                if let Some(auth) = auth {
                    validate_object(auth, self.limits.depth)?;
                }
                self.request(namespace)?;
                return Ok(Some(Received::Connect { namespace, auth }));
            }
            Packet::Disconnect { .. } if membership.is_some() => {
                self.forget(namespace);
                return Ok(Some(Received::Disconnect { namespace }));
            }
            Packet::ConnectError { .. } => return Err(ProtocolError::UnexpectedConnectError),
            _ if membership != Some(Membership::Connected) => return Err(ProtocolError::NotConnected),
            Packet::Event { attachments: 1.., .. } | Packet::Ack { attachments: 1.., .. } => {}
            packet => return Ok(received(packet, &[])),
        }
        self.assembly = Some(Assembly::begin(text, packet, &self.limits)?);
        Ok(None)
    }

    /// Takes a binary message: an attachment of the binary packet before it. None when more are to come.
    ///
    /// What a whole binary packet took is given back by the next call.
    ///
    /// # Errors
    /// The connection is to be closed.
    pub fn receive_binary(&mut self, bytes: &[u8]) -> Result<Option<Received<'_>>, ProtocolError> {
        let limit = self.limits.packet_bytes;
        let Some(assembly) = self.assembly.as_mut().filter(|assembly| assembly.missing > 0) else {
            return Err(ProtocolError::UnexpectedBinary);
        };
        assembly.room = assembly
            .room
            .checked_sub(bytes.len())
            .ok_or(ProtocolError::LargePacket { limit })?;
        assembly.attachments.push(bytes.to_vec());
        assembly.missing -= 1;
        if assembly.missing > 0 {
            return Ok(None);
        }
        let Some(assembly) = &self.assembly else {
            return Ok(None);
        };
        let packet = Packet::decode(&assembly.text)?;
        // The server may have ended the namespace while the attachments were under way.
        if !self.is_connected(packet.namespace()) {
            return Err(ProtocolError::NotConnected);
        }
        Ok(received(packet, &assembly.attachments))
    }

    /// Bytes of heap in use, roughly: for namespaces other than `/` and for a binary packet that is not complete, or
    /// that the last call returned.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let names: usize = self.named.iter().map(|(name, _)| name.len()).sum();
        let named = self.named.capacity() * size_of::<(Box<str>, Membership)>() + names;
        named + self.assembly.as_deref().map_or(0, Assembly::held_bytes)
    }

    /// Grants a namespace that was asked for, appending the answer: see [`encode_connect`].
    ///
    /// Returns whether it is still asked for; if not, nothing is appended and nothing changes.
    pub fn accept(&mut self, namespace: &str, sid: &str, pid: Option<&str>, out: &mut Vec<u8>) -> bool {
        let Some(membership) = self
            .membership_mut(namespace)
            .filter(|is| **is == Membership::Requested)
        else {
            return false;
        };
        *membership = Membership::Connected;
        self.deadline = None;
        encode_connect(namespace, sid, pid, out);
        true
    }

    /// Refuses a namespace that was asked for, appending the answer: see [`encode_connect_error`].
    ///
    /// Returns whether it is still asked for; if not, nothing is appended and nothing changes.
    pub fn refuse(&mut self, namespace: &str, message: &str, data: Option<&str>, out: &mut Vec<u8>) -> bool {
        if self.membership(namespace) != Some(Membership::Requested) {
            return false;
        }
        self.forget(namespace);
        encode_connect_error(namespace, message, data, out);
        true
    }

    /// Ends a connected namespace, appending DISCONNECT. What the client sends there from now on, not having read
    /// that yet, is an error that closes the connection.
    ///
    /// Returns whether it is connected; if not, nothing is appended and nothing changes.
    pub fn disconnect(&mut self, namespace: &str, out: &mut Vec<u8>) -> bool {
        if !self.is_connected(namespace) {
            return false;
        }
        self.forget(namespace);
        encode_disconnect(namespace, out);
        true
    }

    /// Lets go of the binary packet that was handed out; a text in the middle of one is an error.
    fn release(&mut self) -> Result<(), ProtocolError> {
        match self.assembly.take() {
            Some(assembly) if assembly.missing > 0 => Err(ProtocolError::TextForAttachment),
            _ => Ok(()),
        }
    }

    fn membership(&self, namespace: &str) -> Option<Membership> {
        if namespace == "/" {
            return self.root;
        }
        let named = self.named.iter().find(|(name, _)| **name == *namespace);
        named.map(|(_, membership)| *membership)
    }

    fn membership_mut(&mut self, namespace: &str) -> Option<&mut Membership> {
        if namespace == "/" {
            return self.root.as_mut();
        }
        let named = self.named.iter_mut().find(|(name, _)| **name == *namespace);
        named.map(|(_, membership)| membership)
    }

    fn request(&mut self, namespace: &str) -> Result<(), ProtocolError> {
        let limit = self.limits.namespaces;
        if self.named.len() + usize::from(self.root.is_some()) >= usize::from(limit) {
            return Err(ProtocolError::TooManyNamespaces { limit });
        }
        if namespace == "/" {
            self.root = Some(Membership::Requested);
        } else {
            self.named.push((namespace.into(), Membership::Requested));
        }
        Ok(())
    }

    fn forget(&mut self, namespace: &str) {
        if namespace == "/" {
            self.root = None;
        } else {
            self.named.retain(|(name, _)| **name != *namespace);
            self.named.shrink_to_fit();
        }
    }
}

impl Assembly {
    fn begin(text: &str, packet: Packet<'_>, limits: &Limits) -> Result<Box<Self>, ProtocolError> {
        let (Packet::Event { attachments, .. } | Packet::Ack { attachments, .. }) = packet else {
            return Err(ProtocolError::InvalidAttachments);
        };
        if attachments > usize::from(limits.attachments) {
            return Err(ProtocolError::TooManyAttachments {
                limit: limits.attachments,
            });
        }
        let limit = limits.packet_bytes;
        let room = (limit as usize)
            .checked_sub(text.len())
            .ok_or(ProtocolError::LargePacket { limit })?;
        Ok(Box::new(Self {
            text: text.into(),
            attachments: Vec::new(),
            missing: attachments,
            room,
        }))
    }

    fn held_bytes(&self) -> usize {
        let attachments: usize = self.attachments.iter().map(Vec::capacity).sum();
        let list = self.attachments.capacity() * size_of::<Vec<u8>>();
        size_of::<Self>() + self.text.len() + list + attachments
    }
}

/// A packet of a connected namespace with what its placeholders stand for.
fn received<'a>(packet: Packet<'a>, attachments: &'a [Vec<u8>]) -> Option<Received<'a>> {
    match packet {
        Packet::Event {
            namespace,
            id: ack,
            args,
            ..
        } => Some(Received::Event {
            namespace,
            args,
            ack,
            attachments,
        }),
        Packet::Ack {
            namespace, id, args, ..
        } => Some(Received::Ack {
            namespace,
            id,
            args,
            attachments,
        }),
        _ => None,
    }
}

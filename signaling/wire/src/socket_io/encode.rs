//! Packets to be sent. Every function appends to the buffer that it is given, and allocates nothing of its own.
//!
//! A namespace is `/` or a name that starts with a slash and has no comma.

use std::io::Write as _;

use super::packet::Kind;

/// Appends all of a packet but its payload: type, number of attachments, namespace and acknowledgment id.
///
/// The payload may follow in the same buffer, or be handed on beside it. `attachments` is written for the binary
/// types only.
pub fn encode_head(kind: Kind, attachments: usize, namespace: &str, id: Option<u64>, out: &mut Vec<u8>) {
    debug_assert!(namespace.starts_with('/') && !namespace.contains(','));
    out.push(b'0' + kind as u8);
    if kind.is_binary() {
        push_number(attachments as u64, out);
        out.push(b'-');
    }
    if namespace != "/" {
        out.extend_from_slice(namespace.as_bytes());
        out.push(b',');
    }
    if let Some(id) = id {
        push_number(id, out);
    }
}

/// Appends an event: its `args` are a JSON array, the event's name first, in as many parts as it comes in.
///
/// With `id` the peer is asked to acknowledge. With `attachments` above 0 it is a BINARY_EVENT, and as many binary
/// messages must follow it.
pub fn encode_event(namespace: &str, id: Option<u64>, attachments: usize, args: &[&[u8]], out: &mut Vec<u8>) {
    let kind = if attachments == 0 {
        Kind::Event
    } else {
        Kind::BinaryEvent
    };
    encode_head(kind, attachments, namespace, id, out);
    args.iter().for_each(|part| out.extend_from_slice(part));
}

/// Appends the acknowledgment of the event with this id: its `args` are a JSON array, in as many parts as it comes in.
///
/// With `attachments` above 0 it is a BINARY_ACK, and as many binary messages must follow it.
pub fn encode_ack(namespace: &str, id: u64, attachments: usize, args: &[&[u8]], out: &mut Vec<u8>) {
    let kind = if attachments == 0 {
        Kind::Ack
    } else {
        Kind::BinaryAck
    };
    encode_head(kind, attachments, namespace, Some(id), out);
    args.iter().for_each(|part| out.extend_from_slice(part));
}

/// Appends a server's CONNECT: the namespace is granted under the socket id `sid`; `pid` lets the client ask for its
/// state to be recovered later.
pub fn encode_connect(namespace: &str, sid: &str, pid: Option<&str>, out: &mut Vec<u8>) {
    encode_head(Kind::Connect, 0, namespace, None, out);
    out.extend_from_slice(b"{\"sid\":");
    push_string(sid, out);
    if let Some(pid) = pid {
        out.extend_from_slice(b",\"pid\":");
        push_string(pid, out);
    }
    out.push(b'}');
}

/// Appends a server's CONNECT_ERROR: the namespace is refused for the reason in `message`; `data` is JSON for the
/// client's program. Stock clients do not try again.
pub fn encode_connect_error(namespace: &str, message: &str, data: Option<&str>, out: &mut Vec<u8>) {
    encode_head(Kind::ConnectError, 0, namespace, None, out);
    out.extend_from_slice(b"{\"message\":");
    push_string(message, out);
    if let Some(data) = data {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data.as_bytes());
    }
    out.push(b'}');
}

/// Appends DISCONNECT. Stock clients do not come back by themselves.
pub fn encode_disconnect(namespace: &str, out: &mut Vec<u8>) {
    encode_head(Kind::Disconnect, 0, namespace, None, out);
}

fn push_number(number: u64, out: &mut Vec<u8>) {
    write!(out, "{number}").expect("writing to memory does not fail");
}

fn push_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string is always JSON, and writing to memory does not fail");
}

//! Telling clients: events with their offsets, acknowledgements and refusals.

use super::io::{Output, Outputs, Record};
use crate::event::{self, Rejection, ServerEvent};
use crate::id::ConnectionId;
use crate::session::{Chat, Session};

/// Sends an event to the session's client, when it is connected.
pub(super) fn tell(session: &Session, event: &ServerEvent<'_>, out: &mut Outputs) {
    tell_as_of(session, session.version, event, out);
}

/// Sends an event to a client who is told one thing after the other and has seen those up to `version` with this one: when
/// the connection breaks between two of them, the offset says which.
pub(super) fn tell_as_of(session: &Session, version: u32, event: &ServerEvent<'_>, out: &mut Outputs) {
    let Some(connection) = session.connection() else {
        return;
    };
    let body = out.write(|bytes| {
        event.write(bytes);
        close_array(session, version, bytes);
    });
    out.push(Output::Emit { connection, body });
}

/// Ends an event's JSON array, for clients of connection state recovery with the offset.
pub(super) fn close_array(session: &Session, version: u32, bytes: &mut Vec<u8>) {
    if session.offsets {
        let heard = match &session.chat {
            Chat::Matched(matched) => matched.heard,
            _ => 0,
        };
        bytes.extend_from_slice(b",\"");
        bytes.extend_from_slice(&session.tag());
        bytes.push(b'.');
        write_number(u64::from(version), bytes);
        bytes.push(b'.');
        write_number(heard, bytes);
        bytes.push(b'"');
    }
    bytes.push(b']');
}

/// Appends a number's digits, without the detour that a format string takes.
pub(super) fn write_number(number: u64, bytes: &mut Vec<u8>) {
    serde_json::to_writer(bytes, &number).expect("a number is JSON, and a Vec takes it");
}

/// Acknowledges an event with `{ok: true}`, when its client wants to know.
pub(super) fn ack_ok(connection: ConnectionId, ack: Option<u64>, out: &mut Outputs) {
    if let Some(id) = ack {
        let body = out.write(event::write_ack_ok);
        out.push(Output::Ack { connection, id, body });
    }
}

/// Refuses an event: in its acknowledgement where there is one, else as `error`.
pub(super) fn refuse(session: &Session, ack: Option<u64>, rejection: &Rejection, out: &mut Outputs) {
    out.record(Record::Refused { code: rejection.code });
    match (ack, session.connection()) {
        (Some(id), Some(connection)) => {
            let body = out.write(|bytes| event::write_ack_error(rejection, bytes));
            out.push(Output::Ack { connection, id, body });
        }
        _ => tell(session, &ServerEvent::Error(rejection), out),
    }
}

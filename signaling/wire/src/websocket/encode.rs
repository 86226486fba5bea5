//! From messages to bytes. Every function appends to the buffer that it is given and leaves what is there alone.

use super::header::MAX_CONTROL;
use super::mask;
use super::message::{CloseFrame, Opcode};

/// The longest reason of a close frame: a control frame's payload without the code.
const MAX_REASON: usize = MAX_CONTROL - 2;

/// Appends a whole message of a server: `parts`, one after the other, in one frame.
///
/// The parts of a control frame must not be longer than 125 bytes together.
pub fn encode(opcode: Opcode, parts: &[&[u8]], out: &mut Vec<u8>) {
    encode_frame(opcode, true, None, parts, out);
}

/// Appends a whole message of a client, masked with `key`, which must be unpredictable where a browser's rules apply
/// (RFC 6455 §10.3).
///
/// The parts of a control frame must not be longer than 125 bytes together.
pub fn encode_masked(opcode: Opcode, key: [u8; 4], parts: &[&[u8]], out: &mut Vec<u8>) {
    encode_frame(opcode, true, Some(key), parts, out);
}

/// Appends a server's close frame. A reason of more than 123 bytes is cut at a character's end.
pub fn encode_close(frame: Option<CloseFrame<'_>>, out: &mut Vec<u8>) {
    close(frame, None, out);
}

/// Appends a client's close frame, masked with `key`. A reason of more than 123 bytes is cut at a character's end.
pub fn encode_close_masked(frame: Option<CloseFrame<'_>>, key: [u8; 4], out: &mut Vec<u8>) {
    close(frame, Some(key), out);
}

/// Appends one frame: `fin` ends the message, [`Opcode::Continuation`] carries it on, `mask` is what a client masks with.
///
/// Control frames must have `fin` set and parts of no more than 125 bytes together.
pub fn encode_frame(opcode: Opcode, fin: bool, mask: Option<[u8; 4]>, parts: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    debug_assert!(!opcode.is_control() || (fin && length <= MAX_CONTROL));
    out.reserve(length + super::header::MAX_HEADER);
    out.push(u8::from(fin) << 7 | opcode as u8);
    push_length(length, mask.is_some(), out);
    out.extend_from_slice(mask.as_ref().map_or(&[], |key| key));
    let payload = out.len();
    for part in parts {
        out.extend_from_slice(part);
    }
    mask::apply(mask.unwrap_or_default(), &mut out[payload..]);
}

fn push_length(length: usize, masked: bool, out: &mut Vec<u8>) {
    let masked = u8::from(masked) << 7;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.push(masked | short),
        (_, Ok(length)) => {
            out.push(masked | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

fn close(frame: Option<CloseFrame<'_>>, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    match frame {
        None => encode_frame(Opcode::Close, true, mask, &[], out),
        Some(CloseFrame { code, reason }) => {
            let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
            encode_frame(
                Opcode::Close,
                true,
                mask,
                &[&code.0.to_be_bytes(), reason.as_bytes()],
                out,
            );
        }
    }
}

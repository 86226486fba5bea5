//! A frame's header, RFC 6455 §5.2.

use super::decode::ProtocolError;
use super::message::{Opcode, Role};

/// The longest header: two bytes, a length of 64 bits, a mask key.
pub(super) const MAX_HEADER: usize = 14;
/// The largest payload of a control frame (RFC 6455 §5.5).
pub(super) const MAX_CONTROL: usize = 125;

/// A header that is complete and keeps the rules which can be judged without what came before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    /// The last fragment, or the only one.
    pub(super) fin: bool,
    /// Zero where the frame is not masked, which leaves the payload as it is.
    pub(super) mask: [u8; 4],
    /// Bytes of payload that follow; below 2⁶³.
    pub(super) payload: u64,
    /// Bytes that this header takes.
    pub(super) size: usize,
}

impl Header {
    /// Reads the header at the start of `bytes`; none when it is not whole yet. What its first two bytes forbid is
    /// refused as soon as they are there.
    pub(super) fn read(bytes: &[u8], role: Role) -> Result<Option<Self>, ProtocolError> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let opcode = Opcode::from_bits(first & 0x0f).ok_or(ProtocolError::ReservedOpcode(first & 0x0f))?;
        let fin = first & 0x80 != 0;
        let masked = second & 0x80 != 0;
        match (role, masked) {
            (Role::Server, false) => return Err(ProtocolError::Unmasked),
            (Role::Client, true) => return Err(ProtocolError::Masked),
            _ => {}
        }
        let short = second & 0x7f;
        if opcode.is_control() {
            if !fin {
                return Err(ProtocolError::FragmentedControl);
            }
            if usize::from(short) > MAX_CONTROL {
                return Err(ProtocolError::LongControl);
            }
        }
        let Some((payload, rest)) = length(short, rest) else {
            return Ok(None);
        };
        if payload > i64::MAX as u64 {
            return Err(ProtocolError::InvalidLength);
        }
        let (mask, rest) = match (masked, rest.split_first_chunk()) {
            (false, _) => ([0; 4], rest),
            (true, Some((mask, rest))) => (*mask, rest),
            (true, None) => return Ok(None),
        };
        let size = bytes.len() - rest.len();
        Ok(Some(Self {
            opcode,
            fin,
            mask,
            payload,
            size,
        }))
    }

    /// Whether the payload is no longer than `limit` bytes, and how long it is then.
    pub(super) fn payload_within(&self, limit: usize) -> Option<usize> {
        usize::try_from(self.payload)
            .ok()
            .filter(|payload| *payload <= limit)
    }
}

/// The payload's length, from the seven bits and the bytes after them, and what follows it.
fn length(short: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    Some(match short {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*length), rest)
        }
        short => (u64::from(short), rest),
    })
}

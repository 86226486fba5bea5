//! From bytes to messages.

use std::mem;

use super::header::{Header, MAX_CONTROL};
use super::mask;
use super::message::{CloseCode, CloseFrame, Message, Opcode, Role};
use super::text::Checked;

/// What a peer did wrong; [`close_code`](Self::close_code) is what to send before the socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// RSV1–3 are set, which belong to extensions; none was agreed on (RFC 6455 §5.2).
    #[error("reserved bits are set")]
    ReservedBits,
    /// An opcode without a meaning (RFC 6455 §5.2).
    #[error("opcode {0:#x} is reserved")]
    ReservedOpcode(u8),
    /// A client sent a frame without a mask (RFC 6455 §5.1).
    #[error("a frame of a client is not masked")]
    Unmasked,
    /// A server sent a frame with a mask (RFC 6455 §5.1).
    #[error("a frame of a server is masked")]
    Masked,
    /// A control frame without FIN (RFC 6455 §5.5).
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame of more than 125 bytes (RFC 6455 §5.5).
    #[error("a control frame is longer than 125 bytes")]
    LongControl,
    /// The highest bit of a length of 64 bits is set (RFC 6455 §5.2).
    #[error("a length exceeds 63 bits")]
    InvalidLength,
    /// A continuation of nothing (RFC 6455 §5.4).
    #[error("a continuation without a message")]
    UnexpectedContinuation,
    /// A new message before the end of a fragmented one (RFC 6455 §5.4).
    #[error("a message within a fragmented message")]
    InterruptedMessage,
    /// A close frame of one byte (RFC 6455 §5.5.1).
    #[error("a close frame with half a code")]
    TruncatedCloseCode,
    /// A code that this peer may not send (RFC 6455 §7.4).
    #[error("close code {0} may not be sent")]
    InvalidCloseCode(u16),
    /// Text, or the reason of a close frame, is not UTF-8 (RFC 6455 §8.1).
    #[error("text is not UTF-8")]
    InvalidUtf8,
    /// The message is longer than what this decoder was made to accept.
    #[error("a message is longer than {limit} bytes")]
    TooBig {
        /// The longest message that is accepted, in bytes.
        limit: usize,
    },
}

impl ProtocolError {
    /// The code that tells the peer what it did (RFC 6455 §7.4.1): 1002, 1007 or 1009.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::InvalidUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::TooBig { .. } => CloseCode::TOO_BIG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

/// One direction of a connection: what the peer sends.
///
/// A message that lies whole in the input is unmasked there and borrowed from it. Only what is cut off by the end of
/// the input, and the fragments of a message, are copied; that memory grows with the bytes that have come (to at most
/// twice as many, and never beyond the largest message accepted), not with the length that was announced, and is
/// given back by the first call after the message was returned. Between messages a decoder owns no heap.
#[derive(Debug)]
pub struct Decoder {
    max_message: usize,
    partial: Option<Box<Partial>>,
    role: Role,
    finished: bool,
}

/// What came of a message or frame that has not been returned yet.
#[derive(Debug, Default)]
struct Partial {
    /// The start of a frame that was cut off within its header, or within a control frame's payload.
    head: Vec<u8>,
    /// The data message under way: fragments, or a frame that was cut off.
    message: Option<Growing>,
    /// The data frame under way; none between frames.
    frame: Option<Payload>,
    /// What of the above the last call returned: it is borrowed until the next call, which lets go of it.
    returned: Option<Opcode>,
}

/// A data message that comes in pieces.
#[derive(Debug)]
struct Growing {
    opcode: Opcode,
    bytes: Vec<u8>,
    checked: Checked,
}

/// The payload of a data frame that is still to come.
#[derive(Debug)]
struct Payload {
    remaining: usize,
    /// Turned so that its first byte belongs to the next byte of the payload.
    mask: [u8; 4],
    fin: bool,
}

/// Where a step ended.
enum Step<'a> {
    /// All input is used up.
    Starved,
    /// A whole message in the input, unmasked.
    Whole(Opcode, &'a [u8]),
    /// A whole message in [`Partial`].
    Held(Opcode),
}

impl Decoder {
    /// A decoder for the local end's `role` that accepts messages of up to `max_message` bytes.
    #[must_use]
    pub const fn new(role: Role, max_message: usize) -> Self {
        Self {
            max_message,
            partial: None,
            role,
            finished: false,
        }
    }

    /// The next message, taken from the front of `input`; none when all of `input` is used up.
    ///
    /// Call it until it returns none, even when `input` is empty, and then with the next bytes of the connection.
    /// After an error, and after [`Message::Close`], the rest of the connection is swallowed unread.
    ///
    /// # Errors
    /// The peer broke the protocol: send [`ProtocolError::close_code`] and close the connection.
    pub fn decode<'a, 'input: 'a>(
        &'a mut self,
        input: &mut &'input mut [u8],
    ) -> Result<Option<Message<'a>>, ProtocolError> {
        if self.finished {
            *input = &mut [];
            return Ok(None);
        }
        let step = self.step(input);
        let Self {
            partial,
            role,
            finished,
            ..
        } = self;
        let message = match step {
            Ok(Step::Starved) => return Ok(None),
            Ok(Step::Whole(opcode, payload)) => message(opcode, payload, *role),
            Ok(Step::Held(opcode)) => message(opcode, held(partial.as_deref(), opcode), *role),
            Err(error) => Err(error),
        };
        *finished = matches!(message, Ok(Message::Close(_)) | Err(_));
        message.map(Some)
    }

    /// Bytes of heap in use for a message that has not come to its end, roughly; 0 between messages.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.partial.as_deref().map_or(0, |partial| {
            let message = partial
                .message
                .as_ref()
                .map_or(0, |message| message.bytes.capacity());
            size_of::<Partial>() + partial.head.capacity() + message
        })
    }

    /// Reads on until a message is whole or the input is used up.
    fn step<'a>(&mut self, input: &mut &'a mut [u8]) -> Result<Step<'a>, ProtocolError> {
        self.release();
        loop {
            if let Some(partial) = &mut self.partial {
                if partial.frame.is_some() {
                    match partial.absorb(input, self.max_message)? {
                        Some(step) => return Ok(step),
                        None => continue,
                    }
                }
                if !partial.head.is_empty() {
                    let Some(header) = partial.complete_header(input, self.role)? else {
                        return Ok(Step::Starved);
                    };
                    self.admit(&header)?;
                    let partial = self.partial.as_mut().expect("its head was just read");
                    if header.opcode.is_control() {
                        return Ok(partial.complete_control(input, &header));
                    }
                    partial.head = Vec::new();
                    partial.begin(&header);
                    continue;
                }
            }
            let Some(header) = Header::read(input, self.role)? else {
                if !input.is_empty() {
                    self.partial.get_or_insert_default().keep_head(input);
                }
                return Ok(Step::Starved);
            };
            self.admit(&header)?;
            if let Some(step) = self.take_frame(input, &header) {
                return Ok(step);
            }
        }
    }

    /// Lets go of the message that the last call returned from the memory of this decoder.
    fn release(&mut self) {
        let Some(partial) = &mut self.partial else { return };
        match partial.returned.take() {
            None => return,
            Some(opcode) if opcode.is_control() => partial.head = Vec::new(),
            Some(_) => partial.message = None,
        }
        if partial.message.is_none() {
            self.partial = None;
        }
    }

    /// Judges a header by what came before it.
    fn admit(&self, header: &Header) -> Result<(), ProtocolError> {
        if header.opcode.is_control() {
            return Ok(());
        }
        let under_way = self
            .partial
            .as_deref()
            .and_then(|partial| partial.message.as_ref());
        let so_far = match (header.opcode, under_way) {
            (Opcode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation),
            (Opcode::Continuation, Some(message)) => message.bytes.len(),
            (_, Some(_)) => return Err(ProtocolError::InterruptedMessage),
            (_, None) => 0,
        };
        match header.payload_within(self.max_message - so_far) {
            Some(_) => Ok(()),
            None => Err(ProtocolError::TooBig {
                limit: self.max_message,
            }),
        }
    }

    /// Takes the frame at the front of the input, whose header is admitted: returns it if it is a whole message, and
    /// begins or keeps it otherwise; none when the payload is still to be absorbed.
    fn take_frame<'a>(&mut self, input: &mut &'a mut [u8], header: &Header) -> Option<Step<'a>> {
        let control = header.opcode.is_control();
        let message = header.fin && header.opcode != Opcode::Continuation;
        let whole = header.payload_within(input.len() - header.size);
        if let (true, Some(payload)) = (message, whole) {
            take(input, header.size);
            let payload = take(input, payload);
            mask::apply(header.mask, payload);
            return Some(Step::Whole(header.opcode, payload));
        }
        let partial = self.partial.get_or_insert_default();
        if control {
            partial.keep_head(input);
            return Some(Step::Starved);
        }
        take(input, header.size);
        partial.begin(header);
        None
    }
}

impl Partial {
    /// Keeps the rest of the input, which is the start of a frame.
    fn keep_head(&mut self, input: &mut &mut [u8]) {
        self.head.extend_from_slice(take(input, input.len()));
    }

    /// Adds to the head until the header is whole; none when the input ends before.
    fn complete_header(
        &mut self,
        input: &mut &mut [u8],
        role: Role,
    ) -> Result<Option<Header>, ProtocolError> {
        loop {
            match Header::read(&self.head, role)? {
                None if input.is_empty() => return Ok(None),
                None => self.head.extend_from_slice(take(input, 1)),
                header => return Ok(header),
            }
        }
    }

    /// Adds to the head until the control frame is whole.
    fn complete_control<'a>(&mut self, input: &mut &'a mut [u8], header: &Header) -> Step<'a> {
        let payload = header
            .payload_within(MAX_CONTROL)
            .expect("longer control frames are refused");
        let missing = header.size + payload - self.head.len();
        self.head.extend_from_slice(take(input, missing.min(input.len())));
        if self.head.len() < header.size + payload {
            return Step::Starved;
        }
        self.head.drain(..header.size);
        mask::apply(header.mask, &mut self.head);
        self.returned = Some(header.opcode);
        Step::Held(header.opcode)
    }

    /// Begins a data frame, and the message unless the frame continues one.
    fn begin(&mut self, header: &Header) {
        self.message.get_or_insert_with(|| Growing {
            opcode: header.opcode,
            bytes: Vec::new(),
            checked: Checked::default(),
        });
        let remaining = header
            .payload_within(usize::MAX)
            .expect("longer messages are refused");
        self.frame = Some(Payload {
            remaining,
            mask: header.mask,
            fin: header.fin,
        });
    }

    /// Moves what has come of the frame's payload into the message; none when the frame ended, but not the message.
    fn absorb<'a>(
        &mut self,
        input: &mut &'a mut [u8],
        max_message: usize,
    ) -> Result<Option<Step<'a>>, ProtocolError> {
        let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else {
            return Ok(None);
        };
        let piece = take(input, frame.remaining.min(input.len()));
        mask::apply(frame.mask, piece);
        let longest = if frame.fin {
            message.bytes.len() + frame.remaining
        } else {
            max_message
        };
        message.append(piece, longest)?;
        frame.remaining -= piece.len();
        frame.mask.rotate_left(piece.len() % 4);
        if frame.remaining > 0 {
            return Ok(Some(Step::Starved));
        }
        let fin = frame.fin;
        self.frame = None;
        if fin {
            self.returned = Some(message.opcode);
        }
        Ok(fin.then_some(Step::Held(message.opcode)))
    }
}

impl Growing {
    /// Appends a piece of a message that becomes no longer than `longest` bytes.
    fn append(&mut self, piece: &[u8], longest: usize) -> Result<(), ProtocolError> {
        let length = self.bytes.len() + piece.len();
        if length > self.bytes.capacity() {
            let room = length.saturating_mul(2).min(longest);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        if self.opcode == Opcode::Text {
            self.checked.advance(&self.bytes)?;
        }
        Ok(())
    }
}

/// The first `length` bytes of the input, which goes on behind them.
fn take<'a>(input: &mut &'a mut [u8], length: usize) -> &'a mut [u8] {
    let (front, rest) = mem::take(input).split_at_mut(length);
    *input = rest;
    front
}

/// The message that a step left in the decoder's memory.
fn held(partial: Option<&Partial>, opcode: Opcode) -> &[u8] {
    match partial {
        Some(partial) if opcode.is_control() => &partial.head,
        Some(Partial {
            message: Some(message),
            ..
        }) => &message.bytes,
        _ => &[],
    }
}

/// A whole, unmasked payload as what it is.
fn message(opcode: Opcode, payload: &[u8], role: Role) -> Result<Message<'_>, ProtocolError> {
    Ok(match opcode {
        Opcode::Text => Message::Text(utf8(payload)?),
        Opcode::Binary | Opcode::Continuation => Message::Binary(payload),
        Opcode::Ping => Message::Ping(payload),
        Opcode::Pong => Message::Pong(payload),
        Opcode::Close => Message::Close(close_frame(payload, role)?),
    })
}

fn close_frame(payload: &[u8], role: Role) -> Result<Option<CloseFrame<'_>>, ProtocolError> {
    let (code, reason) = match *payload {
        [] => return Ok(None),
        [_] => return Err(ProtocolError::TruncatedCloseCode),
        [high, low, ref reason @ ..] => (CloseCode(u16::from_be_bytes([high, low])), reason),
    };
    if !code.may_come_from(role.peer()) {
        return Err(ProtocolError::InvalidCloseCode(code.0));
    }
    Ok(Some(CloseFrame {
        code,
        reason: utf8(reason)?,
    }))
}

fn utf8(bytes: &[u8]) -> Result<&str, ProtocolError> {
    std::str::from_utf8(bytes).map_err(|_| ProtocolError::InvalidUtf8)
}

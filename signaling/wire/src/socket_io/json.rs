//! A scanner that finds JSON valid without building anything: RFC 8259 with a limit on depth.
//!
//! Like the reference implementation's parser it takes any number and unpaired surrogates in `\u` escapes; a strict
//! reader of the same text may still refuse those.

use super::error::ProtocolError;
use super::packet::is_reserved;

/// The arguments of an event, found valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventArgs<'a> {
    /// The event's name as JSON text: a string with its quotes and escapes, or a number.
    pub name: &'a str,
    /// What follows the name, as JSON text without the array's brackets: `1,{"a":2}`; empty when nothing does.
    pub rest: &'a str,
}

/// Checks an event's arguments whole: JSON of at most `depth` nested levels (the outer array is the first), a name
/// that is a string or a number and not reserved, and placeholders that stand for one of the `attachments`.
///
/// # Errors
/// What the reference implementation closes the connection for.
pub fn validate_event(args: &str, attachments: usize, depth: u8) -> Result<EventArgs<'_>, ProtocolError> {
    let inside = args
        .trim_ascii()
        .strip_prefix('[')
        .and_then(|args| args.strip_suffix(']'))
        .ok_or(ProtocolError::InvalidPayload)?;
    let mut scanner = Scanner::new(inside, attachments, depth);
    scanner.enter()?;
    scanner.skip_space();
    let start = scanner.at;
    match scanner.peek() {
        Some(b'"') => scanner.string()?,
        Some(b'-' | b'0'..=b'9') => scanner.number()?,
        _ => return Err(ProtocolError::InvalidPayload),
    }
    let name = &inside[start..scanner.at];
    let decoded = serde_json::from_str::<String>(name);
    if decoded.is_ok_and(|name| is_reserved(&(name + "\""))) {
        return Err(ProtocolError::ReservedEvent);
    }
    scanner.skip_space();
    if scanner.is_at_end() {
        return Ok(EventArgs { name, rest: "" });
    }
    scanner.expect(b',')?;
    let start = scanner.at;
    scanner.values()?;
    scanner.end()?;
    Ok(EventArgs {
        name,
        rest: inside[start..].trim_ascii(),
    })
}

/// Checks an acknowledgment's arguments whole: a JSON array of at most `depth` nested levels (it is the first itself)
/// with placeholders that stand for one of the `attachments`.
///
/// # Errors
/// What the reference implementation closes the connection for.
pub fn validate_ack(args: &str, attachments: usize, depth: u8) -> Result<(), ProtocolError> {
    whole(args, b'[', attachments, depth)
}

/// Checks that a text is one JSON object of at most `depth` nested levels.
pub(super) fn validate_object(text: &str, depth: u8) -> Result<(), ProtocolError> {
    whole(text, b'{', 0, depth)
}

/// Checks that a text is one JSON value that starts with `opening`.
fn whole(text: &str, opening: u8, attachments: usize, depth: u8) -> Result<(), ProtocolError> {
    let mut scanner = Scanner::new(text, attachments, depth);
    scanner.skip_space();
    if scanner.peek() != Some(opening) {
        return Err(ProtocolError::InvalidPayload);
    }
    scanner.value()?;
    scanner.skip_space();
    scanner.end()
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    attachments: usize,
    limit: u8,
    depth: u8,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, attachments: usize, limit: u8) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            attachments,
            limit,
            depth: 0,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn end(&self) -> Result<(), ProtocolError> {
        if self.is_at_end() {
            Ok(())
        } else {
            Err(ProtocolError::InvalidPayload)
        }
    }

    /// Moves past a byte if it is next.
    fn accept(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), ProtocolError> {
        if self.accept(byte) {
            Ok(())
        } else {
            Err(ProtocolError::InvalidPayload)
        }
    }

    fn skip_space(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// Moves past the bytes that fit and returns how many there were.
    fn skip_while(&mut self, fits: impl Fn(u8) -> bool) -> usize {
        let count = self.text[self.at..]
            .iter()
            .take_while(|byte| fits(**byte))
            .count();
        self.at += count;
        count
    }

    fn enter(&mut self) -> Result<(), ProtocolError> {
        if self.depth == self.limit {
            return Err(ProtocolError::DeepPayload { limit: self.limit });
        }
        self.depth += 1;
        Ok(())
    }

    /// One value, with the space before it. Recursion is bounded by the limit on depth.
    fn value(&mut self) -> Result<(), ProtocolError> {
        self.skip_space();
        match self.peek() {
            Some(b'[') => self.array(),
            Some(b'{') => self.object(),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(ProtocolError::InvalidPayload),
        }
    }

    /// Values with commas between them, and the space after them.
    fn values(&mut self) -> Result<(), ProtocolError> {
        loop {
            self.value()?;
            self.skip_space();
            if !self.accept(b',') {
                return Ok(());
            }
        }
    }

    fn array(&mut self) -> Result<(), ProtocolError> {
        self.enter()?;
        self.expect(b'[')?;
        self.skip_space();
        if self.peek() != Some(b']') {
            self.values()?;
        }
        self.depth -= 1;
        self.expect(b']')
    }

    fn object(&mut self) -> Result<(), ProtocolError> {
        self.enter()?;
        self.expect(b'{')?;
        self.skip_space();
        let mut placeholder = Placeholder::default();
        if self.peek() != Some(b'}') {
            loop {
                let key = self.key()?;
                let start = self.at;
                self.value()?;
                placeholder.learn(key, self.text[start..self.at].trim_ascii());
                self.skip_space();
                if !self.accept(b',') {
                    break;
                }
            }
        }
        self.depth -= 1;
        self.expect(b'}')?;
        placeholder.check(self.attachments)
    }

    /// A key with the space around it and its colon.
    fn key(&mut self) -> Result<&'a [u8], ProtocolError> {
        self.skip_space();
        let start = self.at;
        self.string()?;
        let key = &self.text[start..self.at];
        self.skip_space();
        self.expect(b':')?;
        Ok(key)
    }

    fn word(&mut self, word: &[u8]) -> Result<(), ProtocolError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(ProtocolError::InvalidPayload);
        }
        self.at += word.len();
        Ok(())
    }

    fn string(&mut self) -> Result<(), ProtocolError> {
        self.expect(b'"')?;
        loop {
            self.skip_while(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            if self.accept(b'"') {
                return Ok(());
            }
            self.expect(b'\\')?;
            match self.peek() {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                Some(b'u') => {
                    let hex = self.text.get(self.at + 1..self.at + 5);
                    if !hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
                        return Err(ProtocolError::InvalidPayload);
                    }
                    self.at += 5;
                }
                _ => return Err(ProtocolError::InvalidPayload),
            }
        }
    }

    fn number(&mut self) -> Result<(), ProtocolError> {
        self.accept(b'-');
        if !self.accept(b'0') {
            self.digits()?;
        }
        if self.accept(b'.') {
            self.digits()?;
        }
        if self.accept(b'e') || self.accept(b'E') {
            let _ = self.accept(b'+') || self.accept(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ProtocolError> {
        match self.skip_while(|byte| byte.is_ascii_digit()) {
            0 => Err(ProtocolError::InvalidPayload),
            _ => Ok(()),
        }
    }
}

/// What an object has told so far of being `{"_placeholder":true,"num":0}`.
#[derive(Default)]
struct Placeholder {
    is_one: bool,
    number: Option<usize>,
}

impl Placeholder {
    fn learn(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"\"_placeholder\"" => self.is_one = value == b"true",
            b"\"num\"" => {
                self.number = std::str::from_utf8(value)
                    .ok()
                    .and_then(|value| value.parse().ok())
            }
            _ => {}
        }
    }

    /// In a packet without attachments it is an object like any other.
    fn check(&self, attachments: usize) -> Result<(), ProtocolError> {
        let stands_for_one = self.number.is_some_and(|number| number < attachments);
        if self.is_one && attachments > 0 && !stands_for_one {
            return Err(ProtocolError::InvalidPlaceholder);
        }
        Ok(())
    }
}

//! The top level of an event's payload.

use std::borrow::Cow;
use std::hash::Hasher as _;

use super::json::{Fault, Reader};
use super::{ErrorCode, Limits, Rejection};

/// How many top-level fields an object may have: more than any signal needs, few enough to look for doubles.
const MAX_FIELDS: usize = 64;
/// The fields that the relay appends, so that the sender's own are left out.
const RESERVED: [&str; 3] = ["matchId", "from", "seq"];

/// An event's array, taken apart: `["name", payload, …]`. Arguments after the first are ignored, as handlers with one
/// parameter ignore them.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) name: Cow<'a, str>,
    /// The payload as it came; none from `null` and from nothing.
    pub(super) payload: Option<&'a str>,
    /// Its fields, when it is an object.
    fields: Fields<'a>,
    /// Whether it has a field twice, or too many.
    doubled: bool,
}

/// A part of an object, from the quote of a field's name to where the next field begins or the object ends.
pub(super) type Span = (u32, u32);

macro_rules! fields {
    ($($name:ident = $key:literal,)*) => {
        /// The fields that some event knows, as the JSON that they came in.
        #[derive(Debug, Default)]
        pub(super) struct Fields<'a> {
            $(pub(super) $name: Option<&'a str>,)*
            /// Where the sender's fields lie that the relay appends itself; what is not there is empty.
            pub(super) reserved: [Span; RESERVED.len()],
        }

        impl<'a> Fields<'a> {
            /// The place of a field that is known.
            fn slot(&mut self, key: &str) -> Option<&mut Option<&'a str>> {
                match key {
                    $($key => Some(&mut self.$name),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    sdp = "sdp",
    kind = "type",
    candidate = "candidate",
    sdp_m_line_index = "sdpMLineIndex",
    sdp_mid = "sdpMid",
    username_fragment = "usernameFragment",
    text = "text",
    match_id = "matchId",
    state = "state",
    candidate_type = "candidateType",
    protocol = "protocol",
    rtt_ms = "rttMs",
    reason = "reason",
    interests = "interests",
    language = "language",
    region = "region",
    mode = "mode",
}

impl<'a> Event<'a> {
    /// Takes an event's array apart, in one pass over its text.
    pub(super) fn read(args: &'a str, limits: &Limits) -> Result<Self, Rejection> {
        let mut event = Self::default();
        event.read_array(args, limits).map_err(|fault| {
            let message: Cow<'static, str> = match fault {
                Fault::Syntax => "an event is a JSON array of its name and at most one object".into(),
                Fault::TooDeep => format!("an event may be nested {} deep at most", limits.depth).into(),
            };
            Rejection::new(ErrorCode::InvalidPayload, message)
        })?;
        Ok(event)
    }

    fn read_array(&mut self, args: &'a str, limits: &Limits) -> Result<(), Fault> {
        let mut reader = Reader::new(args, limits.depth);
        if reader.peek() != Some(b'[') {
            return Err(Fault::Syntax);
        }
        reader.enter()?;
        self.name = unescape(reader.string()?).ok_or(Fault::Syntax)?;
        if reader.take(b',') {
            let payload = match reader.peek() {
                Some(b'{') => self.read_object(args, &mut reader)?,
                _ => reader.value()?,
            };
            self.payload = Some(payload).filter(|payload| *payload != "null");
        }
        while reader.take(b',') {
            reader.value()?;
        }
        reader.expect(b']')?;
        reader.end()
    }

    /// Reads the object that is next; answers its text.
    fn read_object(&mut self, args: &'a str, reader: &mut Reader<'a>) -> Result<&'a str, Fault> {
        let start = reader.position();
        reader.enter()?;
        let mut unknown = Vec::new();
        let mut count = 0;
        while reader.peek() == Some(b'"') {
            let from = reader.position() - start;
            let key = reader.string()?;
            reader.expect(b':')?;
            let value = reader.value()?;
            let more = reader.take(b',');
            // Where the next field begins, or the object ends.
            let next = reader.peek();
            count += 1;
            if count <= MAX_FIELDS {
                let key = unescape(key).ok_or(Fault::Syntax)?;
                self.put(&key, value, (from, reader.position() - start), &mut unknown);
            }
            match (more, next) {
                (true, Some(b'"')) => {}
                (false, _) => break,
                (true, _) => return Err(Fault::Syntax),
            }
        }
        reader.expect(b'}')?;
        reader.leave();
        self.doubled |= count > MAX_FIELDS;
        Ok(&args[start..reader.position()])
    }

    /// Takes note of a field.
    fn put(&mut self, key: &str, value: &'a str, span: (usize, usize), unknown: &mut Vec<u64>) {
        if let Some(place) = RESERVED.iter().position(|reserved| *reserved == key) {
            let place_in = |at: usize| u32::try_from(at).expect("a packet is far below 4 GiB");
            self.fields.reserved[place] = (place_in(span.0), place_in(span.1));
        }
        let before = match self.fields.slot(key) {
            Some(slot) => slot.replace(value).is_some(),
            None => {
                let name = fingerprint(key);
                let before = unknown.contains(&name);
                unknown.push(name);
                before
            }
        };
        self.doubled |= before;
    }

    /// The fields of the payload; none when there is no payload.
    pub(super) fn fields(&self) -> Result<Option<&Fields<'a>>, Rejection> {
        match self.payload {
            None => Ok(None),
            Some(_) if self.doubled => Err(Rejection::new(
                ErrorCode::InvalidPayload,
                "an object has each field once, and 64 of them at most",
            )),
            Some(object) if object.starts_with('{') => Ok(Some(&self.fields)),
            Some(_) => Err(Rejection::new(
                ErrorCode::InvalidPayload,
                "the payload is not an object",
            )),
        }
    }
}

/// A name as one number. Two names of one object with the same number are taken for the same: whoever looks for such a
/// pair has their own event refused.
fn fingerprint(key: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(key.as_bytes());
    hasher.finish()
}

/// A valid JSON string as text, borrowed where it has no escapes; none when it has no UTF-8, for it has lone surrogates.
fn unescape(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(json).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The value of a field that was given: `null` counts as left out.
pub(super) fn given(value: Option<&str>) -> Option<&str> {
    value.filter(|value| *value != "null")
}

/// The string of a field.
pub(super) fn text<'a>(value: &'a str, field: &'static str) -> Result<Cow<'a, str>, Rejection> {
    unescape(value).ok_or_else(|| Rejection::field(field, format!("{field} is not a string")))
}

/// Checks that a field is a string within its limit, and unescapes it only where that decides. Answers the string as it
/// stands in the JSON, without its quotes.
pub(super) fn bounded<'a>(json: &'a str, field: &'static str, limit: usize) -> Result<&'a str, Rejection> {
    let Some(inner) = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) else {
        return Err(Rejection::field(field, format!("{field} is not a string")));
    };
    if inner.len() > limit && length(json, inner) > limit {
        return Err(Rejection::too_large(field, limit));
    }
    Ok(inner)
}

/// Bytes of UTF-8 of a JSON string. Lone surrogates, which have no UTF-8, count as three bytes each.
fn length(json: &str, inner: &str) -> usize {
    match unescape(json) {
        Some(text) => text.len(),
        None => inner.len() - inner.matches("\\u").count() * 3,
    }
}

//! The top level of a payload object.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hasher as _;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{ErrorCode, Rejection};

/// How many top-level fields an object may have: more than any signal needs, few enough to look for doubles.
const MAX_FIELDS: usize = 64;

macro_rules! fields {
    ($($name:ident = $key:literal,)*) => {
        /// The fields that some event knows, as the JSON that they came in.
        #[derive(Debug, Default)]
        pub(super) struct Fields<'a> {
            $(pub(super) $name: Option<&'a RawValue>,)*
            /// Whether the sender's object has a field of a name that the relay appends.
            pub(super) reserved: bool,
        }

        impl<'a> Fields<'a> {
            fn put(&mut self, key: &str, value: &'a RawValue) {
                match key {
                    $($key => self.$name = Some(value),)*
                    _ => {}
                }
                self.reserved |= is_reserved(key);
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

/// Whether the relay appends a field of this name, so that the sender's own is left out.
pub(super) fn is_reserved(key: &str) -> bool {
    matches!(key, "matchId" | "from" | "seq")
}

/// Splits `["name", payload, …]`. Arguments after the first are ignored, as handlers with one parameter ignore them.
pub(super) fn split(args: &str) -> Result<(Cow<'_, str>, Option<&RawValue>), Rejection> {
    let mut json = serde_json::Deserializer::from_str(args);
    let split = json.deserialize_seq(Arguments);
    split.and_then(|split| json.end().map(|()| split)).map_err(|_| {
        Rejection::new(
            ErrorCode::InvalidPayload,
            "an event is a JSON array of its name and at most one object",
        )
    })
}

/// Reads the top level of an object; none from `null` and from nothing.
pub(super) fn read(payload: Option<&RawValue>) -> Result<Option<Fields<'_>>, Rejection> {
    let Some(payload) = payload.filter(|payload| payload.get() != "null") else {
        return Ok(None);
    };
    if !payload.get().starts_with('{') {
        return Err(Rejection::new(
            ErrorCode::InvalidPayload,
            "the payload is not an object",
        ));
    }
    let mut json = serde_json::Deserializer::from_str(payload.get());
    json.deserialize_map(Object).map(Some).map_err(|error| {
        // Only the visitor's own sentences; the parser's may quote the payload.
        let message = if error.is_data() {
            DOUBLED
        } else {
            "the payload is not valid JSON"
        };
        Rejection::new(ErrorCode::InvalidPayload, message)
    })
}

const DOUBLED: &str = "an object has each field once, and 64 of them at most";

struct Arguments;

impl<'a> Visitor<'a> for Arguments {
    type Value = (Cow<'a, str>, Option<&'a RawValue>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event's array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let Some(Name(name)) = items.next_element()? else {
            return Err(serde::de::Error::custom("no name"));
        };
        let payload = items.next_element()?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok((name, payload))
    }
}

struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Name<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_str(Text).map(Name)
    }
}

/// A string, borrowed where it has no escapes.
struct Text;

impl<'a> Visitor<'a> for Text {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct Object;

impl<'a> Visitor<'a> for Object {
    type Value = Fields<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        let mut known = [0_u64; MAX_FIELDS];
        let mut count = 0;
        while let Some((Name(key), value)) = map.next_entry::<Name<'a>, &'a RawValue>()? {
            let name = fingerprint(&key);
            if count == MAX_FIELDS || known[..count].contains(&name) {
                return Err(serde::de::Error::custom(DOUBLED));
            }
            known[count] = name;
            count += 1;
            fields.put(&key, value);
        }
        Ok(fields)
    }
}

/// A name as one number. Two names of one object with the same number are taken for the same: whoever looks for such a
/// pair has their own event refused.
fn fingerprint(key: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(key.as_bytes());
    hasher.finish()
}

/// The string of a field.
pub(super) fn text<'a>(value: &'a RawValue, field: &'static str) -> Result<Cow<'a, str>, Rejection> {
    let mut json = serde_json::Deserializer::from_str(value.get());
    json.deserialize_str(Text)
        .map_err(|_| Rejection::field(field, format!("{field} is not a string")))
}

/// Checks that a field is a string within its limit, and unescapes it only where that decides. Answers the string as it
/// stands in the JSON, without its quotes.
pub(super) fn bounded<'a>(
    value: &'a RawValue,
    field: &'static str,
    limit: usize,
) -> Result<&'a str, Rejection> {
    let json = value.get();
    let Some(inner) = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) else {
        return Err(Rejection::field(field, format!("{field} is not a string")));
    };
    if inner.len() > limit && length(value, inner) > limit {
        return Err(Rejection::too_large(field, limit));
    }
    Ok(inner)
}

/// Bytes of UTF-8 of a JSON string. Lone surrogates, which have no UTF-8, count as three bytes each.
fn length(value: &RawValue, inner: &str) -> usize {
    match serde_json::from_str::<Cow<'_, str>>(value.get()) {
        Ok(text) => text.len(),
        Err(_) => inner.len() - inner.matches("\\u").count() * 3,
    }
}

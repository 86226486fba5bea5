//! What two people send each other, and what they report of their call.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem;

use super::fields::{self, Fields, Span, given};
use super::{Limits, Rejection, Target};

/// A kind of signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalKind {
    /// A session description that asks for an answer.
    Offer,
    /// A session description that answers an offer.
    Answer,
    /// An ICE candidate, or the end of candidates.
    Candidate,
    /// A text for people.
    ChatMessage,
}

impl SignalKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Offer, Self::Answer, Self::Candidate, Self::ChatMessage];

    /// The event's name.
    #[must_use]
    pub fn event(self) -> &'static str {
        match self {
            Self::Offer => "webrtc_offer",
            Self::Answer => "webrtc_answer",
            Self::Candidate => "webrtc_ice_candidate",
            Self::ChatMessage => "chat_message",
        }
    }
}

/// A signal that may be relayed: checked, and as the bytes that it came in.
#[derive(Debug)]
pub struct Signal<'a> {
    /// What it is.
    pub kind: SignalKind,
    /// Which match it is for.
    pub target: Target<'a>,
    /// The sender's object.
    pub body: Body<'a>,
    /// The candidate's or the description's text, escapes and all.
    line: &'a str,
    fragment: Option<Cow<'a, str>>,
}

impl<'a> Signal<'a> {
    pub(super) fn parse(
        kind: SignalKind,
        object: &'a str,
        fields: &Fields<'a>,
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let target = Target::parse(fields)?;
        let body = Body {
            object,
            reserved: fields.reserved,
        };
        let (line, fragment) = match kind {
            SignalKind::Offer | SignalKind::Answer => (description(kind, fields, limits)?, None),
            SignalKind::Candidate => candidate(fields, limits)?,
            SignalKind::ChatMessage => (text(fields, limits)?, None),
        };
        Ok(Self {
            kind,
            target,
            body,
            line,
            fragment,
        })
    }

    /// The ICE username fragment of a candidate, from its field or its line (RFC 8839 section 5.4).
    #[must_use]
    pub fn ufrag(&self) -> Option<&str> {
        self.fragment.as_deref()
    }

    /// The ICE username fragments of a description, one of each `a=ice-ufrag` line.
    pub fn ufrags(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        static ESCAPE: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("\\u"));
        // Some encoders write signs such as `=` as numbers; then nothing can be found before it is decoded.
        let decoded = ESCAPE
            .find(self.line.as_bytes())
            .and_then(|_| serde_json::from_str::<String>(&format!("\"{}\"", self.line)).ok());
        let line = if decoded.is_some() { "" } else { self.line };
        let of_decoded: Vec<Cow<'a, str>> = decoded.map_or(Vec::new(), |text| {
            fragments(&text)
                .map(|fragment| fragment.into_owned().into())
                .collect()
        });
        of_decoded.into_iter().chain(fragments(line))
    }

    /// Whether this is a description with media of its own: a rollback has none.
    #[must_use]
    pub fn describes(&self) -> bool {
        matches!(self.kind, SignalKind::Offer | SignalKind::Answer) && !self.line.is_empty()
    }
}

const UFRAG_WORD: &str = " ufrag ";

fn fragments(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    const ATTRIBUTE: &str = "a=ice-ufrag:";
    static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(ATTRIBUTE));
    FINDER
        .find_iter(text.as_bytes())
        .map(|at| word(&text[at + ATTRIBUTE.len()..]))
}

/// What stands before the next blank, line break or end, with its escapes decoded: an encoder may write `/` as `\/`, and
/// any sign by its number.
fn word(text: &str) -> Cow<'_, str> {
    let stops = |sign: char| sign.is_ascii_whitespace() || sign == '\\';
    let end = text.find(stops).unwrap_or(text.len());
    if !text[end..].starts_with("\\/") && !text[end..].starts_with("\\u") {
        return Cow::Borrowed(&text[..end]);
    }
    let mut word = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(stops).unwrap_or(rest.len());
        word.push_str(&rest[..end]);
        rest = &rest[end..];
        let (sign, length) = if rest.starts_with("\\/") {
            (Some('/'), 2)
        } else {
            let number = rest.strip_prefix("\\u").and_then(|rest| rest.get(..4));
            let code = number.and_then(|number| u32::from_str_radix(number, 16).ok());
            (code.and_then(char::from_u32), 6)
        };
        match sign.filter(|sign| !sign.is_ascii_whitespace()) {
            Some(sign) => word.push(sign),
            None => return Cow::Owned(word),
        }
        rest = &rest[length..];
    }
}

/// Checks `{sdp, type}`. An offer's event carries an offer or takes one back, an answer's an answer, a provisional one or
/// a rollback (RTCSdpType, W3C WebRTC section 4.3.1); only a rollback does without SDP.
fn description<'a>(kind: SignalKind, fields: &Fields<'a>, limits: &Limits) -> Result<&'a str, Rejection> {
    let allowed: &[&str] = match kind {
        SignalKind::Offer => &["offer", "rollback"],
        _ => &["answer", "pranswer", "rollback"],
    };
    let given = fields.kind.map(|value| fields::text(value, "type")).transpose()?;
    let Some(given) = given.filter(|given| allowed.contains(&&**given)) else {
        return Err(Rejection::field(
            "type",
            format!("type is one of {}", allowed.join(", ")),
        ));
    };
    match fields.sdp {
        Some(sdp) => {
            let sdp = fields::bounded(sdp, "sdp", limits.sdp)?;
            if sdp.is_empty() && given != "rollback" {
                return Err(Rejection::field("sdp", "sdp is empty"));
            }
            Ok(sdp)
        }
        None if given == "rollback" => Ok(""),
        None => Err(Rejection::field("sdp", "sdp is missing")),
    }
}

/// Checks `{candidate, sdpMLineIndex, sdpMid, usernameFragment?}` (RTCIceCandidateInit): an index and a mid that are left
/// out are null, and the empty candidate ends them.
fn candidate<'a>(fields: &Fields<'a>, limits: &Limits) -> Result<(&'a str, Option<Cow<'a, str>>), Rejection> {
    let Some(line) = fields.candidate else {
        return Err(Rejection::field("candidate", "candidate is missing"));
    };
    let line = fields::bounded(line, "candidate", limits.candidate)?;
    if let Some(index) = given(fields.sdp_m_line_index)
        && index.parse::<u16>().is_err()
    {
        return Err(Rejection::field(
            "sdpMLineIndex",
            "sdpMLineIndex is a whole number from 0 to 65535, or null",
        ));
    }
    if let Some(mid) = given(fields.sdp_mid) {
        fields::bounded(mid, "sdpMid", 256)?;
    }
    let own = match given(fields.username_fragment) {
        Some(fragment) => Some(word(fields::bounded(fragment, "usernameFragment", 256)?)),
        None => memmem::find(line.as_bytes(), UFRAG_WORD.as_bytes())
            .map(|at| word(&line[at + UFRAG_WORD.len()..])),
    };
    Ok((line, own.filter(|fragment| !fragment.is_empty())))
}

fn text<'a>(fields: &Fields<'a>, limits: &Limits) -> Result<&'a str, Rejection> {
    let Some(text) = fields.text else {
        return Err(Rejection::field("text", "text is missing"));
    };
    let text = fields::bounded(text, "text", limits.text)?;
    if text.is_empty() {
        return Err(Rejection::field("text", "text is empty"));
    }
    Ok(text)
}

/// The sender's object, which is relayed with its fields untouched.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    object: &'a str,
    reserved: [Span; 3],
}

impl Body<'_> {
    /// Appends the object without its closing brace, ready for another field. The top-level fields `matchId`, `from` and
    /// `seq` are left out: the relay's own follow.
    pub fn write_fields(&self, out: &mut Vec<u8>) {
        let object = self.object.strip_suffix('}').unwrap_or(self.object).as_bytes();
        let mut reserved = self.reserved;
        reserved.sort_unstable();
        let mut at = 0;
        for (from, to) in reserved {
            if let Some(kept) = object.get(at..from as usize) {
                out.extend_from_slice(kept);
                at = to as usize;
            }
        }
        out.extend_from_slice(object.get(at..).unwrap_or_default());
        // What is left out last leaves the comma before it.
        let end = out.trim_ascii_end().len();
        out.truncate(end);
        if !matches!(out.last(), Some(b'{' | b',')) {
            out.push(b',');
        }
    }
}

/// A client's report of its call. Words that are not known count as `other`, so that no client can make up labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IceReport {
    /// RTCIceConnectionState or RTCPeerConnectionState.
    pub state: IceState,
    /// The kind of the selected local candidate.
    pub candidate_type: Option<CandidateType>,
    /// What the media goes over.
    pub protocol: Option<Protocol>,
    /// The measured round trip in milliseconds.
    pub rtt_ms: Option<f64>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
            /// Any other word.
            Other,
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)* Self::Other];

            /// The word, for labels.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other => "other",
                }
            }

            fn of(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    _ => Self::Other,
                }
            }
        }
    };
}

words! {
    /// The state of a call's transport.
    IceState {
        New = "new",
        Checking = "checking",
        Connecting = "connecting",
        Connected = "connected",
        Completed = "completed",
        Disconnected = "disconnected",
        Failed = "failed",
        Closed = "closed",
    }
}

words! {
    /// The kind of a candidate (RFC 8445 section 5.1.1).
    CandidateType {
        Host = "host",
        ServerReflexive = "srflx",
        PeerReflexive = "prflx",
        Relay = "relay",
    }
}

words! {
    /// What media goes over.
    Protocol {
        Udp = "udp",
        Tcp = "tcp",
        Tls = "tls",
    }
}

impl IceReport {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self, Rejection> {
        let word = |value: Option<&str>, field| match given(value) {
            Some(value) => fields::text(value, field).map(|word| Some(word.to_ascii_lowercase())),
            None => Ok(None),
        };
        let Some(state) = word(fields.state, "state")? else {
            return Err(Rejection::field("state", "state is missing"));
        };
        let rtt_ms = match given(fields.rtt_ms) {
            Some(value) => Some(
                value
                    .parse::<f64>()
                    .ok()
                    .filter(|rtt| rtt.is_finite() && *rtt >= 0.0)
                    .ok_or_else(|| {
                        Rejection::field("rttMs", "rttMs is a number of milliseconds from 0 up")
                    })?,
            ),
            None => None,
        };
        Ok(Self {
            state: IceState::of(&state),
            candidate_type: word(fields.candidate_type, "candidateType")?
                .map(|word| CandidateType::of(&word)),
            protocol: word(fields.protocol, "protocol")?.map(|word| Protocol::of(&word)),
            rtt_ms,
        })
    }
}

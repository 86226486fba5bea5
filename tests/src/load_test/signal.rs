//! What two people send each other: descriptions and candidates of the size and shape that browsers make, each with a
//! number of its own in it, which is the moment when it was sent.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::Write as _;

use signaling_core::history::Kind;

/// The candidates that each side of a call sends.
pub(super) const CANDIDATES: u32 = 20;

/// Where a field of the relay's own begins, behind the sender's.
const RELAYED: &str = ",\"matchId\":\"";

/// The event of a kind of signal.
pub(super) fn event(kind: Kind) -> &'static str {
    match kind {
        Kind::Offer => "webrtc_offer",
        Kind::Answer => "webrtc_answer",
        Kind::Candidate => "webrtc_ice_candidate",
        Kind::Text => "chat_message",
    }
}

/// Appends an offer or answer with this number, without the closing brace.
pub(super) fn write_description(kind: Kind, number: u64, out: &mut Vec<u8>) {
    let (name, setup) = match kind {
        Kind::Answer => ("answer", "active"),
        _ => ("offer", "actpass"),
    };
    write!(
        out,
        r#"{{"type":"{name}","sdp":"v=0\r\no=- {number} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"#
    )
    .expect("a Vec takes every byte");
    out.extend_from_slice(br"a=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n");
    for (mid, media) in MEDIA.into_iter().enumerate() {
        write!(
            out,
            r"m={}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:{number}\r\na=ice-pwd:{PASSWORD}\r\n",
            media.line
        )
        .expect("a Vec takes every byte");
        write!(
            out,
            r"a=ice-options:trickle\r\na=fingerprint:sha-256 {FINGERPRINT}\r\na=setup:{setup}\r\na=mid:{mid}\r\n"
        )
        .expect("a Vec takes every byte");
        out.extend_from_slice(media.rest.as_bytes());
    }
    out.push(b'"');
}

/// Appends candidate `index` with this number, of the description with that number, without the closing brace.
pub(super) fn write_candidate(number: u64, description: u64, index: u32, out: &mut Vec<u8>) {
    let (kind, priority) = match index % 3 {
        0 => ("host", 2_122_260_223),
        1 => ("srflx raddr 192.0.2.1 rport 50000", 1_686_052_607),
        _ => ("relay raddr 203.0.113.7 rport 50000", 41_819_903),
    };
    write!(
        out,
        r#"{{"candidate":"candidate:{number} 1 udp {priority} 198.51.100.{index} {port} typ {kind} generation 0 ufrag "#,
        port = 50_000 + index
    )
    .expect("a Vec takes every byte");
    write!(
        out,
        r#"{description} network-cost 999","sdpMLineIndex":0,"sdpMid":"0","usernameFragment":"{description}""#
    )
    .expect("a Vec takes every byte");
}

/// Appends a text with this number, without the closing brace.
pub(super) fn write_text(number: u64, out: &mut Vec<u8>) {
    write!(out, r#"{{"text":"text {number}""#).expect("a Vec takes every byte");
}

/// What tells one content from every other, to the last byte.
pub(super) fn fingerprint(kind: Kind, body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(kind as u8);
    hasher.write(body);
    hasher.finish()
}

/// A signal as the partner gets it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Relayed<'a> {
    /// The sender's object, without its closing brace.
    pub(super) body: &'a str,
    /// The number in it.
    pub(super) number: u64,
    pub(super) match_id: &'a str,
    pub(super) from: &'a str,
    pub(super) seq: u64,
}

/// Takes a relayed object apart; none for what is no signal of ours with the relay's three fields behind it.
pub(super) fn read(kind: Kind, object: &str) -> Option<Relayed<'_>> {
    let (body, rest) = object.rsplit_once(RELAYED)?;
    let (match_id, rest) = rest.split_once('"')?;
    let (from, rest) = rest.strip_prefix(",\"from\":\"")?.split_once('"')?;
    let seq = rest.strip_prefix(",\"seq\":")?.strip_suffix('}')?;
    let before = match kind {
        Kind::Candidate => "candidate:",
        Kind::Text => "text ",
        _ => "o=- ",
    };
    let (_, numbered) = body.split_once(before)?;
    let number = numbered.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some(Relayed {
        body,
        number: number.parse().ok()?,
        match_id,
        from,
        seq: seq.parse().ok()?,
    })
}

const PASSWORD: &str = "kJ8mX2vQ9rT4wZ7yB1nC5dF3";
const FINGERPRINT: &str = "3F:A1:07:5C:9E:22:D4:6B:80:F7:13:C8:4A:B5:6D:E9:\
                           71:0C:F2:88:35:DA:47:9B:EE:16:C3:58:04:AF:72:B1";

/// One section of a description.
struct Media {
    line: &'static str,
    rest: &'static str,
}

/// Audio and video as browsers offer them, about 2 KB together.
const MEDIA: [Media; 2] = [
    Media {
        line: "audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110",
        rest: concat!(
            r"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
            r"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
            r"a=sendrecv\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
            r"a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n",
            r"a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n",
            r"a=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n",
            r"a=ssrc:2418079332 cname:stream\r\na=ssrc:2418079332 msid:stream audio\r\n",
        ),
    },
    Media {
        line: "video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 45 46",
        rest: concat!(
            r"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:14 urn:ietf:params:rtp-hdrext:toffset\r\n",
            r"a=sendrecv\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
            r"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\n",
            r"a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
            r"a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 transport-cc\r\na=rtcp-fb:102 nack pli\r\n",
            r"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n",
            r"a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\na=rtpmap:45 AV1/90000\r\na=rtcp-fb:45 nack pli\r\n",
            r"a=rtpmap:46 rtx/90000\r\na=fmtp:46 apt=45\r\na=ssrc-group:FID 3570614608 4231627014\r\n",
            r"a=ssrc:3570614608 cname:stream\r\na=ssrc:3570614608 msid:stream video\r\n",
        ),
    },
];

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use signaling_core::event::{Limits, parse};

    use super::*;

    fn bodies() -> Vec<(Kind, String)> {
        [Kind::Offer, Kind::Answer, Kind::Candidate, Kind::Text]
            .map(|kind| {
                let mut body = Vec::new();
                match kind {
                    Kind::Candidate => write_candidate(7_654_321, 7_000_000, 4, &mut body),
                    Kind::Text => write_text(7_000_000, &mut body),
                    _ => write_description(kind, 7_000_000, &mut body),
                }
                (kind, String::from_utf8(body).unwrap())
            })
            .into()
    }

    #[test]
    fn what_is_sent_is_what_the_service_takes() {
        for (kind, body) in bodies() {
            let packet = format!("[\"{}\",{body}}}]", event(kind));
            parse(&packet, &Limits::default()).unwrap();
        }
    }

    #[test]
    fn a_description_has_the_size_of_a_browsers() {
        for (kind, body) in bodies().into_iter().filter(|(kind, _)| *kind != Kind::Text) {
            let expected = if kind == Kind::Candidate {
                150..350
            } else {
                1_800..3_000
            };
            assert!(
                expected.contains(&body.len()),
                "{kind:?} has {} bytes",
                body.len()
            );
        }
    }

    #[test]
    fn a_relayed_signal_is_taken_apart() {
        for (kind, body) in bodies() {
            let object = format!("{body},\"matchId\":\"m\",\"from\":\"f\",\"seq\":12}}");
            let relayed = read(kind, &object).unwrap();
            assert_eq!((relayed.body, relayed.seq), (&*body, 12));
            assert_eq!((relayed.match_id, relayed.from), ("m", "f"));
            let number = if kind == Kind::Candidate {
                7_654_321
            } else {
                7_000_000
            };
            assert_eq!(relayed.number, number);
            let value: Value = serde_json::from_str(&object).unwrap();
            assert_eq!(value["seq"], 12);
            assert_eq!(read(kind, &format!("{body}}}")), None);
        }
    }

    #[test]
    fn a_changed_byte_is_another_content() {
        let one = fingerprint(Kind::Offer, b"{\"sdp\":\"a\"");
        assert_ne!(one, fingerprint(Kind::Offer, b"{\"sdp\":\"b\""));
        assert_ne!(one, fingerprint(Kind::Answer, b"{\"sdp\":\"a\""));
    }
}

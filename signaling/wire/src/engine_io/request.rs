//! What an HTTP request asks of the engine, and the refusals of the reference server.

use super::open::{Transport, Transports};

/// The method of a request, as far as the protocol tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Opens a session, or receives.
    Get,
    /// Sends.
    Post,
    /// Any other.
    Other,
}

/// A request that is well-formed. Whether its session exists is for the caller to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// A new session on this transport.
    Open(Transport),
    /// Packets for the client of session `sid`, when there are any.
    Poll {
        /// The session.
        sid: &'a str,
    },
    /// Packets from the client of session `sid`.
    Post {
        /// The session.
        sid: &'a str,
    },
    /// A WebSocket that session `sid` is to move to.
    Upgrade {
        /// The session.
        sid: &'a str,
    },
}

/// Why a request is refused, in the numbers and words of the reference server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The query names no transport, or one that is not offered.
    #[error("Transport unknown")]
    TransportUnknown,
    /// No such session, or no more.
    #[error("Session ID unknown")]
    SessionUnknown,
    /// A session is opened with GET.
    #[error("Bad handshake method")]
    BadHandshakeMethod,
    /// Not a request of this protocol, or not one for the transport that the session is on.
    #[error("Bad request")]
    BadRequest,
    /// Not revision 4 of the protocol.
    #[error("Unsupported protocol version")]
    UnsupportedProtocolVersion,
}

impl Refusal {
    /// The HTTP status that all refusals have.
    pub const STATUS: u16 = 400;

    /// The number in the body.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::TransportUnknown => 0,
            Self::SessionUnknown => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest => 3,
            Self::UnsupportedProtocolVersion => 5,
        }
    }

    /// The body of the answer, JSON.
    #[must_use]
    pub fn body(self) -> &'static str {
        match self {
            Self::TransportUnknown => r#"{"code":0,"message":"Transport unknown"}"#,
            Self::SessionUnknown => r#"{"code":1,"message":"Session ID unknown"}"#,
            Self::BadHandshakeMethod => r#"{"code":2,"message":"Bad handshake method"}"#,
            Self::BadRequest => r#"{"code":3,"message":"Bad request"}"#,
            Self::UnsupportedProtocolVersion => r#"{"code":5,"message":"Unsupported protocol version"}"#,
        }
    }
}

impl<'a> Request<'a> {
    /// Reads the query of a request that came with `method`, and with a WebSocket's upgrade headers or not.
    ///
    /// The checks are in the order of the reference server, so that a request with two faults is refused for the same.
    ///
    /// # Errors
    /// The refusal to answer with. An empty `sid` counts as none.
    pub fn parse(
        method: Method,
        query: &'a str,
        websocket: bool,
        offered: Transports,
    ) -> Result<Self, Refusal> {
        let transport = parameter(query, "transport")
            .and_then(|name| offered.find(name))
            .ok_or(Refusal::TransportUnknown)?;
        let fits = websocket == (transport == Transport::WebSocket);
        let version = parameter(query, "EIO") == Some("4");
        match parameter(query, "sid").filter(|sid| !sid.is_empty()) {
            Some(_) if !fits => Err(Refusal::BadRequest),
            // The reference server lets this pass. By the document every request names the version.
            Some(_) if !version => Err(Refusal::UnsupportedProtocolVersion),
            Some(sid) => match method {
                Method::Get if websocket => Ok(Self::Upgrade { sid }),
                Method::Get => Ok(Self::Poll { sid }),
                Method::Post if !websocket => Ok(Self::Post { sid }),
                _ => Err(Refusal::BadRequest),
            },
            None if method != Method::Get => Err(Refusal::BadHandshakeMethod),
            None if !fits => Err(Refusal::BadRequest),
            None if !version => Err(Refusal::UnsupportedProtocolVersion),
            None => Ok(Self::Open(transport)),
        }
    }
}

/// The value of the first parameter of that name, as it stands: none of those that the protocol knows needs escaping.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(method: Method, query: &str, websocket: bool) -> Result<Request<'_>, Refusal> {
        Request::parse(method, query, websocket, Transports::ALL)
    }

    #[test]
    fn each_kind_of_request_is_told_by_query_method_and_headers() {
        use Method::{Get, Post};
        assert_eq!(
            parse(Get, "EIO=4&transport=polling", false),
            Ok(Request::Open(Transport::Polling))
        );
        assert_eq!(
            parse(Get, "EIO=4&transport=websocket", true),
            Ok(Request::Open(Transport::WebSocket))
        );
        assert_eq!(
            parse(Get, "EIO=4&transport=polling&sid=", false),
            Ok(Request::Open(Transport::Polling))
        );
        assert_eq!(
            parse(Get, "EIO=4&transport=polling&sid=a&t=x", false),
            Ok(Request::Poll { sid: "a" })
        );
        assert_eq!(
            parse(Post, "EIO=4&transport=polling&sid=a", false),
            Ok(Request::Post { sid: "a" })
        );
        assert_eq!(
            parse(Get, "EIO=4&transport=websocket&sid=a", true),
            Ok(Request::Upgrade { sid: "a" })
        );
    }

    #[test]
    fn a_request_is_refused_for_the_same_fault_as_by_the_reference_server() {
        use Method::{Get, Other, Post};
        let faults = [
            (Get, "EIO=4", false, Refusal::TransportUnknown),
            (Get, "EIO=4&transport=abc", false, Refusal::TransportUnknown),
            (
                Get,
                "EIO=4&transport=webtransport",
                true,
                Refusal::TransportUnknown,
            ),
            (
                Post,
                "EIO=4&transport=polling",
                false,
                Refusal::BadHandshakeMethod,
            ),
            (
                Other,
                "EIO=4&transport=polling",
                false,
                Refusal::BadHandshakeMethod,
            ),
            (Other, "EIO=4&transport=polling&sid=a", false, Refusal::BadRequest),
            (Get, "EIO=4&transport=websocket", false, Refusal::BadRequest),
            (Get, "EIO=4&transport=websocket&sid=a", false, Refusal::BadRequest),
            (Get, "EIO=4&transport=polling&sid=a", true, Refusal::BadRequest),
            (
                Get,
                "transport=polling",
                false,
                Refusal::UnsupportedProtocolVersion,
            ),
            (
                Get,
                "EIO=3&transport=polling",
                false,
                Refusal::UnsupportedProtocolVersion,
            ),
            (
                Get,
                "EIO=abc&transport=websocket",
                true,
                Refusal::UnsupportedProtocolVersion,
            ),
        ];
        for (method, query, websocket, refusal) in faults {
            assert_eq!(
                parse(method, query, websocket),
                Err(refusal),
                "{method:?} {query}"
            );
        }
    }

    #[test]
    fn a_transport_that_is_not_offered_is_unknown() {
        let websocket_only = Transports {
            polling: false,
            websocket: true,
        };
        let request = Request::parse(Method::Get, "EIO=4&transport=polling", false, websocket_only);
        assert_eq!(request, Err(Refusal::TransportUnknown));
    }

    #[test]
    fn the_body_of_a_refusal_holds_its_code_and_words() {
        for refusal in [
            Refusal::TransportUnknown,
            Refusal::SessionUnknown,
            Refusal::BadHandshakeMethod,
            Refusal::BadRequest,
            Refusal::UnsupportedProtocolVersion,
        ] {
            let body: serde_json::Value = serde_json::from_str(refusal.body()).unwrap();
            assert_eq!(body["code"], refusal.code());
            assert_eq!(body["message"], refusal.to_string());
        }
    }

    proptest! {
        #[test]
        fn an_arbitrary_query_never_panics(query in ".{0,80}", websocket: bool) {
            let _ = parse(Method::Get, &query, websocket);
        }
    }
}

//! The labels of metrics: closed sets, so that no client can make a series.

/// A closed set of label values.
pub trait Label: Copy + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// Every value, in the order of [`index`](Self::index).
    const ALL: &'static [Self];

    /// The value as Prometheus sees it.
    fn as_str(self) -> &'static str;

    /// The value's place in [`ALL`](Self::ALL).
    fn index(self) -> usize;
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident, $label:literal { $($(#[$value_doc:meta])* $value:ident = $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl Label for $name {
            const NAME: &'static str = $label;
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    )+};
}

labels! {
    /// What a relayed signal is.
    SignalKind, "type" {
        /// `webrtc_offer`.
        Offer = "offer",
        /// `webrtc_answer`.
        Answer = "answer",
        /// `webrtc_ice_candidate`.
        IceCandidate = "ice_candidate",
        /// `chat_message`.
        ChatMessage = "chat_message",
    }

    /// The code of an error told to a client, or what went wrong beneath the events.
    ErrorKind, "type" {
        /// A payload that is not what the event takes.
        InvalidPayload = "invalid_payload",
        /// A payload beyond its limit.
        PayloadTooLarge = "payload_too_large",
        /// An event that needs a partner.
        NotMatched = "not_matched",
        /// An event that needs no partner.
        AlreadyMatched = "already_matched",
        /// An event out of its order.
        InvalidState = "invalid_state",
        /// More events than the limit allows.
        RateLimited = "rate_limited",
        /// A token that is missing or not valid.
        Unauthorized = "unauthorized",
        /// No room for another connection.
        Capacity = "capacity",
        /// Something that this pod needs is away.
        Unavailable = "unavailable",
        /// This pod is going.
        Draining = "draining",
        /// An event that this service does not know.
        UnknownEvent = "unknown_event",
        /// A fault of the service.
        Internal = "internal",
        /// Bytes that break WebSocket, Engine.IO or Socket.IO.
        Protocol = "protocol",
    }

    /// How a search for a partner ended: every `find_match` ends in exactly one of these.
    SearchOutcome, "outcome" {
        /// With a partner.
        Matched = "matched",
        /// By `cancel_match`.
        Cancelled = "cancelled",
        /// By `match_timeout`.
        Timeout = "timeout",
        /// With the session.
        Disconnected = "disconnected",
    }

    /// Whether both persons of a match are on one pod.
    Placement, "same_pod" {
        /// They are.
        SamePod = "true",
        /// They are not.
        AcrossPods = "false",
    }

    /// Why a match ended.
    MatchEnd, "reason" {
        /// Someone left, or blocked the other.
        Left = "left",
        /// Someone went on to the next.
        Next = "next",
        /// Someone did not come back.
        Timeout = "timeout",
        /// The match could not be kept.
        Error = "error",
    }

    /// What became of a client that wanted its session back.
    ResumeOutcome, "outcome" {
        /// It has it, and nothing was missed.
        Recovered = "recovered",
        /// It has it, and was told to renegotiate.
        Renegotiate = "renegotiate",
        /// There was no such session any more.
        Failed = "failed",
        /// The token was not valid, or another user's.
        Refused = "refused",
    }

    /// How far ICE got, in the words of `RTCPeerConnection`.
    IceState, "state" {
        /// Nothing was tried yet.
        New = "new",
        /// Candidates are being checked.
        Checking = "checking",
        /// The connection is being made.
        Connecting = "connecting",
        /// There is a connection.
        Connected = "connected",
        /// And all candidates were checked.
        Completed = "completed",
        /// The connection was lost, for now.
        Disconnected = "disconnected",
        /// No connection could be made.
        Failed = "failed",
        /// The client is done.
        Closed = "closed",
    }

    /// The kind of the candidate that a call uses.
    CandidateType, "candidate_type" {
        /// An own address.
        Host = "host",
        /// An address that a STUN server saw.
        ServerReflexive = "srflx",
        /// An address that the peer saw.
        PeerReflexive = "prflx",
        /// A TURN server's.
        Relay = "relay",
        /// The client did not say.
        Unknown = "unknown",
    }

    /// How bytes travel between client and server.
    Transport, "transport" {
        /// WebSocket.
        Websocket = "websocket",
        /// HTTP long-polling.
        Polling = "polling",
    }

    /// How a connection closed.
    Closed, "how" {
        /// The client left.
        Left = "left",
        /// Properly, without leaving.
        Clean = "clean",
        /// It goes on at another pod, where its client has opened a WebSocket.
        Moved = "moved",
        /// The network lost it.
        Lost = "lost",
        /// No answer to a ping.
        PingTimeout = "ping_timeout",
        /// The client left too much unread.
        SlowReader = "slow_reader",
        /// The client broke the protocol.
        Protocol = "protocol",
        /// The pod drained it, or another connection took the session over.
        Server = "server",
    }

    /// Why a connection was refused.
    Refused, "reason" {
        /// The pod is full.
        Capacity = "capacity",
        /// The client's address has had too many.
        RateLimited = "rate_limited",
        /// The pod is going.
        Draining = "draining",
        /// Something that the pod needs is away.
        Unavailable = "unavailable",
        /// No valid token.
        Unauthorized = "unauthorized",
        /// The handshake was malformed or asked for what is not offered.
        BadHandshake = "bad_handshake",
    }

    /// What a limit counts.
    LimitScope, "scope" {
        /// New connections of an address.
        Connections = "connections",
        /// Plain HTTP requests of an address.
        Requests = "requests",
        /// `find_match` and its like, of a session.
        Matching = "matching",
        /// Signals of a session.
        Signals = "signals",
        /// Chat messages of a session.
        Text = "text",
        /// Everything else that a session sends.
        Events = "events",
    }

    /// Why a signal did not reach the partner.
    Dropped, "reason" {
        /// It was on its way when the partner's side of the match ended.
        Stale = "stale",
        /// It was held for its description, and the match ended first.
        Unclaimed = "unclaimed",
        /// More were held than there is room for; the sender was told.
        HeldFull = "held_full",
        /// The link to the partner's worker was full; the sender was told.
        LinkFull = "link_full",
    }

    /// What is asked of Redis.
    RedisOperation, "operation" {
        /// To connect, log in and subscribe.
        Connect = "connect",
        /// To read.
        Read = "read",
        /// To write.
        Write = "write",
        /// To run a script.
        Script = "script",
        /// To publish to other pods.
        Publish = "publish",
    }

    /// The class of an HTTP answer.
    StatusClass, "status" {
        /// It went well.
        Success = "2xx",
        /// It is elsewhere, or unchanged.
        Redirection = "3xx",
        /// The client asked for what it cannot have.
        ClientError = "4xx",
        /// The server could not.
        ServerError = "5xx",
    }
}

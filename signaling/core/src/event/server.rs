//! Events to clients.

use std::io::Write as _;

use serde::Serialize;

use super::Rejection;
use crate::id::{MatchId, PeerId, SessionId};

/// An event to a client, with the fields that the contract names.
#[derive(Clone, Copy, Debug)]
pub enum ServerEvent<'a> {
    /// `session`, after every connect.
    Session {
        /// The Socket.IO socket id.
        session_id: SessionId,
        /// What resumes this session.
        resume_token: &'a str,
        /// Whether it was resumed.
        resumed: bool,
        /// How long a lost client is waited for.
        resume_window_ms: u64,
        /// What the person is doing.
        state: State,
        /// In a match, which.
        in_match: Option<InMatch>,
    },
    /// `waiting`.
    Waiting {
        /// 1 for whoever is next.
        position: u32,
        /// A guess from recent waits.
        estimated_wait_ms: u64,
        /// When `match_timeout` comes.
        timeout_ms: u64,
    },
    /// `match_found`.
    MatchFound {
        /// The match.
        match_id: MatchId,
        /// The partner's name in it.
        peer_id: PeerId,
        /// Whether this side sends the offer.
        initiator: bool,
        /// JSON of the RTCIceServer array.
        ice_servers: &'a str,
        /// JSON of the criteria that the two agree in.
        criteria: &'a str,
    },
    /// `match_timeout`.
    MatchTimeout {
        /// How long the person waited.
        waited_ms: u64,
    },
    /// `peer_disconnected`.
    PeerDisconnected {
        /// The match that is over.
        match_id: MatchId,
        /// `left`, `next`, `timeout` or `error`.
        reason: &'a str,
    },
    /// `peer_reconnecting`.
    PeerReconnecting {
        /// The match.
        match_id: MatchId,
    },
    /// `peer_resumed`.
    PeerResumed {
        /// The match.
        match_id: MatchId,
        /// Whether signals may be missing.
        renegotiate: bool,
    },
    /// `ice_servers`.
    IceServers {
        /// JSON of the RTCIceServer array.
        ice_servers: &'a str,
    },
    /// `rate_limited`.
    RateLimited {
        /// What is limited.
        scope: &'a str,
        /// When the next event passes.
        retry_after_ms: u64,
    },
    /// `draining`.
    Draining {
        /// When to connect again.
        reconnect_in_ms: u64,
    },
    /// `error`.
    Error(&'a Rejection),
}

/// What a person is doing, as `session` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Neither waiting nor matched.
    Idle,
    /// In the queue.
    Waiting,
    /// In a match.
    Matched,
}

/// The match that a session is in.
#[derive(Clone, Copy, Debug)]
pub struct InMatch {
    /// The match.
    pub match_id: MatchId,
    /// The partner's name in it.
    pub peer_id: PeerId,
    /// Whether this side sends offers.
    pub initiator: bool,
    /// Whether signals may be missing.
    pub renegotiate: bool,
}

impl ServerEvent<'_> {
    /// Appends the event's JSON array without its closing bracket, so that an offset may follow.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_to(out).expect("a Vec takes every byte");
    }

    fn write_to(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        match *self {
            Self::Session { .. } => self.write_session(out),
            Self::Waiting { .. } | Self::MatchFound { .. } | Self::MatchTimeout { .. } => {
                self.write_search(out)
            }
            Self::PeerDisconnected { .. } | Self::PeerReconnecting { .. } | Self::PeerResumed { .. } => {
                self.write_peer(out)
            }
            Self::IceServers { ice_servers } => {
                write!(out, r#"["ice_servers",{{"iceServers":{ice_servers}}}"#)
            }
            Self::RateLimited {
                scope,
                retry_after_ms,
            } => {
                write!(out, r#"["rate_limited",{{"scope":"{scope}","#)?;
                write!(out, r#""retryAfterMs":{retry_after_ms}}}"#)
            }
            Self::Draining { reconnect_in_ms } => {
                write!(out, r#"["draining",{{"reconnectInMs":{reconnect_in_ms}}}"#)
            }
            Self::Error(rejection) => {
                out.extend_from_slice(br#"["error","#);
                write_rejection(rejection, out)
            }
        }
    }

    fn write_session(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        let Self::Session {
            session_id,
            resume_token,
            resumed,
            resume_window_ms,
            state,
            in_match,
        } = *self
        else {
            return Ok(());
        };
        write!(out, r#"["session",{{"sessionId":"{session_id}","#)?;
        write!(out, r#""resumeToken":"{resume_token}","resumed":{resumed},"#)?;
        write!(out, r#""resumeWindowMs":{resume_window_ms},"state":"#)?;
        serde_json::to_writer(&mut *out, &state)?;
        if let Some(InMatch {
            match_id,
            peer_id,
            initiator,
            renegotiate,
        }) = in_match
        {
            write!(out, r#","matchId":"{match_id}","peerId":"{peer_id}","#)?;
            write!(out, r#""initiator":{initiator},"renegotiate":{renegotiate}"#)?;
        }
        write!(out, "}}")
    }

    /// How the search for a partner goes, and ends.
    fn write_search(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        match *self {
            Self::Waiting {
                position,
                estimated_wait_ms,
                timeout_ms,
            } => {
                write!(out, r#"["waiting",{{"position":{position},"#)?;
                write!(
                    out,
                    r#""estimatedWaitMs":{estimated_wait_ms},"timeoutMs":{timeout_ms}}}"#
                )
            }
            Self::MatchFound {
                match_id,
                peer_id,
                initiator,
                ice_servers,
                criteria,
            } => {
                write!(
                    out,
                    r#"["match_found",{{"matchId":"{match_id}","peerId":"{peer_id}","#
                )?;
                write!(out, r#""initiator":{initiator},"iceServers":{ice_servers},"#)?;
                write!(out, r#""criteria":{criteria}}}"#)
            }
            Self::MatchTimeout { waited_ms } => {
                write!(out, r#"["match_timeout",{{"waitedMs":{waited_ms}}}"#)
            }
            _ => Ok(()),
        }
    }

    /// What becomes of the partner.
    fn write_peer(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        match *self {
            Self::PeerDisconnected { match_id, reason } => {
                write!(
                    out,
                    r#"["peer_disconnected",{{"matchId":"{match_id}","reason":"{reason}"}}"#
                )
            }
            Self::PeerReconnecting { match_id } => {
                write!(out, r#"["peer_reconnecting",{{"matchId":"{match_id}"}}"#)
            }
            Self::PeerResumed {
                match_id,
                renegotiate,
            } => {
                write!(
                    out,
                    r#"["peer_resumed",{{"matchId":"{match_id}","renegotiate":{renegotiate}}}"#
                )
            }
            _ => Ok(()),
        }
    }
}

/// Appends the acknowledgement `[{"ok":true}]`.
pub fn write_ack_ok(out: &mut Vec<u8>) {
    out.extend_from_slice(br#"[{"ok":true}]"#);
}

/// Appends the acknowledgement of `ice_servers`, with the JSON of the RTCIceServer array.
pub fn write_ack_ice_servers(ice_servers: &str, out: &mut Vec<u8>) {
    write!(out, r#"[{{"ok":true,"iceServers":{ice_servers}}}]"#).expect("a Vec takes every byte");
}

/// Appends the acknowledgement of a refused event.
pub fn write_ack_error(rejection: &Rejection, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"[{"ok":false,"error":"#);
    write_rejection(rejection, out).expect("a Vec takes every byte");
    out.extend_from_slice(b"}]");
}

fn write_rejection(rejection: &Rejection, out: &mut Vec<u8>) -> std::io::Result<()> {
    write!(out, r#"{{"code":"{}","message":"#, rejection.code.as_str())?;
    serde_json::to_writer(&mut *out, &rejection.message)?;
    if let Some(field) = rejection.field {
        write!(out, r#","field":"{field}""#)?;
    }
    out.push(b'}');
    Ok(())
}

//! What the server tells, as far as a person here looks at it.

use std::borrow::Cow;

use serde::Deserialize;

/// `session`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session<'a> {
    pub(super) session_id: &'a str,
    #[serde(borrow)]
    pub(super) resume_token: Cow<'a, str>,
    pub(super) resumed: bool,
    pub(super) state: State,
    pub(super) match_id: Option<&'a str>,
    #[serde(default)]
    pub(super) renegotiate: bool,
}

/// What a session is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Idle,
    Waiting,
    Matched,
}

/// `match_found`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found<'a> {
    pub(super) match_id: &'a str,
    pub(super) peer_id: &'a str,
    pub(super) initiator: bool,
}

/// `peer_disconnected`, `peer_reconnecting`, `peer_resumed`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Peer<'a> {
    pub(super) match_id: &'a str,
    #[serde(default)]
    pub(super) renegotiate: bool,
}

/// `draining`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Draining {
    pub(super) reconnect_in_ms: u64,
}

/// `error`, and the error of an acknowledgement
#[derive(Debug, Deserialize)]
pub(super) struct Failure<'a> {
    #[serde(borrow)]
    pub(super) code: Cow<'a, str>,
}

/// An acknowledgement.
#[derive(Debug, Deserialize)]
struct Acknowledgement<'a> {
    ok: bool,
    #[serde(borrow)]
    error: Option<Failure<'a>>,
}

/// Reads an acknowledgement's arguments: the error's code, if it is one.
pub(super) fn acknowledged(args: &str) -> Result<(), Cow<'_, str>> {
    // Nearly all are this one.
    if args == r#"[{"ok":true}]"# {
        return Ok(());
    }
    match serde_json::from_str::<[Acknowledgement<'_>; 1]>(args) {
        Ok([Acknowledgement { ok: true, .. }]) => Ok(()),
        Ok(
            [
                Acknowledgement {
                    error: Some(Failure { code }),
                    ..
                },
            ],
        ) => Err(code),
        _ => Err("unreadable".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_is_ok_or_a_code() {
        assert_eq!(acknowledged(r#"[{"ok":true}]"#), Ok(()));
        assert_eq!(acknowledged(r#"[{"ok":true,"iceServers":[]}]"#), Ok(()));
        let refused = r#"[{"ok":false,"error":{"code":"not_matched","message":"no"}}]"#;
        assert_eq!(acknowledged(refused), Err("not_matched".into()));
        assert_eq!(acknowledged("[]"), Err("unreadable".into()));
    }
}

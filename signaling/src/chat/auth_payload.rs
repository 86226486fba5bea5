//! The CONNECT payload: what a client says of itself.

use serde::Deserialize;

/// The `auth` object of a Socket.IO client. Unknown fields are the application's own and ignored; a field of the wrong
/// type counts as absent, for a stale value in someone's storage must not lock them out. Numbers and flags may come as
/// text: the Java client's `auth` holds nothing else.
#[derive(Debug, Default, PartialEq)]
pub(super) struct AuthPayload {
    /// A JWT.
    pub(super) token: Option<String>,
    /// `session.resumeToken`, of clients that resume by themselves.
    pub(super) resume: Option<String>,
    /// The number of the partner's last signal seen.
    pub(super) seq: Option<u64>,
    /// Asks for offsets, as browsers get them.
    pub(super) recovery: bool,
    /// Socket.IO's private session id.
    pub(super) pid: Option<String>,
    /// Socket.IO's offset of the last event.
    pub(super) offset: Option<String>,
}

#[derive(Deserialize)]
struct Lenient {
    #[serde(default)]
    token: serde_json::Value,
    #[serde(default)]
    resume: serde_json::Value,
    #[serde(default)]
    seq: serde_json::Value,
    #[serde(default)]
    recovery: serde_json::Value,
    #[serde(default)]
    pid: serde_json::Value,
    #[serde(default)]
    offset: serde_json::Value,
}

impl AuthPayload {
    /// Reads the JSON text of a CONNECT payload; nothing from what is no object.
    pub(super) fn parse(json: Option<&str>) -> Self {
        let Some(Ok(auth)) = json.map(serde_json::from_str::<Lenient>) else {
            return Self::default();
        };
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        };
        Self {
            token: text(auth.token),
            resume: text(auth.resume),
            seq: number(&auth.seq),
            recovery: auth.recovery == true || auth.recovery == "true",
            pid: text(auth.pid),
            offset: text(auth.offset),
        }
    }

    /// The token of the session to come back to: Socket.IO's own wins.
    pub(super) fn session(&self) -> Option<&str> {
        self.pid.as_deref().or(self.resume.as_deref())
    }
}

/// A number, or its decimal digits.
fn number(value: &serde_json::Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_wrong_type_are_absent() {
        let auth = AuthPayload::parse(Some(
            r#"{"token":7,"resume":"r","seq":"four","recovery":1,"mine":[]}"#,
        ));
        assert_eq!(
            auth,
            AuthPayload {
                resume: Some("r".into()),
                ..AuthPayload::default()
            }
        );
        assert_eq!(AuthPayload::parse(Some("[]")), AuthPayload::default());
        assert_eq!(AuthPayload::parse(None), AuthPayload::default());
    }

    #[test]
    fn numbers_and_flags_may_be_text() {
        let auth = AuthPayload::parse(Some(r#"{"seq":"4","recovery":"true"}"#));
        assert_eq!((auth.seq, auth.recovery), (Some(4), true));
    }

    #[test]
    fn pid_wins_over_resume() {
        let auth = AuthPayload::parse(Some(r#"{"resume":"r","pid":"p","offset":"o","seq":3}"#));
        assert_eq!((auth.session(), auth.seq), (Some("p"), Some(3)));
    }
}

//! STUN and TURN servers for clients, with credentials that expire.
//!
//! The credentials follow coturn's `use-auth-secret` (draft-uberti-behave-turn-rest-00): the user name is
//! `expiry:name` with the expiry in Unix seconds, the password is base64(HMAC-SHA1(secret, user name)).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha1::Sha1;

use crate::time::Millis;

/// Which servers there are.
#[derive(Clone, Debug, Default)]
pub struct IceConfig {
    /// `stun:` URLs, for everybody.
    pub stun_urls: Vec<String>,
    /// `turn:` and `turns:` URLs.
    pub turn_urls: Vec<String>,
    /// The secret shared with the TURN servers; without one no TURN server is told. During a rotation the servers know
    /// two: new credentials are signed with the first.
    pub turn_secret: Option<String>,
    /// How long credentials are valid.
    pub ttl: Duration,
}

/// The servers for one person.
#[derive(Clone, Debug)]
pub struct Servers {
    /// JSON of an RTCIceServer array (W3C WebRTC section 4.2.4).
    pub json: String,
    /// When fresh credentials are due, at 80 % of their lifetime; none without credentials.
    pub refresh_at: Option<Millis>,
}

#[derive(Serialize)]
struct Server<'a> {
    urls: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
}

/// The servers for whoever `name` is, with credentials made now.
#[must_use]
pub fn servers(config: &IceConfig, name: &str, now: Millis) -> Servers {
    let mut servers = Vec::with_capacity(2);
    if !config.stun_urls.is_empty() {
        servers.push(Server {
            urls: &config.stun_urls,
            username: None,
            credential: None,
        });
    }
    let secret = config
        .turn_secret
        .as_deref()
        .filter(|_| !config.turn_urls.is_empty());
    let credentials = secret.map(|secret| {
        let username = format!("{}:{name}", (now + config.ttl).0 / 1000);
        let mut mac =
            Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(username.as_bytes());
        let credential = STANDARD.encode(mac.finalize().into_bytes());
        (username, credential)
    });
    if let Some((username, credential)) = &credentials {
        servers.push(Server {
            urls: &config.turn_urls,
            username: Some(username),
            credential: Some(credential),
        });
    }
    let json = serde_json::to_string(&servers).expect("strings are JSON");
    Servers {
        json,
        refresh_at: credentials.map(|_| now + config.ttl * 4 / 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_that_coturn_computes() {
        let config = IceConfig {
            stun_urls: vec!["stun:stun.example.org".into()],
            turn_urls: vec!["turn:turn.example.org?transport=udp".into()],
            turn_secret: Some("north".into()),
            ttl: Duration::from_secs(3600),
        };
        let servers = servers(&config, "peer", Millis(1_800_000_000_000));
        // printf '1800003600:peer' | openssl dgst -sha1 -hmac north -binary | base64
        let expected = concat!(
            r#"[{"urls":["stun:stun.example.org"]},{"urls":["turn:turn.example.org?transport=udp"],"#,
            r#""username":"1800003600:peer","credential":"ZP1Ot7IIkNcuxK/UwGVuKa79m+g="}]"#
        );
        assert_eq!(servers.json, expected);
        assert_eq!(servers.refresh_at, Some(Millis(1_800_002_880_000)));
    }

    #[test]
    fn without_a_secret_there_is_no_turn() {
        let config = IceConfig {
            turn_urls: vec!["turn:x".into()],
            ..IceConfig::default()
        };
        let servers = servers(&config, "peer", Millis(0));
        assert_eq!((servers.json.as_str(), servers.refresh_at), ("[]", None));
    }
}

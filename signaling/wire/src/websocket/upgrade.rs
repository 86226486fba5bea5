//! The opening handshake, RFC 6455 §4, as far as it is the server's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// What is appended to a client's key before it is hashed (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a request does not open a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// The method is not GET.
    #[error("the method must be GET")]
    Method,
    /// The request is older than HTTP/1.1.
    #[error("the request must be HTTP/1.1")]
    HttpVersion,
    /// `Host` is missing.
    #[error("Host is missing")]
    Host,
    /// `Upgrade` does not name `websocket`.
    #[error("Upgrade must name websocket")]
    Upgrade,
    /// `Connection` does not name `Upgrade`.
    #[error("Connection must name Upgrade")]
    Connection,
    /// `Sec-WebSocket-Version` is missing or not 13.
    #[error("Sec-WebSocket-Version must be 13")]
    Version,
    /// `Sec-WebSocket-Key` is missing, doubled, or not 16 bytes in base64.
    #[error("Sec-WebSocket-Key must be 16 bytes in base64")]
    Key,
}

impl UpgradeError {
    /// The HTTP status that tells the client: 405, 426 for another version of the protocol, else 400.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::Version => 426,
            _ => 400,
        }
    }

    /// The headers that the answer must carry beside the status: what would be accepted (RFC 6455 §4.4, RFC 9110
    /// §15.5.6 and §15.5.22).
    #[must_use]
    pub const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Method => &[("Allow", "GET")],
            Self::Version => &[
                ("Sec-WebSocket-Version", "13"),
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
            ],
            _ => &[],
        }
    }
}

/// Whether a request with these values of `Upgrade` asks for a WebSocket. Any other protocol that it offers to speak
/// (`h2c`, as some HTTP clients do) may be ignored (RFC 9110 §7.8).
pub fn is_asked_for<'h>(upgrade: impl IntoIterator<Item = &'h [u8]>) -> bool {
    upgrade.into_iter().any(|value| lists(value, b"websocket"))
}

/// Judges a request by RFC 6455 §4.2.1 and returns the value of the answer's `Sec-WebSocket-Accept`.
///
/// `http_version` is the major and minor version; names of headers are compared without regard to case, and one that
/// comes more than once counts as one list. `Origin`, subprotocols and extensions are the caller's to judge.
///
/// # Errors
/// The first rule that the request breaks.
pub fn validate<'h>(
    method: &str,
    http_version: (u8, u8),
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
) -> Result<String, UpgradeError> {
    if method != "GET" {
        return Err(UpgradeError::Method);
    }
    if http_version < (1, 1) {
        return Err(UpgradeError::HttpVersion);
    }
    let seen = Seen::of(headers);
    let rules = [
        (seen.host, UpgradeError::Host),
        (seen.upgrade, UpgradeError::Upgrade),
        (seen.connection, UpgradeError::Connection),
        (seen.version == Some(true), UpgradeError::Version),
    ];
    if let Some((_, broken)) = rules.into_iter().find(|(kept, _)| !kept) {
        return Err(broken);
    }
    let key = seen.key.and_then(Result::ok).ok_or(UpgradeError::Key)?;
    Ok(accept_key(key))
}

/// The answer to a client's `Sec-WebSocket-Key` (RFC 6455 §4.2.2), 28 characters.
#[must_use]
pub fn accept_key(key: &str) -> String {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(hash)
}

/// What the headers of a request say about the upgrade.
#[derive(Default)]
struct Seen<'h> {
    host: bool,
    upgrade: bool,
    connection: bool,
    /// Whether every version named is 13.
    version: Option<bool>,
    /// The key, or that it is not to be used.
    key: Option<Result<&'h str, UpgradeError>>,
}

impl<'h> Seen<'h> {
    fn of(headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> Self {
        let mut seen = Self::default();
        for (name, value) in headers {
            let is = |known| name.eq_ignore_ascii_case(known);
            if is("host") {
                seen.host = true;
            } else if is("upgrade") {
                seen.upgrade |= lists(value, b"websocket");
            } else if is("connection") {
                seen.connection |= lists(value, b"upgrade");
            } else if is("sec-websocket-version") {
                seen.version = Some(seen.version.unwrap_or(true) && value.trim_ascii() == b"13");
            } else if is("sec-websocket-key") {
                seen.key = Some(match seen.key {
                    None => key(value),
                    Some(_) => Err(UpgradeError::Key),
                });
            }
        }
        seen
    }
}

/// Whether the comma-separated list names the token, in whatever case.
fn lists(value: &[u8], token: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .any(|entry| entry.trim_ascii().eq_ignore_ascii_case(token))
}

/// The key, if it is 16 bytes in base64.
fn key(value: &[u8]) -> Result<&str, UpgradeError> {
    let value = value.trim_ascii();
    match STANDARD.decode(value) {
        Ok(bytes) if bytes.len() == 16 => std::str::from_utf8(value).map_err(|_| UpgradeError::Key),
        _ => Err(UpgradeError::Key),
    }
}

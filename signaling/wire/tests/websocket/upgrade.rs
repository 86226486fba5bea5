//! The opening handshake, RFC 6455 §4.

use signaling_wire::websocket::accept_key;
use signaling_wire::websocket::upgrade::{UpgradeError, is_asked_for, validate};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const REQUEST: [(&str, &str); 5] = [
    ("Host", "server.example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

fn judge(headers: &[(&str, &str)]) -> Result<String, UpgradeError> {
    validate(
        "GET",
        (1, 1),
        headers.iter().map(|(name, value)| (*name, value.as_bytes())),
    )
}

/// The request with one header's value replaced, or with the header left out.
fn with(name: &str, value: Option<&str>) -> Result<String, UpgradeError> {
    let headers: Vec<_> = REQUEST
        .into_iter()
        .filter_map(|(header, usual)| match value {
            _ if header != name => Some((header, usual)),
            value => value.map(|value| (header, value)),
        })
        .collect();
    judge(&headers)
}

#[test]
fn the_rfcs_key_gets_the_rfcs_answer() {
    assert_eq!(accept_key(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(judge(&REQUEST), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned()));
}

#[test]
fn tokens_are_found_in_lists_and_in_any_case() {
    assert!(with("Connection", Some("keep-alive, uPGRADE")).is_ok());
    assert!(with("Upgrade", Some("h2c , WebSocket")).is_ok());
    let split = [&REQUEST[..], &[("connection", "keep-alive")]].concat();
    assert!(judge(&split).is_ok());
}

#[test]
fn the_method_and_the_http_version_are_judged() {
    let headers = || REQUEST.iter().map(|(name, value)| (*name, value.as_bytes()));
    assert_eq!(validate("POST", (1, 1), headers()), Err(UpgradeError::Method));
    assert_eq!(validate("GET", (1, 0), headers()), Err(UpgradeError::HttpVersion));
    assert_eq!(UpgradeError::Method.status(), 405);
    assert_eq!(UpgradeError::Method.headers(), [("Allow", "GET")]);
}

#[test]
fn every_header_is_required() {
    assert_eq!(with("Host", None), Err(UpgradeError::Host));
    assert_eq!(with("Upgrade", None), Err(UpgradeError::Upgrade));
    assert_eq!(with("Upgrade", Some("websockets")), Err(UpgradeError::Upgrade));
    assert_eq!(with("Connection", None), Err(UpgradeError::Connection));
    assert_eq!(with("Connection", Some("close")), Err(UpgradeError::Connection));
    assert_eq!(with("Sec-WebSocket-Version", None), Err(UpgradeError::Version));
    assert_eq!(with("Sec-WebSocket-Key", None), Err(UpgradeError::Key));
}

#[test]
fn another_version_is_told_which_one_is_spoken() {
    let error = with("Sec-WebSocket-Version", Some("8")).unwrap_err();
    assert_eq!(error, UpgradeError::Version);
    assert_eq!(error.status(), 426);
    assert!(error.headers().contains(&("Sec-WebSocket-Version", "13")));
    assert!(
        error.headers().contains(&("Upgrade", "websocket")),
        "as every answer 426 must"
    );
}

#[test]
fn an_offer_to_speak_another_protocol_does_not_ask_for_a_websocket() {
    assert!(is_asked_for([&b"WebSocket"[..]]));
    assert!(is_asked_for([&b"h2c"[..], b"foo/2, websocket"]));
    assert!(!is_asked_for([&b"h2c"[..]]));
    assert!(!is_asked_for([]));
}

#[test]
fn the_key_is_16_bytes_in_base64_and_comes_once() {
    for key in [
        "",
        "short",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZSE=",
        "dGhlIHNhbXBsZSBub25j*Q==",
    ] {
        assert_eq!(
            with("Sec-WebSocket-Key", Some(key)),
            Err(UpgradeError::Key),
            "{key}"
        );
    }
    let doubled = [&REQUEST[..], &[("Sec-WebSocket-Key", KEY)]].concat();
    assert_eq!(judge(&doubled), Err(UpgradeError::Key));
    assert_eq!(UpgradeError::Key.status(), 400);
}

//! What the engine answers by HTTP.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use signaling_wire::engine_io::Refusal;
use signaling_wire::websocket::upgrade::UpgradeError;

use super::application::{RefusalStatus, Refused};
use super::poll::Answer;

/// An answer of the engine, or of the router.
pub(super) type Reply = Response<Either<Full<Bytes>, axum::body::Body>>;

const TEXT: &str = "text/plain; charset=UTF-8";
const JSON: &str = "application/json";

/// The socket becomes a WebSocket.
pub(super) fn switching(accept: &str) -> Reply {
    let mut reply = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = reply.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    reply
}

/// The request for a WebSocket breaks its rules.
pub(super) fn not_a_websocket(error: UpgradeError) -> Reply {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut reply = text(status, TEXT, Refusal::BadRequest.body().into());
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    for (name, value) in error.headers() {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            reply.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    reply
}

/// The application does not let the client in for now.
pub(super) fn not_admitted(refused: &Refused) -> Reply {
    let status = match refused.status {
        RefusalStatus::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        RefusalStatus::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let Refused {
        code,
        message,
        retry_after,
        ..
    } = refused;
    let mut body = String::new();
    write!(body, r#"{{"code":"{code}","message":"{message}"}}"#).expect("writing to memory cannot fail");
    let mut reply = text(status, JSON, body.into());
    let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    reply.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    reply
}

/// The request is none of the protocol, or of no session.
pub(super) fn refused(refusal: Refusal) -> Reply {
    reply(Answer::Refused(refusal))
}

/// What a request for a session is answered.
pub(super) fn reply(answer: Answer) -> Reply {
    match answer {
        Answer::Payload(packets) | Answer::Departed(packets) => text(StatusCode::OK, TEXT, packets.into()),
        Answer::Taken => text(StatusCode::OK, TEXT, Bytes::from_static(b"ok")),
        Answer::Refused(refusal) => text(StatusCode::BAD_REQUEST, JSON, refusal.body().into()),
        Answer::TooLarge => empty(StatusCode::PAYLOAD_TOO_LARGE),
        Answer::TooSlow => too_slow(),
        // To another pod: its client is not answered by this one.
        Answer::GoOn => empty(StatusCode::NO_CONTENT),
        Answer::Unavailable => not_admitted(&BUSY),
    }
}

/// Why a request is refused whose session's worker does not come after.
const BUSY: Refused = Refused {
    status: RefusalStatus::Unavailable,
    code: "unavailable",
    message: "this pod is busy; try again",
    retry_after: Duration::from_secs(1),
};

fn too_slow() -> Reply {
    let mut reply = empty(StatusCode::REQUEST_TIMEOUT);
    reply
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// What a browser asks before it lets a page of another site send a request.
pub(super) fn preflight(headers: &HeaderMap, allowed: bool) -> Reply {
    let mut reply = empty(StatusCode::NO_CONTENT);
    if allowed {
        let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let headers = reply.headers_mut();
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        if let Some(asked) = asked {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
        }
    }
    reply
}

fn text(status: StatusCode, kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(body)));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Either::Left(Full::default()));
    *reply.status_mut() = status;
    reply
}

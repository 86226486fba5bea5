//! A plain WebSocket that echoes.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::response::Builder;
use axum::http::{Response, StatusCode, Version, header};
use axum::response::IntoResponse;
use signaling::transport::{Stream, Takeover};
use signaling_wire::websocket::{self, CloseCode, CloseFrame, Decoder, Message, Opcode, Role};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// The longest message.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;
const READ_BUFFER: usize = 64 * 1024;

/// How long a client may take to close after the close frame.
const LINGER: Duration = Duration::from_secs(2);

/// Answers the opening handshake.
pub(crate) async fn upgrade(request: Request) -> impl IntoResponse {
    let version = match request.version() {
        Version::HTTP_11 => (1, 1),
        _ => (1, 0),
    };
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    match websocket::upgrade::validate(request.method().as_str(), version, headers) {
        Ok(accept) => Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, accept)
            .extension(Takeover::new(|stream, early| {
                tokio::task::spawn_local(echo(stream, early));
            }))
            .body(Body::empty()),
        Err(error) => error
            .headers()
            .iter()
            .fold(Response::builder().status(error.status()), add)
            .body(Body::from(error.to_string())),
    }
    .map_err(|error| error.to_string())
}

fn add(response: Builder, (name, value): &(&'static str, &'static str)) -> Builder {
    response.header(*name, *value)
}

async fn echo(mut stream: Stream, early: Bytes) {
    let mut decoder = Decoder::new(Role::Server, MAX_MESSAGE);
    let mut buffer = early.to_vec();
    loop {
        let mut out = Vec::new();
        let goes_on = answer(&mut decoder, &mut buffer, &mut out);
        if stream.write_all(&out).await.is_err() {
            return;
        }
        if !goes_on {
            break;
        }
        buffer.resize(READ_BUFFER, 0);
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => buffer.truncate(count),
        }
    }
    // What the client still sends is read, or the close frame might not reach it.
    let farewell = async {
        if stream.shutdown().await.is_ok() {
            buffer.resize(READ_BUFFER, 0);
            while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
        }
    };
    let _ = timeout(LINGER, farewell).await;
}

/// Appends the answers to what came. `false` when the connection is to be closed.
fn answer(decoder: &mut Decoder, mut input: &mut [u8], out: &mut Vec<u8>) -> bool {
    loop {
        match decoder.decode(&mut input) {
            Ok(None) => return true,
            Ok(Some(Message::Text(text))) => websocket::encode(Opcode::Text, &[text.as_bytes()], out),
            Ok(Some(Message::Binary(bytes))) => websocket::encode(Opcode::Binary, &[bytes], out),
            Ok(Some(Message::Ping(payload))) => websocket::encode(Opcode::Pong, &[payload], out),
            Ok(Some(Message::Pong(_))) => {}
            Ok(Some(Message::Close(frame))) => {
                let code = frame.map(|frame| CloseFrame {
                    code: frame.code,
                    reason: "",
                });
                websocket::encode_close(code, out);
                return false;
            }
            Err(error) => {
                let code: CloseCode = error.close_code();
                websocket::encode_close(Some(CloseFrame { code, reason: "" }), out);
                return false;
            }
        }
    }
}

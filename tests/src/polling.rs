//! A client's end of Engine.IO's polling, and its way from there to a WebSocket.
//!
//! Every request goes over a socket of its own, so that behind a balancer without stickiness each reaches another pod. As
//! with [`crate::websocket`] there is no task and no timer: whoever drives it polls it.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::target::Target;
use crate::websocket::{Closed, OpenError, Outbox, Traffic, WebSocket};

/// The path of Socket.IO servers, and the query of this transport.
const PATH: &str = "/socket.io/?EIO=4&transport=polling";
/// What stands between two packets of a payload.
const SEPARATOR: char = '\x1e';
/// The longest answer that is accepted.
const MAX_ANSWER: u64 = 4 << 20;

type Exchange<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It has no answer.
    Closed(Closed),
    /// It was answered with this status, and not 200.
    Status(u16),
}

/// An answer's status and body.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: String,
    traffic: Traffic,
}

/// How far the way to a WebSocket is gone.
enum Upgrade {
    /// The session stays with polling.
    None,
    /// A WebSocket is opened and asked whether it works.
    Probing(Exchange<Option<WebSocket>>),
    /// It works: no request is begun, and once none is under way the session moves.
    Pausing(Box<WebSocket>),
}

/// A session that polls.
pub(crate) struct Polling {
    target: Target,
    path: String,
    outbox: Outbox,
    poll: Option<Exchange<io::Result<Answer>>>,
    post: Option<Exchange<io::Result<Answer>>>,
    upgrade: Upgrade,
    traffic: Traffic,
}

impl fmt::Debug for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Polling {
    /// Opens a session; also answers its first payload, which begins with the handshake.
    pub(crate) async fn open(target: &Target) -> Result<(Self, String), OpenError> {
        let answer = get(target.clone(), PATH.to_owned()).await?;
        if answer.status != 200 {
            return Err(OpenError::Refused {
                status: answer.status,
                retry_after: None,
                body: answer.body,
            });
        }
        let polling = Self {
            target: target.clone(),
            path: String::new(),
            outbox: Outbox::of_packets(),
            poll: None,
            post: None,
            upgrade: Upgrade::None,
            traffic: answer.traffic,
        };
        Ok((polling, answer.body))
    }

    /// The session's id is known.
    pub(crate) fn name(&mut self, sid: &str, upgrades: bool) {
        self.path = format!("{PATH}&sid={sid}");
        if upgrades {
            self.upgrade = Upgrade::Probing(Box::pin(probe(self.target.clone(), sid.to_owned())));
        }
    }

    pub(crate) fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Posts what waits, one request after the other.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        loop {
            if self.post.is_none() {
                if self.outbox.waiting() == 0 || matches!(self.upgrade, Upgrade::Pausing(_)) {
                    return Poll::Ready(Ok(()));
                }
                let packets = self.outbox.take();
                self.post = Some(Box::pin(post(self.target.clone(), self.path.clone(), packets)));
            }
            ready!(settle(&mut self.post, &mut self.traffic, cx))?;
        }
    }

    /// The next payload, or none when the session is to move to the WebSocket that [`Self::upgraded`] answers.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<String>, Failed>> {
        if let Upgrade::Probing(probing) = &mut self.upgrade
            && let Poll::Ready(socket) = probing.as_mut().poll(cx)
        {
            self.upgrade = socket.map_or(Upgrade::None, |socket| Upgrade::Pausing(Box::new(socket)));
        }
        if self.poll.is_none() {
            if matches!(self.upgrade, Upgrade::Pausing(_)) {
                return match self.post {
                    Some(_) => Poll::Pending,
                    None => Poll::Ready(Ok(None)),
                };
            }
            self.poll = Some(Box::pin(get(self.target.clone(), self.path.clone())));
        }
        settle(&mut self.poll, &mut self.traffic, cx).map_ok(Some)
    }

    /// Moves to the WebSocket, with what has not been sent.
    pub(crate) fn upgraded(&mut self) -> Option<WebSocket> {
        match std::mem::replace(&mut self.upgrade, Upgrade::None) {
            Upgrade::Pausing(mut socket) => {
                socket.outbox().text(&[b"5"]);
                let packets = self.outbox.take();
                packets
                    .split(|byte| *byte == SEPARATOR as u8)
                    .filter(|packet| !packet.is_empty())
                    .for_each(|packet| socket.outbox().text(&[packet]));
                Some(*socket)
            }
            other => {
                self.upgrade = other;
                None
            }
        }
    }
}

/// The packets of a payload.
pub(crate) fn packets(payload: &str) -> impl Iterator<Item = &str> {
    payload.split(SEPARATOR)
}

/// Polls a request that is under way.
fn settle(
    request: &mut Option<Exchange<io::Result<Answer>>>,
    traffic: &mut Traffic,
    cx: &mut Context<'_>,
) -> Poll<Result<String, Failed>> {
    let Some(exchange) = request else {
        return Poll::Pending;
    };
    let answer = ready!(exchange.as_mut().poll(cx));
    *request = None;
    Poll::Ready(match answer {
        Ok(answer) => {
            traffic.sent += answer.traffic.sent;
            traffic.received += answer.traffic.received;
            match answer.status {
                200 => Ok(answer.body),
                status => Err(Failed::Status(status)),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Failed::Closed(Closed::Ended)),
        Err(error) => Err(Failed::Closed(Closed::Failed(error.kind()))),
    })
}

/// Opens a WebSocket for the session, and asks whether it works; none where it does not.
async fn probe(target: Target, sid: String) -> Option<WebSocket> {
    let path = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
    let mut socket = WebSocket::open(&target, &path, &[]).await.ok()?;
    socket.outbox().text(&[b"2probe"]);
    let mut works = false;
    while !works {
        socket
            .read(|message, _| {
                works |= matches!(message, signaling_wire::websocket::Message::Text("3probe"));
            })
            .await
            .ok()?;
    }
    Some(socket)
}

async fn get(target: Target, path: String) -> io::Result<Answer> {
    exchange(&target, "GET", &path, &[]).await
}

async fn post(target: Target, path: String, packets: Vec<u8>) -> io::Result<Answer> {
    exchange(&target, "POST", &path, &packets).await
}

/// One request over a socket of its own.
async fn exchange(target: &Target, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
    let mut stream = target.connect().await?;
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: text/plain;charset=UTF-8\r\n\
         Content-Length: {}\r\n\r\n",
        target.authority(),
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request).await?;
    let mut bytes = Vec::with_capacity(512);
    stream.take(MAX_ANSWER).read_to_end(&mut bytes).await?;
    let traffic = Traffic {
        sent: request.len() as u64,
        received: bytes.len() as u64,
    };
    answer(&bytes, traffic)
}

fn answer(bytes: &[u8], traffic: Traffic) -> io::Result<Answer> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    };
    let header = |name: &str| {
        let named = |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
        let header = response.headers.iter().find(named)?;
        std::str::from_utf8(header.value).ok()
    };
    let mut body = &bytes[head..];
    if let Some(length) = header("content-length").and_then(|value| value.parse::<usize>().ok()) {
        // A body that was cut off is no answer: what is missing would be missed in silence.
        body = body.get(..length).ok_or(io::ErrorKind::UnexpectedEof)?;
    } else if header("transfer-encoding").is_some() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a poll comes with its length",
        ));
    }
    Ok(Answer {
        status: response.code.unwrap_or_default(),
        body: String::from_utf8_lossy(body).into_owned(),
        traffic,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_cut_off_is_no_answer() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n42[1]";
        let read = |bytes: &[u8]| answer(bytes, Traffic::default()).map(|answer| answer.body);
        assert_eq!(read(whole).unwrap(), "42[1]");
        for length in 0..whole.len() {
            let error = read(&whole[..length]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn a_payload_is_taken_apart_into_its_packets() {
        assert_eq!(packets("2\x1e42[\"a\"]").collect::<Vec<_>>(), ["2", "42[\"a\"]"]);
    }
}

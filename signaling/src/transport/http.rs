//! HTTP: what is the engine's, what is the router's, and how both are answered.

use std::borrow::Cow;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use axum::extract::ConnectInfo;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use signaling_wire::engine_io::{self, Refusal, Transport};
use signaling_wire::websocket::upgrade::{self, UpgradeError};
use tokio::task::spawn_local;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::application::{Application, Handshake, Loss, Notice};
use super::connection::Carrier;
use super::forward::{self, Remote, Step};
use super::patient::Patient;
use super::poll::{self, Answer, Call};
use super::reply::{self, Reply};
use super::sid::{Locator, Owner};
use super::stream::Stream;
use super::upgrade::{Next, Takeover, proceed};
use super::worker::Worker;

/// What is written to a client whose request's head did not come in time.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Serves HTTP on a socket, and goes on with it when it becomes a WebSocket.
pub(super) async fn serve<A: Application>(worker: Worker<A>, stream: Stream, peer: SocketAddr) {
    let next = Rc::new(RefCell::new(None));
    let service = Service {
        worker: worker.clone(),
        peer,
        next: Rc::clone(&next),
    };
    let stream = Patient::new(stream, worker.pod().config().body_timeout);
    let mut connection = worker.http().serve_connection(TokioIo::new(stream), service);
    let served = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let parts = connection.into_parts();
    let stream = parts.io.into_inner().into_inner();
    match (served, next.take()) {
        (Ok(()), Some(next)) => proceed(&worker, next, stream, parts.read_buf, peer),
        // An idle socket is closed without a word.
        (Err(error), _) if error.is_timeout() && !parts.read_buf.is_empty() => {
            let _ = stream.try_write(TOO_SLOW);
        }
        _ => {}
    }
}

/// Answers the requests of one socket.
struct Service<A: Application> {
    worker: Worker<A>,
    peer: SocketAddr,
    /// What the socket is to become, once it has been answered 101.
    next: Rc<RefCell<Option<Next<A>>>>,
}

impl<A: Application> hyper::service::Service<Request<Incoming>> for Service<A> {
    type Response = Reply;
    type Error = Infallible;
    type Future = Begun;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let exchange = Exchange {
            worker: self.worker.clone(),
            peer: self.peer,
            next: Rc::clone(&self.next),
        };
        let path = request.uri().path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut paths = self.worker.pod().config().paths.iter();
        let is_engine = paths.any(|own| own.strip_suffix('/').unwrap_or(own) == path);
        Begun::begin(async move {
            if is_engine {
                exchange.engine(request).await
            } else {
                exchange.router(request).await
            }
        })
    }
}

/// An answer in the making, which has been begun. Where a request and the end of its connection come together, hyper
/// throws the answer away before it has asked for it once; but a poll that was given up ends its session.
pub(super) struct Begun {
    making: Pin<Box<dyn Future<Output = Reply>>>,
    made: Option<Reply>,
}

impl Begun {
    fn begin(making: impl Future<Output = Reply> + 'static) -> Self {
        let mut making: Pin<Box<dyn Future<Output = Reply>>> = Box::pin(making);
        let made = match making.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(reply) => Some(reply),
            Poll::Pending => None,
        };
        Self { making, made }
    }
}

impl Future for Begun {
    type Output = Result<Reply, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.made.take() {
            Some(reply) => Poll::Ready(Ok(reply)),
            None => self.making.as_mut().poll(context).map(Ok),
        }
    }
}

/// One request, and where it came from.
struct Exchange<A: Application> {
    worker: Worker<A>,
    peer: SocketAddr,
    next: Rc<RefCell<Option<Next<A>>>>,
}

impl<A: Application> Exchange<A> {
    async fn router(self, mut request: Request<Incoming>) -> Reply {
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let router = self.worker.router().clone();
        let mut response = match router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(takeover) = response.extensions_mut().remove::<Takeover>()
        {
            self.next.replace(Some(Next::Takeover(takeover)));
        }
        response.map(Either::Right)
    }

    async fn engine(self, request: Request<Incoming>) -> Reply {
        let cors = &self.worker.pod().config().cors;
        let varies = cors.varies();
        let shared = cors.share(request.headers().get(header::ORIGIN));
        let mut answer = if request.method() == hyper::Method::OPTIONS {
            reply::preflight(request.headers(), shared.is_some())
        } else {
            self.dispatch(request).await
        };
        let headers = answer.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if varies {
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some((origin, credentials)) = shared {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if credentials {
                headers.insert(
                    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                    HeaderValue::from_static("true"),
                );
            }
        }
        answer
    }

    async fn dispatch(self, request: Request<Incoming>) -> Reply {
        if let Some(step) = Step::of(&request) {
            return self.take_step(step, &request).await;
        }
        let offers = request.headers().get_all(header::UPGRADE);
        let websocket = upgrade::is_asked_for(offers.iter().map(HeaderValue::as_bytes));
        let method = match *request.method() {
            hyper::Method::GET => engine_io::Method::Get,
            hyper::Method::POST => engine_io::Method::Post,
            _ => engine_io::Method::Other,
        };
        let query = request.uri().query().unwrap_or_default();
        let offered = self.worker.pod().config().engine_io.transports;
        let asked = match engine_io::Request::parse(method, query, websocket, offered) {
            Ok(engine_io::Request::Open(transport)) => return self.open(transport, request),
            Ok(asked) => asked,
            Err(refusal) => {
                self.note_bad_handshake();
                return reply::refused(refusal);
            }
        };
        let (owner, locator) = match self.owner(asked, request.headers()) {
            Whose::Worker(owner, locator) => (owner, locator),
            Whose::Pod { address, proof } if !websocket => {
                return self.send_on(address, proof, request).await;
            }
            Whose::Pod { address, proof } => {
                let remote = Remote {
                    address,
                    proof,
                    path: request.uri().path().to_owned(),
                    sid: sid(asked).to_owned(),
                };
                return self.upgrade_here(remote, &request).await;
            }
            Whose::Nobody => return reply::refused(Refusal::SessionUnknown),
        };
        match asked {
            engine_io::Request::Post { .. } => self.post(owner, locator, request).await,
            engine_io::Request::Upgrade { .. } => self.upgrade(owner, locator, &request).await,
            _ => reply::reply(poll::call(&self.worker, owner, locator, Call::Poll).await),
        }
    }

    /// Whose session is asked for.
    fn owner(&self, asked: engine_io::Request<'_>, headers: &HeaderMap) -> Whose {
        let sid = sid(asked);
        let (sids, peers) = (self.worker.pod().sids(), &self.worker.pod().config().peers);
        match sids.owner(sid) {
            Some(Owner::Here { worker, locator }) => Whose::Worker(worker, locator),
            Some(Owner::OtherPod { pod, .. }) => {
                let proof = headers.get(forward::FORWARDED);
                if proof.is_some_and(|proof| sids.is_proof(proof.as_bytes(), sid)) {
                    return Whose::Nobody;
                }
                match peers.address(pod) {
                    Some(address) => Whose::Pod {
                        address,
                        proof: sids.proof(sid),
                    },
                    None => Whose::Nobody,
                }
            }
            None => Whose::Nobody,
        }
    }

    /// Opens a session, if the application admits it.
    fn open(self, transport: Transport, request: Request<Incoming>) -> Reply {
        match transport {
            Transport::Polling => self.open_polling(&request.into_parts().0),
            Transport::WebSocket => self.open_websocket(request),
        }
    }

    fn open_polling(&self, request: &Parts) -> Reply {
        let opened = self.worker.turn(|application, engine| {
            let handshake = handshake(request, Transport::Polling, self.peer);
            let admitted = application.admit(&handshake, engine.now())?;
            let id = engine.open(Carrier::Polling {
                poll: None,
                probe: None,
            });
            let mut packet = Vec::new();
            engine.write_open_packet(id, &mut packet);
            application.open(id, &handshake, admitted, engine);
            Ok(packet)
        });
        match opened {
            Ok(packet) => reply::reply(Answer::Payload(packet)),
            Err(refused) => reply::not_admitted(&refused),
        }
    }

    /// Answers that the socket becomes a WebSocket; the session begins on it then.
    fn open_websocket(self, request: Request<Incoming>) -> Reply {
        let accept = match accept_key(&request) {
            Ok(accept) => accept,
            Err(error) => {
                self.note_bad_handshake();
                return reply::not_a_websocket(error);
            }
        };
        let (request, _) = request.into_parts();
        let admitted = self.worker.turn(|application, engine| {
            let handshake = handshake(&request, Transport::WebSocket, self.peer);
            application.admit(&handshake, engine.now())
        });
        match admitted {
            Ok(admitted) => {
                let request = Box::new(request);
                self.next.replace(Some(Next::Open { request, admitted }));
                reply::switching(&accept)
            }
            Err(refused) => reply::not_admitted(&refused),
        }
    }

    fn note_bad_handshake(&self) {
        self.worker
            .turn(|application, _| application.notice(Notice::BadHandshake));
    }

    async fn upgrade(self, owner: u16, locator: Locator, request: &Request<Incoming>) -> Reply {
        let accept = match accept_key(request) {
            Ok(accept) => accept,
            Err(error) => return reply::not_a_websocket(error),
        };
        let next = match poll::call(&self.worker, owner, locator, Call::BeginUpgrade).await {
            Answer::GoOn => Next::Join { owner, locator },
            Answer::Refused(Refusal::BadRequest) => Next::Dismiss,
            refused => return reply::reply(refused),
        };
        self.next.replace(Some(next));
        reply::switching(&accept)
    }

    /// Sends a request on to the pod of its session. A poll is given up with its client's socket, for its owner has to know.
    /// What is posted is not: a page that is closed says so, and does not wait for the answer.
    async fn send_on(self, address: String, proof: String, request: Request<Incoming>) -> Reply {
        let posted = request.method() == hyper::Method::POST;
        let worker = self.worker.clone();
        let sending = async move { worker.forwarder().forward(&address, &proof, request).await };
        if !posted {
            return sending.await;
        }
        let sent = spawn_local(sending).await;
        sent.unwrap_or_else(|_| reply::refused(Refusal::SessionUnknown))
    }

    /// Answers that the socket becomes a WebSocket, to which a session of another pod may move.
    async fn upgrade_here(self, remote: Remote, request: &Request<Incoming>) -> Reply {
        let accept = match accept_key(request) {
            Ok(accept) => accept,
            Err(error) => return reply::not_a_websocket(error),
        };
        let admitted = self.worker.turn(|application, _| application.admit_moving());
        if let Err(refused) = admitted {
            return reply::not_admitted(&refused);
        }
        let next = match self.worker.forwarder().step(&remote, Step::Begin).await {
            Some((StatusCode::NO_CONTENT, _)) => Next::Fetch(remote),
            Some((_, body)) if body == Refusal::BadRequest.body() => Next::Dismiss,
            Some(_) | None => return reply::refused(Refusal::SessionUnknown),
        };
        self.next.replace(Some(next));
        reply::switching(&accept)
    }

    /// Takes the next step of an upgrade for the pod that has its WebSocket.
    async fn take_step(self, step: Step, request: &Request<Incoming>) -> Reply {
        let query = request.uri().query().unwrap_or_default();
        let offered = self.worker.pod().config().engine_io.transports;
        let asked = engine_io::Request::parse(engine_io::Method::Post, query, false, offered);
        let (sids, proof) = (
            self.worker.pod().sids(),
            request.headers().get(forward::FORWARDED),
        );
        let proven = |sid| proof.is_some_and(|proof| sids.is_proof(proof.as_bytes(), sid));
        let Ok(engine_io::Request::Post { sid }) = asked else {
            return reply::refused(Refusal::BadRequest);
        };
        let Some(Owner::Here {
            worker: owner,
            locator,
        }) = sids.owner(sid).filter(|_| proven(sid))
        else {
            return reply::refused(Refusal::SessionUnknown);
        };
        let call = match step {
            Step::Begin => Call::BeginUpgrade,
            Step::Probe => Call::ProbeUpgrade,
            Step::Abandon => Call::AbandonUpgrade,
            Step::Depart => Call::Depart,
        };
        reply::reply(poll::call(&self.worker, owner, locator, call).await)
    }

    async fn post(self, owner: u16, locator: Locator, request: Request<Incoming>) -> Reply {
        match poll::call(&self.worker, owner, locator, Call::BeginPost).await {
            Answer::GoOn => {}
            refused => return reply::reply(refused),
        }
        let mut unfinished = Unfinished {
            worker: &self.worker,
            owner,
            locator,
            finished: false,
        };
        let body = self.body(request).await;
        unfinished.finished = true;
        reply::reply(poll::call(&self.worker, owner, locator, Call::EndPost(body)).await)
    }

    /// The body of a POST, if it is text, small enough, and comes in time.
    async fn body(&self, request: Request<Incoming>) -> Result<Bytes, Loss> {
        let config = self.worker.pod().config();
        let limit = config.engine_io.max_payload;
        if request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "application/octet-stream")
        {
            return Err(Loss::Protocol);
        }
        if request.size_hint().lower() > limit as u64 {
            return Err(Loss::TooLarge);
        }
        let body = Limited::new(request.into_body(), limit);
        match timeout(config.body_timeout, body.collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Loss::TooLarge),
            Ok(Err(_)) => Err(Loss::Disconnected),
            Err(_) => Err(Loss::AbortedRequest),
        }
    }
}

/// Whose session a request is for.
enum Whose {
    /// A worker's of this pod.
    Worker(u16, Locator),
    /// Another pod's, which is reached there.
    Pod { address: String, proof: String },
    /// There is no such session, as far as is known here.
    Nobody,
}

/// The session that a request is for; empty when it is to open one.
fn sid(asked: engine_io::Request<'_>) -> &str {
    match asked {
        engine_io::Request::Poll { sid }
        | engine_io::Request::Post { sid }
        | engine_io::Request::Upgrade { sid } => sid,
        engine_io::Request::Open(_) => "",
    }
}

/// A POST whose body is being read. When it is dropped before that is done, its client has given it up.
struct Unfinished<'a, A: Application> {
    worker: &'a Worker<A>,
    owner: u16,
    locator: Locator,
    finished: bool,
}

impl<A: Application> Drop for Unfinished<'_, A> {
    fn drop(&mut self) {
        if !self.finished {
            poll::give_up_post(self.worker, self.owner, self.locator);
        }
    }
}

/// What the application is told of a request that opens a session.
pub(super) fn handshake(request: &Parts, transport: Transport, peer: SocketAddr) -> Handshake<'_> {
    let text = |name: HeaderName| request.headers.get(name).and_then(|value| value.to_str().ok());
    Handshake {
        path: request.uri.path(),
        query: request.uri.query().unwrap_or_default(),
        transport,
        peer,
        user_agent: text(header::USER_AGENT),
        origin: text(header::ORIGIN),
        sec_fetch_mode: text(HeaderName::from_static("sec-fetch-mode")),
        forwarded_for: forwarded_for(&request.headers),
    }
}

/// All lines of `X-Forwarded-For` in one, as RFC 9110 §5.3 allows.
fn forwarded_for(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let lines = headers.get_all(HeaderName::from_static("x-forwarded-for"));
    let mut lines = lines.iter().filter_map(|line| line.to_str().ok());
    let mut all = Cow::Borrowed(lines.next()?);
    for line in lines {
        let all = all.to_mut();
        all.push_str(", ");
        all.push_str(line);
    }
    Some(all)
}

fn accept_key(request: &Request<Incoming>) -> Result<String, UpgradeError> {
    let version = match request.version() {
        Version::HTTP_11 => (1, 1),
        _ => (1, 0),
    };
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    upgrade::validate(request.method().as_str(), version, headers)
}

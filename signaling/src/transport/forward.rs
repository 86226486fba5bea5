//! Requests for sessions of other pods: sent on as they are, and answered with what the owner answers.
//!
//! An upgrade is different: its WebSocket stays here and the session comes to it, for which the owner is asked step by step
//! ([`Step`]). Of other requests nothing is kept here. When the client gives its request up, so does the owner's socket, and the owner sees what
//! it would have seen of its own client.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Empty, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri, Version};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use signaling_wire::engine_io::Refusal;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;

use super::reply::{self, Reply};
use crate::tls::pods::{self, PodKey};

/// How long the owner's pod may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the owner's pod may take for a step of an upgrade, the connection included.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes that come along with a session: what waited for its client, and a little.
const MAX_LUGGAGE: usize = 4 << 20;
/// How long an idle connection to another pod is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);

/// Says that a pod has sent the request on, and proves it: nobody sends it on again.
pub(super) const FORWARDED: HeaderName = HeaderName::from_static("x-chat-forwarded");

/// The next step of an upgrade, in a request whose method is PUT. A pod that does not know of it refuses.
pub(super) const UPGRADE_STEP: HeaderName = HeaderName::from_static("x-chat-upgrade");

/// What a pod with a WebSocket asks the owner of the session that is to move to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// May it be opened?
    Begin,
    /// It has been probed: the poll that hangs can be answered.
    Probe,
    /// It is gone.
    Abandon,
    /// The client has switched to it: hand the session over.
    Depart,
}

impl Step {
    const ALL: [Self; 4] = [Self::Begin, Self::Probe, Self::Abandon, Self::Depart];

    fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Probe => "probe",
            Self::Abandon => "abandon",
            Self::Depart => "depart",
        }
    }

    /// The step that a request is, if it is one.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let value = request.headers().get(UPGRADE_STEP)?;
        (request.method() == Method::PUT).then_some(())?;
        Self::ALL.into_iter().find(|step| value == step.as_str())
    }
}

/// A session of another pod, and how to reach it.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    /// The pod's `http://host:port` or `https://host:port`.
    pub(super) address: String,
    /// Tells that pod who asks.
    pub(super) proof: String,
    /// One of the engine's paths.
    pub(super) path: String,
    pub(super) sid: String,
}

/// What concerns one connection only (RFC 9110 §7.6.1), and is not sent on.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::UPGRADE,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
];

/// One worker's way to other pods.
#[derive(Debug)]
pub(super) struct Forwarder {
    client: Client<HttpsConnector<HttpConnector>, Either<Incoming, Empty<Bytes>>>,
}

impl Forwarder {
    /// Of a pod that shares `secret` with the others.
    pub(super) fn new(secret: &[u8]) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector(secret));
        Self { client }
    }

    /// Sends a request on to the pod at `address`; `proof` tells that pod who does. A pod that cannot be reached has no
    /// sessions any more, as far as its clients are concerned: they open new ones, and come back to what they had.
    pub(super) async fn forward(&self, address: &str, proof: &str, mut request: Request<Incoming>) -> Reply {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let (Ok(uri), Ok(proof)) = (
            format!("{address}{path}").parse::<Uri>(),
            HeaderValue::from_str(proof),
        ) else {
            return reply::refused(Refusal::SessionUnknown);
        };
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        strip(request.headers_mut());
        request.headers_mut().insert(FORWARDED, proof);
        match self.client.request(request.map(Either::Left)).await {
            Ok(answer) => {
                let mut answer = answer.map(|body| Either::Right(Body::new(body)));
                strip(answer.headers_mut());
                answer
            }
            Err(error) => {
                tracing::debug!(address, %error, "the pod of a session cannot be reached");
                reply::refused(Refusal::SessionUnknown)
            }
        }
    }
}

impl Forwarder {
    /// Has the owner of a session take the next step of an upgrade: the status and the body of its answer. None when it does
    /// not answer in time, or at too great length.
    pub(super) async fn step(&self, remote: &Remote, step: Step) -> Option<(StatusCode, Bytes)> {
        let Remote {
            address,
            proof,
            path,
            sid,
        } = remote;
        let request = Request::put(format!("{address}{path}?EIO=4&transport=polling&sid={sid}"))
            .header(FORWARDED, proof)
            .header(UPGRADE_STEP, step.as_str())
            .body(Either::Right(Empty::new()))
            .ok()?;
        let answered = async {
            let answer = self.client.request(request).await.ok()?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_LUGGAGE)
                .collect()
                .await
                .ok()?;
            Some((status, body.to_bytes()))
        };
        let answer = timeout(STEP_TIMEOUT, answered).await.ok().flatten();
        if answer.is_none() {
            tracing::debug!(address, ?step, "the pod of a session does not answer");
        }
        answer
    }
}

/// How other pods are connected to: with TLS where they speak it, and only if they know the secret.
fn connector(secret: &[u8]) -> HttpsConnector<HttpConnector> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let name = ServerName::try_from(pods::NAME).expect("it is a name");
    HttpsConnectorBuilder::new()
        .with_tls_config(PodKey::of(secret).client())
        .https_or_http()
        .with_server_name_resolver(FixedServerNameResolver::new(name))
        .enable_http1()
        .wrap_connector(connector)
}

fn strip(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

//! Requests for sessions of other pods: sent on as they are, and answered with what the owner answers.
//!
//! Nothing is kept of them here. When the client gives its request up, so does the owner's socket, and the owner sees what
//! it would have seen of its own client.

use std::time::Duration;

use axum::body::Body;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use signaling_wire::engine_io::Refusal;

use super::reply::{self, Reply};

/// How long the owner's pod may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an idle connection to another pod is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);

/// Says that a pod has sent the request on, and proves it: nobody sends it on again.
pub(super) const FORWARDED: HeaderName = HeaderName::from_static("x-chat-forwarded");

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
    client: Client<HttpConnector, Incoming>,
}

impl Forwarder {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { client }
    }

    /// Sends a request on to the pod at `address`; `proof` tells that pod who does. A pod that cannot be reached has no
    /// sessions any more, as far as its clients are concerned: they open new ones, and come back to what they had.
    pub(super) async fn forward(&self, address: &str, proof: &str, mut request: Request<Incoming>) -> Reply {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let (Ok(uri), Ok(proof)) = (
            format!("http://{address}{path}").parse::<Uri>(),
            HeaderValue::from_str(proof),
        ) else {
            return reply::refused(Refusal::SessionUnknown);
        };
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        strip(request.headers_mut());
        request.headers_mut().insert(FORWARDED, proof);
        match self.client.request(request).await {
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

fn strip(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

//! The pod's plain HTTP: health, metrics, the demo page, and what every answer has in common.
//!
//! With `METRICS_PORT` set there are two sides: [`Site::public`] for clients and probes, and [`Site::internal`] with what
//! only operators should see.

mod cors;
mod headers;
mod health;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

pub use self::cors::Cors;
use crate::metrics::{LimitScope, Metrics, StatusClass};
use crate::rate_limit::RateLimiter;
use crate::status::Status;
use crate::transport::Clock;
use crate::web;

/// What the answers are made of.
#[derive(Clone)]
pub struct Site {
    /// How full, ready and alive the pod is.
    pub status: Arc<Status>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// How Redis is, where there is one.
    pub redis: Option<Arc<crate::redis::State>>,
    /// How many requests an address may make.
    pub limiter: Arc<RateLimiter>,
    /// The pod's time.
    pub clock: Clock,
    /// Which pages may read the answers.
    pub cors: Cors,
    /// Whether the client port speaks TLS.
    pub tls: bool,
    /// Whether the demo page is served.
    pub demo_page: bool,
}

impl Site {
    /// The client port's routes; with `all`, those of [`Self::internal`] too.
    pub fn public(&self, all: bool) -> Router {
        let mut router = Router::new()
            .route("/health", get(health::basic))
            .route("/health/ready", get(health::ready))
            .route("/health/live", get(health::live))
            .route("/health/connections", get(health::connections))
            .merge(web::client());
        if all {
            router = router.merge(Self::figures());
        }
        if self.demo_page {
            router = router.merge(web::page());
        }
        self.finish(router)
    }

    /// The routes of `METRICS_PORT`: figures, and the health of everything.
    pub fn internal(&self) -> Router {
        let probes = Router::new()
            .route("/health", get(health::basic))
            .route("/health/ready", get(health::ready))
            .route("/health/live", get(health::live))
            .route("/health/connections", get(health::connections));
        self.finish(probes.merge(Self::figures()))
    }

    fn figures() -> Router<Self> {
        Router::new()
            .route("/health/detailed", get(health::detailed))
            .route("/health/system", get(health::system))
            .route("/metrics", get(metrics))
            .route("/metrics/business", get(business))
    }

    fn finish(&self, router: Router<Self>) -> Router {
        router
            .fallback(async || {
                problem(
                    StatusCode::NOT_FOUND,
                    "not_found",
                    "there is nothing at this path",
                )
            })
            .method_not_allowed_fallback(async || {
                problem(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "method_not_allowed",
                    "this path is read with GET",
                )
            })
            .layer(middleware::from_fn_with_state(self.clone(), common))
            .with_state(self.clone())
    }
}

/// What every request goes through: the limit, CORS, security headers, counting.
async fn common(State(site): State<Site>, request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let mut answer = if Cors::is_preflight(request.method(), &asked) {
        let mut answer = StatusCode::NO_CONTENT.into_response();
        site.cors.permit(&asked, answer.headers_mut());
        answer
    } else if let Some(refused) = limited(&site, &request) {
        refused
    } else {
        let mut answer = next.run(request).await;
        site.cors.share(&asked, answer.headers_mut());
        answer
    };
    headers::secure(answer.headers_mut(), site.tls);
    answer
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    site.metrics.request_answered(class(answer.status()));
    answer
}

/// The answer to an address that has asked too often. Probes and scrapes are never limited: they come from one address
/// each, and a pod must not seem dead for it.
fn limited(site: &Site, request: &Request) -> Option<Response> {
    let path = request.uri().path();
    let exempt = matches!(path, "/health/live" | "/health/ready" | "/metrics");
    let ConnectInfo(peer) = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .filter(|_| !exempt)?;
    let forwarded = request.headers().get_all("x-forwarded-for").iter();
    let forwarded: Vec<&str> = forwarded.filter_map(|value| value.to_str().ok()).collect();
    let limited = site
        .limiter
        .admit(peer.ip(), forwarded.into_iter(), site.clock.now())
        .err()?;
    site.metrics.limited(LimitScope::Requests);
    let mut answer = problem(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        &limited.to_string(),
    );
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, limited.retry_after_seconds().into());
    Some(answer)
}

async fn metrics(State(site): State<Site>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, site.metrics.text(&site.status)).into_response()
}

async fn business(State(site): State<Site>) -> Response {
    Json(site.metrics.business(&site.status)).into_response()
}

fn problem(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"code": code, "message": message}))).into_response()
}

fn class(status: StatusCode) -> StatusClass {
    match status.as_u16() {
        500.. => StatusClass::ServerError,
        400.. => StatusClass::ClientError,
        300.. => StatusClass::Redirection,
        _ => StatusClass::Success,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::status::Phase;

    fn site() -> Site {
        Site {
            status: Arc::new(Status::new("pod", 1, 300)),
            metrics: Arc::new(Metrics::new(1)),
            redis: None,
            limiter: Arc::new(RateLimiter::new(Duration::from_secs(60), 2, 0)),
            clock: Clock::start(),
            cors: Cors::new(&["https://app.example".to_owned()], true),
            tls: false,
            demo_page: false,
        }
    }

    async fn ask(router: Router, request: Request) -> (StatusCode, axum::http::HeaderMap, Value) {
        let answer = router.oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            parts.status,
            parts.headers,
            serde_json::from_slice(&body).unwrap_or(Value::Null),
        )
    }

    fn get(path: &str) -> Request {
        Request::get(path).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn health_says_ok_and_is_not_cached() {
        let (status, headers, body) = ask(site().public(true), get("/health")).await;
        assert_eq!((status, &body["status"]), (StatusCode::OK, &"ok".into()));
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }

    #[tokio::test]
    async fn a_pod_is_ready_while_it_serves_and_says_why_it_is_not() {
        let site = site();
        let (status, _, body) = ask(site.public(true), get("/health/ready")).await;
        assert_eq!(
            (status, &body["reasons"][0]),
            (StatusCode::SERVICE_UNAVAILABLE, &"starting".into())
        );
        site.status.enter(Phase::Serving);
        assert_eq!(
            ask(site.public(true), get("/health/ready")).await.0,
            StatusCode::OK
        );
        site.status.enter(Phase::Draining);
        let (status, _, body) = ask(site.public(true), get("/health/ready")).await;
        assert_eq!(
            (status, &body["reasons"][0]),
            (StatusCode::SERVICE_UNAVAILABLE, &"draining".into())
        );
        assert_eq!(
            ask(site.public(true), get("/health/live")).await.0,
            StatusCode::OK
        );
    }

    #[tokio::test]
    async fn connections_and_figures_have_their_fields() {
        let (_, _, body) = ask(site().public(true), get("/health/connections")).await;
        assert_eq!(
            (&body["active"], &body["max"], &body["waiting"], &body["matched"]),
            (&0.into(), &300.into(), &0.into(), &0.into())
        );
        for path in ["/health/detailed", "/health/system", "/metrics/business"] {
            let (status, _, body) = ask(site().public(true), get(path)).await;
            assert!(status == StatusCode::OK && body.is_object(), "{path}");
        }
    }

    #[tokio::test]
    async fn all_six_metrics_are_there_from_the_first_scrape() {
        let answer = site().public(true).oneshot(get("/metrics")).await.unwrap();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(text.to_vec()).unwrap();
        for name in [
            "webrtc_active_connections 0",
            "webrtc_total_connections 0",
            "webrtc_matchmaking_duration_seconds_count 0",
            "webrtc_signaling_messages_total{type=\"offer\"} 0",
            "webrtc_errors_total{type=\"internal\"} 0",
            "redis_operation_duration_seconds_count{operation=\"script\"} 0",
        ] {
            assert!(text.contains(name), "{name}");
        }
    }

    #[tokio::test]
    async fn with_a_port_of_their_own_figures_leave_the_client_port() {
        for path in [
            "/metrics",
            "/metrics/business",
            "/health/detailed",
            "/health/system",
        ] {
            assert_eq!(
                ask(site().public(false), get(path)).await.0,
                StatusCode::NOT_FOUND,
                "{path}"
            );
            assert_eq!(
                ask(site().internal(), get(path)).await.0,
                StatusCode::OK,
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn an_address_is_limited_but_never_a_probe() {
        let router = site().public(true);
        let from = |path: &str| {
            let mut request = get(path);
            let peer: SocketAddr = "203.0.113.7:1234".parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        };
        for _ in 0..2 {
            assert_eq!(ask(router.clone(), from("/health")).await.0, StatusCode::OK);
        }
        let (status, headers, body) = ask(router.clone(), from("/health")).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::TOO_MANY_REQUESTS, &"rate_limited".into())
        );
        assert!(headers.contains_key(header::RETRY_AFTER));
        assert_eq!(ask(router.clone(), from("/health/live")).await.0, StatusCode::OK);
        assert_eq!(ask(router, from("/metrics")).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn what_is_not_there_is_said_in_json() {
        let (status, _, body) = ask(site().public(true), get("/no/such")).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::NOT_FOUND, &"not_found".into())
        );
        let post = Request::post("/health").body(Body::empty()).unwrap();
        let (status, _, body) = ask(site().public(true), post).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::METHOD_NOT_ALLOWED, &"method_not_allowed".into())
        );
    }
}

//! How the pod is, for probes and for people.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Site;
use crate::metrics::process::{Allowance, Process, REVISION, VERSION, load_average};
use crate::status::Phase;

/// Whether the pod answers at all.
pub(super) async fn basic(State(site): State<Site>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "pod": site.status.pod,
        "version": VERSION,
        "uptimeSeconds": site.status.started().elapsed().as_secs(),
    }))
}

/// Whether load balancers should send clients here.
pub(super) async fn ready(State(site): State<Site>) -> Response {
    let reasons = unready(&site);
    if reasons.is_empty() {
        return Json(json!({"status": "ready"})).into_response();
    }
    let body = Json(json!({"status": "notReady", "reasons": reasons}));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

/// A pod that has never reached Redis is not known to the other pods; one that has goes on without it.
fn unready(site: &Site) -> Vec<&'static str> {
    let phase = match site.status.phase() {
        Phase::Starting => Some("starting"),
        Phase::Serving => None,
        Phase::Draining => Some("draining"),
    };
    let redis = site.redis.as_ref().filter(|redis| !redis.is_known());
    phase.into_iter().chain(redis.map(|_| "redis")).collect()
}

/// Whether the pod's own loops go round. Never about anything outside of the pod.
pub(super) async fn live(State(site): State<Site>) -> Response {
    let stalled = site.status.stalled(Instant::now());
    if stalled.is_empty() {
        return Json(json!({"status": "live"})).into_response();
    }
    let body = Json(json!({"status": "stalled", "workers": stalled}));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

/// How full the pod is, and each worker.
pub(super) async fn connections(State(site): State<Site>) -> Json<Value> {
    let all = site.status.occupancy();
    let workers: Vec<_> = site
        .status
        .workers()
        .iter()
        .map(|worker| worker.occupancy())
        .collect();
    Json(json!({
        "active": all.active,
        "max": site.status.max_connections,
        "waiting": all.waiting,
        "matched": all.matched,
        "queued": all.queued,
        "workers": workers,
    }))
}

/// The state of each part. This build publishes no events.
pub(super) async fn detailed(State(site): State<Site>) -> Json<Value> {
    let stalled = site.status.stalled(Instant::now());
    let all = site.status.occupancy();
    let reasons = unready(&site);
    let redis_up = site.redis.as_ref().is_none_or(|redis| redis.is_up());
    let healthy = stalled.is_empty() && reasons.is_empty() && redis_up;
    Json(json!({
        "status": if healthy { "ok" } else { "degraded" },
        "phase": site.status.phase(),
        "reasons": reasons,
        "pod": site.status.pod,
        "version": VERSION,
        "revision": REVISION,
        "uptimeSeconds": site.status.started().elapsed().as_secs(),
        "workers": {"count": site.status.workers().len(), "stalled": stalled},
        "connections": {"active": all.active, "max": site.status.max_connections},
        "matching": {"mode": if site.redis.is_some() { "redis" } else { "embedded" }, "queued": all.queued},
        "redis": redis(&site),
        "kafka": {"mode": "off"},
    }))
}

fn redis(site: &Site) -> Value {
    let Some(redis) = &site.redis else {
        return json!({"mode": "embedded"});
    };
    let peers = redis.peers();
    let mut pods: Vec<&String> = peers.keys().collect();
    pods.sort();
    let since = redis
        .renewed_at()
        .map(|at| site.clock.now().since(at).as_millis() as u64);
    json!({
        "mode": redis.topology(),
        "status": if redis.is_up() { "up" } else { "away" },
        "error": redis.error(),
        "lastAnsweredMsAgo": since,
        "otherPods": pods,
    })
}

/// The process and what it may use.
pub(super) async fn system(State(_): State<Site>) -> Json<Value> {
    let process = Process::read().ok().map(|process| {
        json!({
            "cpuSeconds": process.cpu.as_secs_f64(),
            "residentBytes": process.resident_bytes,
            "virtualBytes": process.virtual_bytes,
            "openFds": process.open_fds,
            "maxFds": process.max_fds,
            "threads": process.threads,
        })
    });
    Json(json!({
        "process": process,
        "limits": Allowance::read(),
        "loadAverage": load_average(),
        "cpus": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    }))
}

//! Several pods over one Redis are one service.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clusters;
mod commands;
mod draining;
mod matching;
mod outage;
mod polling;
mod releases;
mod returning;
mod servers;
mod tls;
mod topologies;
mod upgrades;
mod users;

use std::time::Duration;

use chat_tests::client::{Client, PATIENCE};
use chat_tests::pod::Pod;
use chat_tests::redis::Redis;
use chat_tests::target::Target;
use redis::IntoConnectionInfo as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout};

/// Settings with which a test need not wait for long.
const QUICK: &[(&str, &str)] = &[
    ("POD_SECRET", "shared by the pods of this test"),
    ("CLUSTER_WORKERS", "1"),
    ("POD_LEASE_MS", "1000"),
    ("RATE_LIMIT_MAX_REQUESTS", "0"),
    ("LOG_LEVEL", "debug"),
];

/// A Redis, and pods that have found each other there.
struct Service {
    redis: Redis,
    pods: Vec<Pod>,
}

impl Service {
    async fn start(pods: usize) -> Self {
        Self::start_with(pods, &[]).await
    }

    async fn start_with(pods: usize, settings: &[(&str, &str)]) -> Self {
        let redis = Redis::start(&[]).unwrap();
        let pods: Vec<Pod> = (0..pods)
            .map(|number| start_pod(&redis.url(), number, settings))
            .collect();
        have_met(&pods).await;
        Self { redis, pods }
    }

    /// Waits until it is written down that a client is in a match, behind its back.
    async fn has_written_the_match(&self, client: &Client) {
        eventually("the match is written down", async || {
            is_match_written(&self.redis, client)
        })
        .await;
    }
}

/// Waits until each pod knows all others and is all right.
async fn have_met(pods: &[Pod]) {
    for pod in pods {
        eventually("all pods know each other", async || {
            let health = health(pod).await;
            let known = health["redis"]["otherPods"].as_array().map(Vec::len);
            known == Some(pods.len() - 1) && health["status"] == "ok"
        })
        .await;
    }
}

fn connect(redis: &Redis) -> redis::Connection {
    let info = redis.url().into_connection_info().unwrap();
    // Without an introduction that the server may not know: a test counts what is refused.
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    let client = redis::Client::open(info.set_redis_settings(settings)).unwrap();
    client.get_connection().unwrap()
}

/// A key of a client's session.
fn key(what: &str, client: &Client) -> String {
    format!(
        "chat:{what}:{{{}}}",
        client.session()["sessionId"].as_str().unwrap()
    )
}

/// Whether Redis has a client's side of a match; a node of a cluster that has others' does not.
fn is_match_written(redis: &Redis, client: &Client) -> bool {
    let exists = redis::cmd("EXISTS")
        .arg(key("match", client))
        .query(&mut connect(redis));
    exists.unwrap_or(false)
}

fn start_pod(redis: &str, number: usize, settings: &[(&str, &str)]) -> Pod {
    let name = format!("pod-{number}");
    let own = [("REDIS_URL", redis), ("POD_ID", &name)];
    let settings = [QUICK, &own, settings].concat();
    Pod::start(&settings).unwrap()
}

/// `/health/detailed`.
async fn health(pod: &Pod) -> Value {
    serde_json::from_str(&body(&get(pod, "/health/detailed").await)).unwrap()
}

/// The status of an answer.
async fn status(pod: &Pod, path: &str) -> u16 {
    status_of(&get(pod, path).await)
}

fn status_of(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The body of an answer, which may come in chunks.
fn body(answer: &str) -> String {
    let (head, mut body) = answer.split_once("\r\n\r\n").unwrap();
    if !head.to_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole.push_str(&rest[..length]);
        body = &rest[(length + 2).min(rest.len())..];
    }
    whole
}

async fn get(pod: &Pod, path: &str) -> String {
    ask(pod, "GET", path, "").await
}

async fn ask(pod: &Pod, method: &str, path: &str, body: &str) -> String {
    ask_at(&pod.target(), method, path, body).await
}

/// Sends one request, and waits for the whole answer.
async fn ask_at(target: &Target, method: &str, path: &str, body: &str) -> String {
    let mut socket = target.connect().await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: pod\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(PATIENCE, socket.read_to_string(&mut answer)).await;
    read.expect("an answer in time").unwrap();
    answer
}

/// Waits until something holds, and fails when it does not in time.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

//! Redis away, empty or old.

use std::time::Duration;

use chat_tests::client::Client;
use chat_tests::redis::Redis;
use redis::cmd;
use rustix::process::Signal;
use serde_json::json;
use tokio::time::Instant;

use super::matching::pair;
use super::{Service, connect, eventually, have_met, health, is_match_written, key};

#[tokio::test]
async fn while_redis_is_away_calls_go_on_and_neighbours_find_each_other() {
    let service = Service::start(2).await;
    let [mut one, mut other] = pair(&service.pods[0], &service.pods[1]).await;
    service.redis.pause().unwrap();
    eventually("the pods notice", async || {
        health(&service.pods[0]).await["redis"]["status"] == "away"
    })
    .await;
    let told = health(&service.pods[0]).await;
    assert_eq!(told["status"], "degraded");
    assert!(told["redis"]["error"].is_string(), "{told}");
    assert_eq!(
        super::status(&service.pods[0], "/health/ready").await,
        200,
        "it was reached once"
    );
    assert_eq!(super::status(&service.pods[0], "/health/live").await, 200);
    // Those of one pod do without.
    let target = service.pods[0].target();
    let [mut near, mut neighbour] = Client::pair(&target).await.unwrap();
    near.call("chat_message", json!({"text": "hello"})).await.unwrap();
    assert_eq!(neighbour.event("chat_message").await.unwrap()["text"], "hello");
    // Those of two wait for it.
    one.call("chat_message", json!({"text": "later"})).await.unwrap();
    service.redis.resume().unwrap();
    assert_eq!(other.event("chat_message").await.unwrap()["text"], "later");
    eventually("the pods notice", async || {
        health(&service.pods[0]).await["status"] == "ok"
    })
    .await;
}

#[tokio::test]
async fn after_a_flushall_owners_write_back_what_they_own() {
    let mut service = Service::start(2).await;
    let [one, mut other] = pair(&service.pods[0], &service.pods[1]).await;
    let mut waiting = Client::connect(&service.pods[1].target()).await.unwrap();
    waiting.call("find_match", None).await.unwrap();
    waiting.event("waiting").await.unwrap();
    service.has_written_the_match(&one).await;
    cmd("FLUSHALL").exec(&mut connect(&service.redis)).unwrap();
    service.has_written_the_match(&one).await;
    let auth = one.resume(None);
    drop(service.pods.remove(0));
    let mut back = Client::connect_with(&service.pods[0].target(), &auth)
        .await
        .unwrap();
    assert_eq!(back.session()["state"], "matched");
    other
        .call("chat_message", json!({"text": "still there?"}))
        .await
        .unwrap();
    assert_eq!(back.event("chat_message").await.unwrap()["text"], "still there?");
    let mut late = Client::connect(&service.pods[0].target()).await.unwrap();
    late.call("find_match", None).await.unwrap();
    late.event("match_found").await.unwrap();
    waiting.event("match_found").await.unwrap();
}

/// Everything that Redis holds, as it is to be put back.
fn snapshot(redis: &Redis) -> Vec<(String, i64, Vec<u8>)> {
    let mut control = connect(redis);
    let keys: Vec<String> = cmd("KEYS").arg("*").query(&mut control).unwrap();
    let entry = |key: String| {
        let left: i64 = cmd("PTTL").arg(&key).query(&mut control).unwrap();
        let value: Option<Vec<u8>> = cmd("DUMP").arg(&key).query(&mut control).unwrap();
        // It may have run out, or been taken out, a moment ago.
        Some((key, left.max(0), value?))
    };
    keys.into_iter().filter_map(entry).collect()
}

/// In one step, as a server that starts anew with an old file: whoever was connected is not any more.
fn restore(redis: &Redis, snapshot: &[(String, i64, Vec<u8>)]) {
    let mut pipeline = redis::pipe();
    pipeline.atomic().cmd("FLUSHALL");
    for (key, left, value) in snapshot {
        pipeline.cmd("RESTORE").arg(key).arg(left).arg(value);
    }
    for kind in ["normal", "pubsub"] {
        pipeline.cmd("CLIENT").arg(&["KILL", "TYPE", kind]);
    }
    pipeline.exec(&mut connect(redis)).unwrap();
}

#[tokio::test]
async fn an_old_snapshot_brings_no_match_back_that_is_over() {
    let mut service = Service::start(2).await;
    let [mut one, mut other] = pair(&service.pods[0], &service.pods[1]).await;
    service.has_written_the_match(&one).await;
    service.has_written_the_match(&other).await;
    let old = snapshot(&service.redis);
    // The two part, and one of them meets somebody else.
    one.call("next_match", None).await.unwrap();
    other.event("peer_disconnected").await.unwrap();
    let mut next = Client::connect(&service.pods[1].target()).await.unwrap();
    next.call("find_match", None).await.unwrap();
    let (found, _) = tokio::join!(one.event("match_found"), next.event("match_found"));
    let present = found.unwrap()["matchId"].clone();
    restore(&service.redis, &old);
    eventually("owners have put right what is written", async || {
        !is_match_written(&service.redis, &other)
            && is_match_written(&service.redis, &next)
            && snapshot(&service.redis).iter().any(|(name, _, value)| {
                *name == key("match", &one) && old.iter().all(|(_, _, old)| old != value)
            })
    })
    .await;
    have_met(&service.pods).await;
    let auth = one.resume(None);
    drop(service.pods.remove(0));
    let mut back = Client::connect_with(&service.pods[0].target(), &auth)
        .await
        .unwrap();
    let session = back.session();
    assert_eq!(session["matchId"], present, "the match that it was in: {session}");
    next.event("peer_resumed").await.unwrap();
    next.call("chat_message", json!({"text": "still there?"}))
        .await
        .unwrap();
    assert_eq!(back.event("chat_message").await.unwrap()["text"], "still there?");
}

#[tokio::test]
async fn a_restarted_redis_with_all_leases_gone_makes_nobody_lost() {
    let period = Duration::from_millis(2_500);
    let service = Service::start_with(3, &[("POD_LEASE_MS", "2500")]).await;
    let [mut one, mut other] = pair(&service.pods[0], &service.pods[2]).await;
    // It is away for longer than any pod would wait for another,
    let began = Instant::now();
    service.redis.pause().unwrap();
    eventually("leases have run out", async || began.elapsed() > period * 2).await;
    // and when it is back and empty, one pod is there before the others.
    service.pods[2].signal(Signal::STOP).unwrap();
    service.redis.resume().unwrap();
    cmd("FLUSHALL").exec(&mut connect(&service.redis)).unwrap();
    let is_back = || -> bool {
        let lease = cmd("HEXISTS").arg(&["chat:pods", "pod-0"]).to_owned();
        lease.query(&mut connect(&service.redis)).unwrap()
    };
    eventually("the first pod is back", async || is_back()).await;
    service.pods[2].signal(Signal::CONT).unwrap();
    have_met(&service.pods).await;
    let back = Instant::now();
    eventually("leases would have run out", async || back.elapsed() > period * 2).await;
    have_met(&service.pods).await;
    for pod in &service.pods {
        assert!(!pod.log().contains("a worker is lost"), "nobody was");
    }
    one.call("chat_message", json!({"text": "hello"})).await.unwrap();
    assert_eq!(other.event("chat_message").await.unwrap()["text"], "hello");
}

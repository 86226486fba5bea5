//! Redis away, empty or old.

use chat_tests::client::Client;
use serde_json::json;

use super::matching::pair;
use super::{Service, connect, eventually, health};

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
    redis::cmd("FLUSHALL").exec(&mut connect(&service.redis)).unwrap();
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

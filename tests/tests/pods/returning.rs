//! Whoever loses a connection, or a pod, comes back on any pod.

use std::time::Duration;

use chat_tests::client::Client;
use rustix::process::Signal;
use serde_json::json;
use tokio::time::Instant;

use super::matching::pair;
use super::{Service, connect, eventually, key};

#[tokio::test]
async fn a_dropped_client_comes_back_on_another_pod_and_has_missed_nothing() {
    let service = Service::start(2).await;
    let [one, mut other] = pair(&service.pods[0], &service.pods[0]).await;
    let auth = one.resume(Some(0));
    one.lose();
    other.event("peer_reconnecting").await.unwrap();
    other
        .call("chat_message", json!({"text": "while you were away"}))
        .await
        .unwrap();
    let mut back = Client::connect_with(&service.pods[1].target(), &auth)
        .await
        .unwrap();
    let session = back.session();
    assert_eq!(
        (&session["resumed"], &session["state"]),
        (&json!(true), &json!("matched"))
    );
    let missed = back.event("chat_message").await.unwrap();
    assert_eq!(missed["text"], "while you were away");
    other.event("peer_resumed").await.unwrap();
    back.call("chat_message", json!({"text": "here again"}))
        .await
        .unwrap();
    assert_eq!(other.event("chat_message").await.unwrap()["text"], "here again");
}

#[tokio::test]
async fn a_killed_pod_costs_no_match() {
    let mut service = Service::start(2).await;
    let [one, mut other] = pair(&service.pods[0], &service.pods[1]).await;
    service.has_written_the_match(&one).await;
    let auth = one.resume(None);
    drop(service.pods.remove(0));
    let began = Instant::now();
    let mut back = Client::connect_with(&service.pods[0].target(), &auth)
        .await
        .unwrap();
    let session = back.session().clone();
    assert_eq!(
        (&session["resumed"], &session["state"]),
        (&json!(true), &json!("matched"))
    );
    assert_eq!(session["renegotiate"], true, "what died unwritten is told");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let again = other.event("peer_resumed").await.unwrap();
    assert_eq!(again["renegotiate"], true);
    other
        .call("chat_message", json!({"text": "still there?"}))
        .await
        .unwrap();
    assert_eq!(back.event("chat_message").await.unwrap()["text"], "still there?");
    back.call("chat_message", json!({"text": "yes"})).await.unwrap();
    assert_eq!(other.event("chat_message").await.unwrap()["text"], "yes");
}

#[tokio::test]
async fn a_full_pod_takes_in_those_who_return_from_a_lost_one_and_nobody_new() {
    let full = [
        ("MAX_CONNECTIONS_PER_WORKER", "2"),
        ("SOCKET_IO_CONNECT_TIMEOUT", "2000"),
    ];
    let mut service = Service::start_with(2, &full).await;
    let [one, mut other] = pair(&service.pods[0], &service.pods[1]).await;
    let _neighbour = Client::connect(&service.pods[1].target()).await.unwrap();
    service.has_written_the_match(&one).await;
    let auth = one.resume(None);
    drop(service.pods.remove(0));
    let target = service.pods[0].target();
    let stranger = tokio::time::timeout(Duration::from_secs(5), Client::connect(&target)).await;
    assert!(!matches!(stranger, Ok(Ok(_))), "the pod is full");
    let back = Client::connect_with(&target, &auth).await.unwrap();
    assert_eq!(back.session()["state"], "matched");
    other.event("peer_resumed").await.unwrap();
}

#[tokio::test]
async fn who_waited_on_a_killed_pod_waits_on() {
    let mut service = Service::start(2).await;
    let mut one = Client::connect(&service.pods[0].target()).await.unwrap();
    let session = key("session", &one);
    let record = || -> Option<Vec<u8>> {
        let body = redis::cmd("HGET").arg(&session).arg("body").to_owned();
        body.query(&mut connect(&service.redis)).unwrap()
    };
    eventually("the session is written down", async || record().is_some()).await;
    let idle = record();
    one.call("find_match", None).await.unwrap();
    one.event("waiting").await.unwrap();
    eventually("the wait is written down", async || record() != idle).await;
    let auth = one.resume(None);
    drop(service.pods.remove(0));
    let mut back = Client::connect_with(&service.pods[0].target(), &auth)
        .await
        .unwrap();
    assert_eq!(back.session()["state"], "waiting");
    let mut other = Client::connect(&service.pods[0].target()).await.unwrap();
    other.call("find_match", None).await.unwrap();
    let found = back.event("match_found").await.unwrap();
    assert_eq!(
        found["matchId"],
        other.event("match_found").await.unwrap()["matchId"]
    );
}

#[tokio::test]
async fn a_stopped_pod_that_wakes_finds_its_sessions_taken() {
    let service = Service::start(2).await;
    let [mut one, mut other] = pair(&service.pods[0], &service.pods[1]).await;
    service.has_written_the_match(&one).await;
    service.pods[0].signal(Signal::STOP).unwrap();
    let auth = one.resume(None);
    let mut back = Client::connect_with(&service.pods[1].target(), &auth)
        .await
        .unwrap();
    assert_eq!(back.session()["state"], "matched");
    eventually("the stopped pod counts as lost", async || {
        super::health(&service.pods[1]).await["redis"]["otherPods"] == json!([])
    })
    .await;
    service.pods[0].signal(Signal::CONT).unwrap();
    assert!(one.ended().await.is_ok(), "its connection is closed");
    other.event("peer_resumed").await.unwrap();
    for number in 0..3 {
        let text = json!({"text": number.to_string()});
        other.call("chat_message", text.clone()).await.unwrap();
        assert_eq!(back.event("chat_message").await.unwrap()["text"], text["text"]);
        back.call("chat_message", text.clone()).await.unwrap();
        assert_eq!(other.event("chat_message").await.unwrap()["text"], text["text"]);
    }
    let health = super::health(&service.pods[0]).await;
    assert_eq!(health["redis"]["status"], "up", "{health}");
}

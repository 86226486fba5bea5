//! Other releases than that of the machine.

use chat_tests::client::Client;
use chat_tests::pod::Pod;
use chat_tests::redis::{Other, Redis};
use serde_json::json;

use super::matching::pair;
use super::servers::access_control_list;
use super::{eventually, have_met, is_match_written, start_pod};

#[tokio::test]
async fn valkey_is_as_good_as_redis() {
    let rule = access_control_list("chat");
    let user: Vec<&str> = ["--user"].into_iter().chain(rule.split(' ')).collect();
    let valkey = Redis::start_other(Other::Valkey, &user).unwrap();
    let settings = [("REDIS_USERNAME", "pods"), ("REDIS_PASSWORD", "secret")];
    let mut pods: Vec<Pod> = (0..2)
        .map(|number| start_pod(&valkey.url(), number, &settings))
        .collect();
    have_met(&pods).await;
    let [mut one, mut other] = pair(&pods[0], &pods[1]).await;
    one.call("chat_message", json!({"text": "over Valkey"}))
        .await
        .unwrap();
    assert_eq!(other.event("chat_message").await.unwrap()["text"], "over Valkey");
    eventually("the match is written down", async || {
        is_match_written(&valkey, &one)
    })
    .await;
    let auth = one.resume(None);
    drop(pods.remove(0));
    let back = Client::connect_with(&pods[0].target(), &auth).await.unwrap();
    assert_eq!(back.session()["state"], "matched");
    other.event("peer_resumed").await.unwrap();
}

#[test]
fn a_server_that_is_too_old_ends_the_pod_with_one_line() {
    let old = Redis::start_other(Other::TooOld, &[]).unwrap();
    let settings = [("REDIS_URL", &*old.url()), ("POD_SECRET", "x")];
    let (status, said) = Pod::fail(&settings).unwrap();
    assert!(!status.success(), "{said}");
    let words = "Redis is of version 5.0.6; at least 6.0 is needed";
    assert_eq!(said.matches(words).count(), 1, "{said}");
}

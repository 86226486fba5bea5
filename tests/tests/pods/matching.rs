//! People of different pods find each other, and talk.

use chat_tests::client::Client;
use chat_tests::pod::Pod;
use serde_json::{Value, json};

use super::Service;

/// Two in one match, in the order of their pods.
pub(super) async fn pair(one: &Pod, other: &Pod) -> [Client; 2] {
    let mut one = Client::connect(&one.target()).await.unwrap();
    let mut other = Client::connect(&other.target()).await.unwrap();
    one.call("find_match", None).await.unwrap();
    other.call("find_match", None).await.unwrap();
    // Both at once: whoever does not read does not answer pings, and is not matched.
    let (found, found_too) = tokio::join!(one.event("match_found"), other.event("match_found"));
    let (found, found_too) = (found.unwrap(), found_too.unwrap());
    assert_eq!(found["matchId"], found_too["matchId"]);
    assert_ne!(found["initiator"], found_too["initiator"]);
    [one, other]
}

#[tokio::test]
async fn two_on_different_pods_are_matched_and_talk() {
    let service = Service::start(2).await;
    let [mut one, mut other] = pair(&service.pods[0], &service.pods[1]).await;
    let offer = json!({"sdp": "v=0\r\n", "type": "offer"});
    one.call("webrtc_offer", offer).await.unwrap();
    let came = other.event("webrtc_offer").await.unwrap();
    assert_eq!(came["seq"], 1, "{came}");
    for number in 1..=20 {
        let text = json!({"text": number.to_string()});
        one.call("chat_message", text.clone()).await.unwrap();
        let came: Value = other.event("chat_message").await.unwrap();
        assert_eq!((&came["text"], &came["seq"]), (&text["text"], &json!(number + 1)));
    }
    one.call("leave_match", None).await.unwrap();
    let end = other.event("peer_disconnected").await.unwrap();
    assert_eq!(end["reason"], "left");
}

#[tokio::test]
async fn two_services_with_different_prefixes_never_meet() {
    let service = Service::start(1).await;
    let other = super::start_pod(&service.redis.url(), 1, &[("REDIS_PREFIX", "another")]);
    let mut one = Client::connect(&service.pods[0].target()).await.unwrap();
    let mut stranger = Client::connect(&other.target()).await.unwrap();
    for client in [&mut one, &mut stranger] {
        client.call("find_match", None).await.unwrap();
        let place = client.event("waiting").await.unwrap();
        assert_eq!(place["position"], 1, "nobody else is there");
    }
    let met = one.event("match_found");
    assert!(
        tokio::time::timeout(std::time::Duration::from_secs(2), met)
            .await
            .is_err()
    );
    assert_eq!(super::health(&other).await["redis"]["otherPods"], json!([]));
}

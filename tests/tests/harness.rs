//! The harness itself: a pod is started and ended, and a client says and hears what a stock client does.

use std::time::Duration;

use chat_tests::client::Client;
use chat_tests::connection::{ConnectError, Connection, Ended};
use chat_tests::pod::Pod;
use chat_tests::target::Target;
use chat_tests::websocket::{Closed, OpenError};
use serde_json::json;
use signaling_wire::websocket::CloseCode;

#[tokio::test]
async fn two_clients_find_each_other_and_signals_pass_between_them() {
    let pod = Pod::start(&[]).unwrap();
    let [mut caller, mut callee] = Client::pair(&pod.target()).await.unwrap();
    let offer = json!({"type": "offer", "sdp": "v=0"});
    assert_eq!(
        caller.call("webrtc_offer", offer).await.unwrap(),
        json!({"ok": true})
    );
    let offered = callee.event("webrtc_offer").await.unwrap();
    assert_eq!((&offered["sdp"], &offered["seq"]), (&json!("v=0"), &json!(1)));
    caller.leave().await.unwrap();
    assert_eq!(
        callee.event("peer_disconnected").await.unwrap()["reason"],
        json!("left")
    );
    callee.disconnect().await.unwrap();
    pod.stop().unwrap();
}

#[tokio::test]
async fn a_client_that_is_lost_resumes_by_its_token() {
    let pod = Pod::start(&[("CLUSTER_WORKERS", "1")]).unwrap();
    let client = Client::connect(&pod.target()).await.unwrap();
    let (auth, id) = (client.resume(None), client.session()["sessionId"].clone());
    client.lose();
    let client = Client::connect_with(&pod.target(), &auth).await.unwrap();
    assert_eq!(client.session()["resumed"], true);
    assert_eq!(client.session()["sessionId"], id);
}

#[tokio::test]
async fn a_pod_that_drains_tells_its_clients_and_closes_them() {
    let mut pod = Pod::start(&[]).unwrap();
    let mut client = Client::connect(&pod.target()).await.unwrap();
    pod.signal(rustix::process::Signal::TERM).unwrap();
    client.event("draining").await.unwrap();
    assert!(matches!(
        client.ended().await.unwrap(),
        Ended::Closed(Closed::Frame { .. })
    ));
    assert!(pod.wait(Duration::from_secs(60)).unwrap().success());
}

#[tokio::test]
async fn a_refusal_says_why() {
    let pod = Pod::start(&[("CLUSTER_WORKERS", "1"), ("MAX_CONNECTIONS_PER_WORKER", "1")]).unwrap();
    let client = Client::connect(&pod.target()).await.unwrap();
    let refused = Connection::connect(&pod.target(), None).await.unwrap_err();
    let ConnectError::Open(OpenError::Refused {
        status,
        retry_after,
        body,
    }) = refused
    else {
        panic!("{refused}");
    };
    assert_eq!((status, retry_after), (503, Some(Duration::from_secs(5))));
    assert!(body.contains("\"capacity\""), "{body}");
    client.leave().await.unwrap();
}

#[test]
fn a_pod_that_cannot_start_says_why() {
    let (status, words) = Pod::fail(&[("CLUSTER_WORKERS", "none")]).unwrap();
    assert!(!status.success());
    assert!(words.contains("CLUSTER_WORKERS"), "{words}");
}

#[tokio::test]
async fn a_name_is_resolved_and_its_addresses_are_tried_in_turn() {
    let pod = Pod::start(&[]).unwrap();
    // `localhost` is ::1 as well, where nobody listens.
    let url = format!("http://localhost:{}", pod.address().port());
    let target = Target::resolve(&url, None).await.unwrap();
    let mut connection = Connection::connect(&target, None).await.unwrap();
    assert!(connection.private_id().is_some() && !connection.socket_id().is_empty());
    connection.close(CloseCode::NORMAL);
    connection.flush().await.unwrap();
}

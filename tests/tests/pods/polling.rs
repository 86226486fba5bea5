//! No sticky sessions: whichever pod a poll reaches, the owner answers it.

use chat_tests::client::{Client, PATIENCE};
use chat_tests::pod::Pod;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Service, ask, body, status_of};

/// A client that only polls, and asks another pod each time.
pub(crate) struct Poller<'a> {
    pods: &'a [Pod],
    turn: usize,
    pub(crate) sid: String,
}

impl<'a> Poller<'a> {
    pub(crate) async fn open(pods: &'a [Pod]) -> Self {
        let answer = super::get(&pods[0], "/socket.io/?EIO=4&transport=polling").await;
        let open: Value = serde_json::from_str(body(&answer).strip_prefix('0').unwrap()).unwrap();
        let sid = open["sid"].as_str().unwrap().to_owned();
        Self { pods, turn: 0, sid }
    }

    /// The pod whose turn it is: never the one that the session is on.
    fn pod(&mut self) -> &'a Pod {
        self.turn += 1;
        &self.pods[1 + self.turn % (self.pods.len() - 1)]
    }

    fn path(&self) -> String {
        format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid)
    }

    pub(crate) async fn post(&mut self, packets: &str) -> String {
        let path = self.path();
        ask(self.pod(), "POST", &path, packets).await
    }

    async fn poll(&mut self) -> String {
        let path = self.path();
        let answer = super::get(self.pod(), &path).await;
        assert_eq!(status_of(&answer), 200, "{answer}");
        body(&answer)
    }

    /// Polls until a packet contains these words.
    pub(crate) async fn until(&mut self, words: &str) -> String {
        let found = timeout(PATIENCE, self.search(words)).await;
        found.unwrap_or_else(|_| panic!("not told in {PATIENCE:?}: {words}"))
    }

    async fn search(&mut self, words: &str) -> String {
        loop {
            let packets = self.poll().await;
            if packets.contains(words) {
                return packets;
            }
            if packets.contains('2') {
                self.post("3").await;
            }
        }
    }
}

#[tokio::test]
async fn a_polling_client_whose_every_request_reaches_another_pod_is_served() {
    let service = Service::start(3).await;
    let mut poller = Poller::open(&service.pods).await;
    assert_eq!(status_of(&poller.post("40").await), 200);
    let welcome = poller.until("\"session\"").await;
    assert!(welcome.contains("40{\"sid\""), "{welcome}");
    poller.post("42[\"find_match\",{}]").await;
    let mut other = Client::connect(&service.pods[1].target()).await.unwrap();
    other.call("find_match", None).await.unwrap();
    poller.until("match_found").await;
    other.event("match_found").await.unwrap();
    for number in 0..5 {
        poller
            .post(&format!("42[\"chat_message\",{{\"text\":\"{number}\"}}]"))
            .await;
        assert_eq!(
            other.event("chat_message").await.unwrap()["text"],
            number.to_string()
        );
        other
            .call("chat_message", json!({"text": format!("answer {number}")}))
            .await
            .unwrap();
        poller.until(&format!("answer {number}")).await;
    }
    assert_eq!(status_of(&poller.post("41").await), 200);
    other.event("peer_disconnected").await.unwrap();
}

#[tokio::test]
async fn a_session_of_a_pod_that_is_gone_is_unknown_and_a_forged_one_too() {
    let mut service = Service::start(2).await;
    let poller = Poller::open(&service.pods).await;
    let path = poller.path();
    drop(service.pods.remove(0));
    let answer = super::get(&service.pods[0], &path).await;
    assert_eq!(status_of(&answer), 400, "{answer}");
    assert!(body(&answer).contains("Session ID unknown"), "{answer}");
    let forged = path.replace("pod-0.", "pod-7.");
    let answer = super::get(&service.pods[0], &forged).await;
    assert!(body(&answer).contains("Session ID unknown"), "{answer}");
}

#[tokio::test]
async fn an_oversized_or_given_up_request_ends_the_session_wherever_it_came_in() {
    let service = Service::start_with(2, &[("MAX_PACKET_BYTES", "20000")]).await;
    let mut poller = Poller::open(&service.pods).await;
    let answer = poller.post(&"4".repeat(30_000)).await;
    assert_eq!(status_of(&answer), 413, "{answer}");
    let path = poller.path();
    let answer = super::get(&service.pods[0], &path).await;
    assert!(body(&answer).contains("Session ID unknown"), "{answer}");
}

#[tokio::test]
async fn what_a_page_posts_with_its_last_breath_arrives_by_way_of_another_pod() {
    let service = Service::start(2).await;
    for _ in 0..20 {
        let mut poller = Poller::open(&service.pods).await;
        poller.post("40").await;
        poller.until("\"session\"").await;
        poller.post("42[\"find_match\",{}]").await;
        let mut other = Client::connect(&service.pods[1].target()).await.unwrap();
        other.call("find_match", None).await.unwrap();
        poller.until("match_found").await;
        other.event("match_found").await.unwrap();
        let path = poller.path();
        let mut socket = TcpStream::connect(service.pods[1].address()).await.unwrap();
        let farewell = format!("POST {path} HTTP/1.1\r\nhost: pod\r\ncontent-length: 2\r\n\r\n41");
        socket.write_all(farewell.as_bytes()).await.unwrap();
        drop(socket);
        other.event("peer_disconnected").await.unwrap();
        other.leave().await.unwrap();
    }
}

//! No WebSocket stays proxied: a session goes to the pod that its client's WebSocket has reached.

use chat_tests::client::{Client, PATIENCE};
use chat_tests::pod::Pod;
use chat_tests::websocket::WebSocket;
use signaling_wire::websocket::Message;
use tokio::time::timeout;

use super::polling::Poller;
use super::{Service, body, eventually, get, health};

/// A client's WebSocket, as packets.
struct Socket {
    socket: WebSocket,
    packets: std::collections::VecDeque<String>,
}

impl Socket {
    async fn open(pod: &Pod, sid: &str) -> anyhow::Result<Self> {
        let path = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
        Ok(Self {
            socket: WebSocket::open(&pod.target(), &path, &[]).await?,
            packets: std::collections::VecDeque::new(),
        })
    }

    async fn send(&mut self, packet: &str) {
        self.socket.outbox().text(&[packet.as_bytes()]);
        self.socket.flush().await.unwrap();
    }

    async fn next(&mut self) -> String {
        while self.packets.is_empty() {
            let packets = &mut self.packets;
            let read = self.socket.read(|message, _| match message {
                Message::Text(text) => packets.push_back(text.to_owned()),
                other => panic!("{other:?}"),
            });
            timeout(PATIENCE, read).await.expect("a packet in time").unwrap();
        }
        self.packets.pop_front().unwrap()
    }

    async fn until(&mut self, words: &str) -> String {
        let found = timeout(PATIENCE, self.search(words)).await;
        found.unwrap_or_else(|_| panic!("not told in {PATIENCE:?}: {words}"))
    }

    async fn search(&mut self, words: &str) -> String {
        loop {
            let packet = self.next().await;
            if packet.contains(words) {
                return packet;
            }
            if packet == "2" {
                self.send("3").await;
            }
        }
    }

    /// Probes, and switches.
    async fn take_over(&mut self, poller: &mut Poller<'_>) {
        self.send("2probe").await;
        assert_eq!(self.next().await, "3probe");
        poller.until("6").await;
        self.send("5").await;
    }
}

/// How many sessions' connections each pod has.
async fn connections(service: &Service) -> Vec<u64> {
    let mut counts = Vec::new();
    for pod in &service.pods {
        let health = get(pod, "/health/connections").await;
        let health: serde_json::Value = serde_json::from_str(&body(&health)).unwrap();
        counts.push(health["active"].as_u64().unwrap());
    }
    counts
}

#[tokio::test]
async fn a_session_goes_to_the_pod_of_its_websocket_and_nobody_notices() {
    let service = Service::start(3).await;
    let mut poller = Poller::open(&service.pods).await;
    poller.post("40").await;
    poller.until("\"session\"").await;
    let mut other = Client::connect(&service.pods[1].target()).await.unwrap();
    poller.post("42[\"find_match\",{}]").await;
    other.call("find_match", None).await.unwrap();
    poller.until("match_found").await;
    other.event("match_found").await.unwrap();
    let mut socket = Socket::open(&service.pods[2], &poller.sid).await.unwrap();
    poller.post("42[\"chat_message\",{\"text\":\"polled\"}]").await;
    // What comes before the switch waits, and goes first; what is sent right behind it is taken when the session is there.
    socket.send("2probe").await;
    assert_eq!(socket.next().await, "3probe");
    other
        .call("chat_message", serde_json::json!({"text": "waits"}))
        .await
        .unwrap();
    poller.post("421[\"cancel_match\"]").await;
    socket.send("5").await;
    socket.send("42[\"chat_message\",{\"text\":\"switched\"}]").await;
    // One of them has crossed from another pod.
    let first = socket.next().await;
    let [waits, refused] = ["waits", "already_matched"].map(|words| first.contains(words));
    assert!(waits || refused, "{first}");
    socket
        .until(if waits { "already_matched" } else { "waits" })
        .await;
    for text in ["polled", "switched"] {
        assert_eq!(other.event("chat_message").await.unwrap()["text"], text);
    }
    other
        .call("chat_message", serde_json::json!({"text": "answer"}))
        .await
        .unwrap();
    socket.until("\"answer\"").await;
    assert_eq!(connections(&service).await, [0, 1, 1], "no WebSocket is proxied");
    let told = |name: &str| other.unread().iter().any(|event| event.name == name);
    assert!(
        !told("peer_reconnecting") && !told("peer_resumed"),
        "{:?}",
        other.unread()
    );
    socket.send("41").await;
    other.event("peer_disconnected").await.unwrap();
}

#[tokio::test]
async fn who_moves_before_joining_joins_at_the_new_pod() {
    let service = Service::start(2).await;
    let mut poller = Poller::open(&service.pods).await;
    let mut socket = Socket::open(&service.pods[1], &poller.sid).await.unwrap();
    socket.take_over(&mut poller).await;
    socket.send("40").await;
    socket.until("40{").await;
    assert_eq!(connections(&service).await, [0, 1]);
}

#[tokio::test]
async fn an_upgrade_that_is_given_up_leaves_the_session_where_it_is() {
    let service = Service::start(2).await;
    let mut poller = Poller::open(&service.pods).await;
    poller.post("40").await;
    poller.until("\"session\"").await;
    for packet in ["2probe", "4", "x", ""] {
        // The last one may still be ending: then the next is closed at once.
        let mut socket = loop {
            let mut socket = Socket::open(&service.pods[1], &poller.sid).await.unwrap();
            socket.socket.outbox().text(&[b"2probe"]);
            let mut answered = false;
            let read = socket
                .socket
                .read(|message, _| answered = message == Message::Text("3probe"));
            if timeout(PATIENCE, read).await.expect("an answer in time").is_ok() && answered {
                break socket;
            }
        };
        socket.send(packet).await;
        drop(socket);
        poller.post("421[\"cancel_match\"]").await;
        poller.until("431[{\"ok\":true}]").await;
    }
    assert_eq!(connections(&service).await, [1, 0]);
}

#[tokio::test]
async fn a_second_websocket_is_closed_and_one_for_nobody_refused() {
    let service = Service::start(2).await;
    let mut poller = Poller::open(&service.pods).await;
    poller.post("40").await;
    let mut first = Socket::open(&service.pods[1], &poller.sid).await.unwrap();
    first.send("2probe").await;
    assert_eq!(first.next().await, "3probe");
    let mut second = Socket::open(&service.pods[1], &poller.sid).await.unwrap();
    assert!(second.socket.read(|_, _| ()).await.is_err(), "closed");
    poller.until("6").await;
    first.send("5").await;
    first.send("421[\"cancel_match\"]").await;
    first.until("431[").await;
    assert!(
        Socket::open(&service.pods[1], &poller.sid).await.is_err(),
        "it has moved"
    );
    let forged = poller.sid.replace("pod-0.", "pod-1.");
    assert!(Socket::open(&service.pods[1], &forged).await.is_err());
}

#[tokio::test]
async fn only_pods_may_take_a_session_away() {
    let service = Service::start(2).await;
    let mut poller = Poller::open(&service.pods).await;
    poller.post("40").await;
    poller.until("\"session\"").await;
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", poller.sid);
    for proof in ["", "x-chat-forwarded: AAAA\r\n"] {
        for step in ["begin", "probe", "depart", "abandon", "nonsense"] {
            let head = format!("{path} HTTP/1.1\r\nx-chat-upgrade: {step}\r\n{proof}x-rest:");
            let answer = super::ask(&service.pods[0], "PUT", &head, "").await;
            assert_eq!(super::status_of(&answer), 400, "{step}: {answer}");
        }
    }
    poller.post("421[\"cancel_match\"]").await;
    poller.until("431[{\"ok\":true}]").await;
}

#[tokio::test]
async fn a_pod_that_dies_before_the_switch_leaves_its_clients_to_come_back() {
    let mut service = Service::start(2).await;
    let poller = Poller::open(&service.pods).await;
    let sid = poller.sid.clone();
    let mut socket = Socket::open(&service.pods[1], &sid).await.unwrap();
    socket.send("2probe").await;
    assert_eq!(socket.next().await, "3probe");
    drop(service.pods.remove(0));
    socket.send("5").await;
    assert!(socket.socket.read(|_, _| ()).await.is_err(), "closed");
    eventually("nobody is left", async || {
        health(&service.pods[0]).await["connections"]["active"] == 0
    })
    .await;
}

//! Pods that speak TLS themselves, to clients and to each other.

use std::path::PathBuf;

use chat_tests::pod::Pod;
use chat_tests::redis::Redis;
use chat_tests::target::Target;
use serde_json::Value;

use super::{ask_at, body, eventually, health, start_pod, status_of};

/// A pod with a certificate of its own, which nobody but its clients trusts.
struct Encrypted {
    pod: Pod,
    files: [PathBuf; 2],
    target: Target,
}

impl Encrypted {
    async fn start(redis: &Redis, number: usize, secret: &str) -> Self {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let name = format!("pod-tls-{:016x}", rand::random::<u64>());
        let files = ["cert", "key"].map(|what| std::env::temp_dir().join(format!("{name}-{what}.pem")));
        std::fs::write(&files[0], cert.pem()).unwrap();
        std::fs::write(&files[1], signing_key.serialize_pem()).unwrap();
        let settings = [
            ("TLS_CERT_FILE", files[0].to_str().unwrap()),
            ("TLS_KEY_FILE", files[1].to_str().unwrap()),
            ("METRICS_PORT", "0"),
            ("POD_SECRET", secret),
        ];
        let pod = start_pod(&redis.url(), number, &settings);
        let url = format!("https://localhost:{}", pod.address().port());
        let target = Target::resolve(&url, Some(&files[0])).await.unwrap();
        Self { pod, files, target }
    }

    async fn knows(&self, others: usize) {
        let inside = Target::plain(self.pod.metrics_address().unwrap());
        eventually("the pods know each other", async || {
            let health = body(&ask_at(&inside, "GET", "/health/detailed", "").await);
            let health: Value = serde_json::from_str(&health).unwrap();
            health["redis"]["otherPods"].as_array().map(Vec::len) == Some(others) && health["status"] == "ok"
        })
        .await;
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        for file in &self.files {
            std::fs::remove_file(file).unwrap();
        }
    }
}

/// Opens a session, and answers the path of its polls.
async fn open(target: &Target) -> String {
    let answer = ask_at(target, "GET", "/socket.io/?EIO=4&transport=polling", "").await;
    let open: Value = serde_json::from_str(body(&answer).strip_prefix('0').unwrap()).unwrap();
    let sid = open["sid"].as_str().unwrap();
    format!("/socket.io/?EIO=4&transport=polling&sid={sid}")
}

#[tokio::test]
async fn polls_that_reach_another_pod_are_sent_on_over_tls_and_without_it() {
    let redis = Redis::start(&[]).unwrap();
    let secret = "shared by the pods of this test";
    let one = Encrypted::start(&redis, 0, secret).await;
    let two = Encrypted::start(&redis, 1, secret).await;
    // As while TLS is turned on, pod by pod.
    let plain = start_pod(&redis.url(), 2, &[("POD_SECRET", secret)]);
    for pod in [&one, &two] {
        pod.knows(2).await;
    }
    eventually("the pods know each other", async || {
        let health = health(&plain).await;
        health["redis"]["otherPods"].as_array().map(Vec::len) == Some(2)
    })
    .await;
    let pods = [one.target.clone(), two.target.clone(), plain.target()];
    for owner in 0..pods.len() {
        let path = open(&pods[owner]).await;
        let others = [1, 2].map(|step| &pods[(owner + step) % pods.len()]);
        let answer = ask_at(others[0], "POST", &path, "40").await;
        assert_eq!(status_of(&answer), 200, "{answer}");
        let mut heard = String::new();
        for other in others.iter().cycle().take(20) {
            let answer = ask_at(other, "GET", &path, "").await;
            assert_eq!(status_of(&answer), 200, "{answer}");
            heard += &body(&answer);
            if heard.contains("\"session\"") {
                break;
            }
        }
        assert!(heard.contains("\"session\""), "{heard}");
    }
}

#[tokio::test]
async fn a_pod_that_does_not_know_the_secret_is_not_spoken_to() {
    let redis = Redis::start(&[]).unwrap();
    let one = Encrypted::start(&redis, 0, "of this service").await;
    let stranger = Encrypted::start(&redis, 1, "of another one").await;
    one.knows(1).await;
    let path = open(&stranger.target).await;
    let answer = ask_at(&one.target, "GET", &path, "").await;
    assert_eq!(status_of(&answer), 400, "{answer}");
}

//! Sentinel and Cluster.

use chat_tests::client::Client;
use chat_tests::pod::Pod;
use chat_tests::redis::Redis;
use redis::cmd;
use serde_json::json;

use super::clusters::{AS_PODS, Cluster};
use super::matching::pair;
use super::{connect, eventually, have_met, is_match_written, start_pod};

fn name(what: &str, redis: &Redis) -> String {
    let file = format!("{what}-{}-{}.conf", std::process::id(), redis.address().port());
    std::env::temp_dir().join(file).to_str().unwrap().to_owned()
}

/// A master, its replica, and a Sentinel that watches them as `acme`.
struct Watched {
    master: Redis,
    replica: Redis,
    sentinel: Redis,
    configuration: String,
}

impl Watched {
    async fn start(master: &[&str]) -> Self {
        let master = Redis::start(master).unwrap();
        let port = master.address().port().to_string();
        let replica = Redis::start(&["--replicaof", &format!("127.0.0.1 {port}")]).unwrap();
        let configuration = name("sentinel", &master);
        std::fs::write(&configuration, "").unwrap();
        let sentinel = Redis::start_sentinel(&configuration).unwrap();
        let watched = Self {
            master,
            replica,
            sentinel,
            configuration,
        };
        watched.tell(&["MONITOR", "acme", "127.0.0.1", &port, "1"]);
        for (option, value) in [("down-after-milliseconds", "500"), ("failover-timeout", "2000")] {
            watched.tell(&["SET", "acme", option, value]);
        }
        eventually("the sentinel knows the replica", async || {
            let mut control = connect(&watched.sentinel);
            let replicas: Vec<redis::Value> = cmd("SENTINEL")
                .arg(&["REPLICAS", "acme"])
                .query(&mut control)
                .unwrap();
            !replicas.is_empty()
        })
        .await;
        watched
    }

    fn tell(&self, words: &[&str]) {
        let mut control = connect(&self.sentinel);
        cmd("SENTINEL").arg(words).exec(&mut control).unwrap();
    }

    async fn start_pods(&self) -> Vec<Pod> {
        let settings = [("REDIS_TOPOLOGY", "sentinel"), ("REDIS_SENTINEL_MASTER", "acme")];
        let pods: Vec<_> = (0..2)
            .map(|number| start_pod(&self.sentinel.url(), number, &settings))
            .collect();
        have_met(&pods).await;
        pods
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // The next test has one of its own.
        let _ = std::fs::remove_file(&self.configuration);
    }
}

#[tokio::test]
async fn a_sentinel_names_the_master_and_after_a_failover_the_next_one() {
    let mut watched = Watched::start(&[]).await;
    let pods = watched.start_pods().await;
    let [mut one, mut other] = pair(&pods[0], &pods[1]).await;
    watched.master.kill();
    one.call("chat_message", json!({"text": "meanwhile"}))
        .await
        .unwrap();
    assert_eq!(other.event("chat_message").await.unwrap()["text"], "meanwhile");
    // And the way back is there as well.
    other
        .call("chat_message", json!({"text": "so it is"}))
        .await
        .unwrap();
    assert_eq!(one.event("chat_message").await.unwrap()["text"], "so it is");
    have_met(&pods).await;
    pair(&pods[0], &pods[1]).await;
}

#[tokio::test]
async fn pods_leave_a_master_that_lives_when_the_sentinels_name_another_one() {
    // It cannot be told to serve another one: a master for ever, as far as its clients see.
    let deaf = [
        "--rename-command",
        "REPLICAOF",
        "",
        "--rename-command",
        "SLAVEOF",
        "",
    ];
    let watched = Watched::start(&deaf).await;
    let pods = watched.start_pods().await;
    let [mut one, mut other] = pair(&pods[0], &pods[1]).await;
    watched.tell(&["FAILOVER", "acme"]);
    let channels = |redis: &Redis| -> Vec<String> {
        cmd("PUBSUB")
            .arg(&["CHANNELS", "chat:bus:*"])
            .query(&mut connect(redis))
            .unwrap()
    };
    eventually("both are heard of the next one, and of that alone", async || {
        channels(&watched.replica).len() == 2 && channels(&watched.master).is_empty()
    })
    .await;
    one.call("chat_message", json!({"text": "by the next one"}))
        .await
        .unwrap();
    assert_eq!(
        other.event("chat_message").await.unwrap()["text"],
        "by the next one"
    );
    have_met(&pods).await;
    pair(&pods[0], &pods[1]).await;
}

#[tokio::test]
async fn a_cluster_is_one_redis() {
    let cluster = Cluster::start(0).await;
    let mut pods: Vec<_> = (0..2)
        .map(|number| start_pod(&cluster.urls(), number, AS_PODS))
        .collect();
    have_met(&pods).await;
    let [mut one, mut other] = pair(&pods[0], &pods[1]).await;
    one.call("chat_message", json!({"text": "over the cluster"}))
        .await
        .unwrap();
    assert_eq!(
        other.event("chat_message").await.unwrap()["text"],
        "over the cluster"
    );
    eventually("the match is written down", async || {
        cluster.nodes.iter().any(|node| is_match_written(node, &one))
    })
    .await;
    let auth = one.resume(None);
    drop(pods.remove(0));
    let back = Client::connect_with(&pods[0].target(), &auth).await.unwrap();
    assert_eq!(
        back.session()["state"],
        "matched",
        "records are where their session's slot is"
    );
}

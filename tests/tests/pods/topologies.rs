//! Sentinel and Cluster.

use chat_tests::client::Client;
use chat_tests::redis::Redis;
use redis::{Connection, cmd};
use serde_json::json;

use super::clusters::{AS_PODS, Cluster};
use super::matching::pair;
use super::{connect, eventually, have_met, is_match_written, start_pod};

fn name(what: &str, redis: &Redis) -> String {
    let file = format!("{what}-{}-{}.conf", std::process::id(), redis.address().port());
    std::env::temp_dir().join(file).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_sentinel_names_the_master_and_after_a_failover_the_next_one() {
    let master = Redis::start(&[]).unwrap();
    let port = master.address().port().to_string();
    let replica = Redis::start(&["--replicaof", &format!("127.0.0.1 {port}")]).unwrap();
    let configuration = name("sentinel", &master);
    std::fs::write(&configuration, "").unwrap();
    let sentinel = Redis::start_sentinel(&configuration).unwrap();
    let mut control = connect(&sentinel);
    let monitor = |control: &mut Connection| -> redis::RedisResult<()> {
        cmd("SENTINEL")
            .arg(&["MONITOR", "acme", "127.0.0.1", &port, "1"])
            .exec(control)?;
        for (option, value) in [("down-after-milliseconds", "500"), ("failover-timeout", "2000")] {
            cmd("SENTINEL")
                .arg(&["SET", "acme", option, value])
                .exec(control)?;
        }
        Ok(())
    };
    monitor(&mut control).unwrap();
    eventually("the sentinel knows the replica", async || {
        let mut control = connect(&sentinel);
        let replicas: Vec<redis::Value> = cmd("SENTINEL")
            .arg(&["REPLICAS", "acme"])
            .query(&mut control)
            .unwrap();
        !replicas.is_empty()
    })
    .await;
    let settings = [("REDIS_TOPOLOGY", "sentinel"), ("REDIS_SENTINEL_MASTER", "acme")];
    let pods: Vec<_> = (0..2)
        .map(|number| start_pod(&sentinel.url(), number, &settings))
        .collect();
    have_met(&pods).await;
    let [mut one, mut other] = pair(&pods[0], &pods[1]).await;
    drop(master);
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
    drop(replica);
    std::fs::remove_file(configuration).unwrap();
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

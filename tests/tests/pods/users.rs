//! Users whom a token names: what is known of them beyond their sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_tests::client::Client;
use chat_tests::pod::Pod;
use chat_tests::redis::Redis;
use redis::cmd;
use serde_json::json;

use super::{connect, eventually, start_pod};

/// The secret of those whose clients are known, and what two of them show: `alice` and `bob`, until the year 2100.
const JWT_SECRET: &str = "a secret of this test, long enough for HS256";
const TOKENS: [&str; 2] = [
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMH0.gOGJoHQLP3QIW7BqkKfPFKlvSrqg41NjX2DAj8yMt3E",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IiLCJleHAiOjQxMDI0NDQ4MDB9.ZoeQV_1m5z-GON-ERyFl6l59lMWvLHW6xDVre81mux4",
];
/// The setting of pods that ask for tokens.
pub(super) const WITH_USERS: &[(&str, &str)] = &[("AUTH_JWT_SECRET", JWT_SECRET)];

/// Alice and Bob, in a match with each other.
pub(super) async fn two_users(pod: &Pod) -> [Client; 2] {
    let mut users = Vec::new();
    for token in TOKENS {
        let auth = json!({"token": token});
        let mut user = Client::connect_with(&pod.target(), &auth).await.unwrap();
        user.call("find_match", None).await.unwrap();
        users.push(user);
    }
    let [mut alice, mut bob] = <[Client; 2]>::try_from(users).unwrap();
    let (found, _) = tokio::join!(alice.event("match_found"), bob.event("match_found"));
    found.unwrap();
    [alice, bob]
}

/// What Redis has of a user.
fn statistics(redis: &Redis, user: &str) -> BTreeMap<String, u64> {
    let key = format!("chat:user:{user}");
    cmd("HGETALL").arg(key).query(&mut connect(redis)).unwrap()
}

#[tokio::test]
async fn the_statistics_of_users_are_kept_for_their_time() {
    let redis = Redis::start(&[]).unwrap();
    let settings = [WITH_USERS, &[("REDIS_TTL_USER_STATS", "600")]].concat();
    let pods: Vec<Pod> = (0..2)
        .map(|number| start_pod(&redis.url(), number, &settings))
        .collect();
    super::have_met(&pods).await;
    let [mut alice, mut bob] = two_users(&pods[0]).await;
    // So that they have talked for a while.
    tokio::time::sleep(Duration::from_millis(50)).await;
    alice.call("block_peer", json!({})).await.unwrap();
    bob.event("peer_disconnected").await.unwrap();
    let expected = [("sessions", 1), ("searches", 1), ("matches", 1), ("blocks", 1)];
    eventually("all that she did is counted", async || {
        let counted = statistics(&redis, "alice");
        let is = |(name, count): &(&str, u64)| counted.get(*name) == Some(count);
        expected.iter().all(is) && counted.contains_key("talkedMs")
    })
    .await;
    let blocked = statistics(&redis, "bob");
    assert!(!blocked.contains_key("blocks"), "nobody learns that: {blocked:?}");
    let left: i64 = cmd("PTTL")
        .arg("chat:user:alice")
        .query(&mut connect(&redis))
        .unwrap();
    let left = Duration::from_millis(left.try_into().unwrap());
    assert!(
        left > Duration::from_secs(500) && left <= Duration::from_secs(600),
        "{left:?}"
    );
    // Whatever pod she comes to next adds to it.
    let auth = json!({"token": TOKENS[0]});
    let _again = Client::connect_with(&pods[1].target(), &auth).await.unwrap();
    eventually("it is one account", async || {
        statistics(&redis, "alice")["sessions"] == 2
    })
    .await;
    // Nobody keeps an account of those without a name.
    let keys: Vec<String> = cmd("KEYS")
        .arg("chat:user:*")
        .query(&mut connect(&redis))
        .unwrap();
    assert_eq!(keys.len(), 2, "{keys:?}");
}

#[tokio::test]
async fn what_users_do_while_redis_is_away_is_counted_when_it_is_back() {
    let redis = Redis::start(&[]).unwrap();
    let pod = start_pod(&redis.url(), 0, WITH_USERS);
    super::have_met(std::slice::from_ref(&pod)).await;
    redis.pause().unwrap();
    eventually("the pod notices", async || {
        super::health(&pod).await["redis"]["status"] == "away"
    })
    .await;
    let _users = two_users(&pod).await;
    redis.resume().unwrap();
    eventually("they are counted", async || {
        statistics(&redis, "bob").get("matches") == Some(&1)
    })
    .await;
}

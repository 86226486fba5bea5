//! Shards of a cluster: their channels, and their failovers.

use std::cell::Cell;
use std::time::Duration;

use chat_tests::client::{Client, PATIENCE};
use chat_tests::pod::Pod;
use chat_tests::redis::Redis;
use redis::cmd;
use rustix::process::Signal;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::matching::pair;
use super::servers::access_control_list;
use super::{connect, eventually, have_met, key, start_pod};

/// As the user of the README.
pub(super) const AS_PODS: &[(&str, &str)] = &[
    ("REDIS_TOPOLOGY", "cluster"),
    ("REDIS_USERNAME", "pods"),
    ("REDIS_PASSWORD", "secret"),
];
const MASTERS: usize = 3;

/// A cluster.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Redis>,
}

impl Cluster {
    /// Three masters, and a replica for each of so many of them, in turn.
    pub(super) async fn start(replicas: usize) -> Self {
        let nodes = (0..MASTERS + replicas).map(|_| node()).collect();
        let cluster = Self { nodes };
        for (number, node) in cluster.nodes.iter().enumerate() {
            let mut control = connect(node);
            let mut command = async |words: Vec<String>| {
                let command = cmd("CLUSTER").arg(words).to_owned();
                command.exec(&mut control).unwrap();
            };
            if number < MASTERS {
                let slots = (0..16_384).filter(|slot| slot % MASTERS == number);
                let slots = slots.map(|slot| slot.to_string());
                command(["ADDSLOTS".to_owned()].into_iter().chain(slots).collect()).await;
            }
            command(vec!["SET-CONFIG-EPOCH".to_owned(), (number + 1).to_string()]).await;
            let first = cluster.nodes[0].address().port().to_string();
            command(vec!["MEET".to_owned(), "127.0.0.1".to_owned(), first]).await;
        }
        cluster.is_one().await;
        for (replica, master) in cluster.nodes[MASTERS..].iter().zip(&cluster.nodes) {
            follow(replica, master).await;
        }
        cluster
    }

    /// Where it is found.
    pub(super) fn urls(&self) -> String {
        let urls: Vec<String> = self.nodes.iter().map(Redis::url).collect();
        urls.join(",")
    }

    async fn is_one(&self) {
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        for node in &self.nodes {
            eventually("the cluster is one", async || {
                let said: String = cmd("CLUSTER").arg("INFO").query(&mut connect(node)).unwrap();
                said.contains("cluster_state:ok") && said.contains(&known)
            })
            .await;
        }
    }

    /// Which of the masters has a key or a channel.
    fn master_of(&self, key: &str) -> usize {
        let slot = cmd("CLUSTER").arg("KEYSLOT").arg(key).to_owned();
        let slot: usize = slot.query(&mut connect(&self.nodes[0])).unwrap();
        slot % MASTERS
    }

    /// Kills a master, and waits until its replica has taken its place.
    async fn fail_over(&mut self, master: usize) {
        drop(self.nodes.remove(master));
        let replica = &self.nodes[master + MASTERS - 1];
        eventually("the replica is the master", async || {
            let said: String = cmd("INFO")
                .arg("replication")
                .query(&mut connect(replica))
                .unwrap();
            said.contains("role:master")
        })
        .await;
    }

    /// How often a command was called, at all nodes.
    fn calls(&self, command: &str) -> u64 {
        let prefix = format!("cmdstat_{command}:calls=");
        let of = |node: &Redis| -> u64 {
            let said: String = cmd("INFO").arg("commandstats").query(&mut connect(node)).unwrap();
            let calls = said.lines().find_map(|line| line.strip_prefix(&prefix));
            calls.map_or(0, |calls| calls.split(',').next().unwrap().parse().unwrap())
        };
        self.nodes.iter().map(of).sum()
    }

    /// How many hear the shard's channel of a pod's only worker, at the node that has it.
    fn hearers(&self, pod: usize) -> u64 {
        let of = |node: &Redis| -> u64 {
            let asked = cmd("PUBSUB").arg("SHARDNUMSUB").arg(channel(pod)).to_owned();
            let (_, number): (String, u64) = asked.query(&mut connect(node)).unwrap();
            number
        };
        self.nodes.iter().map(of).sum()
    }
}

async fn follow(replica: &Redis, master: &Redis) {
    let id: String = cmd("CLUSTER").arg("MYID").query(&mut connect(master)).unwrap();
    let command = cmd("CLUSTER").arg("REPLICATE").arg(id).to_owned();
    command.exec(&mut connect(replica)).unwrap();
    eventually("the replica has all", async || {
        let said: String = cmd("INFO")
            .arg("replication")
            .query(&mut connect(replica))
            .unwrap();
        said.contains("master_link_status:up")
    })
    .await;
}

fn channel(pod: usize) -> String {
    format!("chat:bus:pod-{pod}/0")
}

fn node() -> Redis {
    let least = access_control_list("chat");
    let narrow = least.replacen("pods", "narrow", 1);
    let users = ["--user"].into_iter().chain(least.split(' '));
    let users = users.chain(["+cluster", "+spublish", "+ssubscribe"]);
    let users = users
        .chain(["--user"])
        .chain(narrow.split(' '))
        .chain(["+cluster"]);
    let users: Vec<&str> = users.collect();
    let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    Redis::start(&[&cluster[..], &users].concat()).unwrap()
}

async fn talk(from: &mut Client, to: &mut Client, text: &str) {
    from.call("chat_message", json!({"text": text})).await.unwrap();
    assert_eq!(to.event("chat_message").await.unwrap()["text"], text);
}

/// Talks until that holds, no faster than one may.
async fn talk_until(one: &mut Client, other: &mut Client, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    for number in 0.. {
        talk(one, other, &format!("{number}")).await;
        talk(other, one, &format!("{number} again")).await;
        if holds() {
            return;
        }
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}");
        sleep(Duration::from_millis(400)).await;
    }
}

#[tokio::test]
async fn in_a_cluster_packets_go_to_one_shard_only() {
    let cluster = Cluster::start(0).await;
    let pods: Vec<Pod> = (0..2)
        .map(|number| start_pod(&cluster.urls(), number, AS_PODS))
        .collect();
    have_met(&pods).await;
    let [mut one, mut other] = pair(&pods[0], &pods[1]).await;
    assert_eq!([cluster.hearers(0), cluster.hearers(1)], [1, 1]);
    // Until each has read in the other's lease that it does.
    let calls = Cell::new((0, 0));
    talk_until(&mut one, &mut other, || {
        let now = (cluster.calls("spublish"), cluster.calls("publish"));
        let before = calls.replace(now);
        now.0 > before.0 && now.1 == before.1
    })
    .await;
}

#[tokio::test]
async fn after_a_failover_of_a_shard_its_subscription_comes_back() {
    let mut cluster = Cluster::start(MASTERS).await;
    let pods: Vec<Pod> = (0..2)
        .map(|number| start_pod(&cluster.urls(), number, AS_PODS))
        .collect();
    have_met(&pods).await;
    let [mut one, mut other] = pair(&pods[0], &pods[1]).await;
    talk_until(&mut one, &mut other, || cluster.calls("spublish") > 0).await;
    let master = cluster.master_of(&channel(0));
    cluster.fail_over(master).await;
    eventually("the channel is heard again", async || cluster.hearers(0) == 1).await;
    talk(&mut one, &mut other, "is that you?").await;
    talk(&mut other, &mut one, "it is").await;
    have_met(&pods).await;
    pair(&pods[0], &pods[1]).await;
}

#[tokio::test]
async fn a_pod_that_hears_no_shard_meets_one_that_does() {
    let cluster = Cluster::start(0).await;
    // As one of an earlier release, or one whose user may not.
    let narrow = [("REDIS_USERNAME", "narrow")];
    let pods = [
        start_pod(&cluster.urls(), 0, AS_PODS),
        start_pod(&cluster.urls(), 1, &[AS_PODS, &narrow].concat()),
    ];
    have_met(&pods).await;
    let [mut one, mut other] = pair(&pods[0], &pods[1]).await;
    assert_eq!([cluster.hearers(0), cluster.hearers(1)], [1, 0]);
    let leases = &cluster.nodes[cluster.master_of("chat:pods")];
    let is_sharded = |pod: &str| -> bool {
        let lease: String = cmd("HGET")
            .arg("chat:pods")
            .arg(pod)
            .query(&mut connect(leases))
            .unwrap();
        lease.contains("\"sharded\":true")
    };
    talk_until(&mut one, &mut other, || is_sharded("pod-0")).await;
    assert!(!is_sharded("pod-1"));
    // Whoever has read that lease may still not publish to a shard, and does without.
    for number in 0..5 {
        talk(&mut other, &mut one, &number.to_string()).await;
    }
    assert_eq!(cluster.calls("spublish"), 0);
}

#[tokio::test]
async fn what_a_shard_has_lost_in_its_failover_is_written_again() {
    let mut cluster = Cluster::start(MASTERS).await;
    // The lease's own shard tells of its losses anyway.
    let leases = cluster.master_of("chat:pods");
    let lease = [("POD_LEASE_MS", "10000")];
    let pod = start_pod(&cluster.urls(), 0, &[AS_PODS, &lease].concat());
    have_met(std::slice::from_ref(&pod)).await;
    let mut clients = Vec::new();
    let (client, master) = loop {
        let client = Client::connect(&pod.target()).await.unwrap();
        let master = cluster.master_of(&key("session", &client));
        if master != leases {
            break (client, master);
        }
        clients.push(client);
    };
    let is_written = |node: &Redis| -> bool {
        let exists = cmd("EXISTS").arg(key("session", &client)).to_owned();
        exists.query(&mut connect(node)).unwrap()
    };
    eventually("the session is written down", async || {
        is_written(&cluster.nodes[master])
    })
    .await;
    // The pod does not look while the shard is another one, without what it has not been told.
    pod.signal(Signal::STOP).unwrap();
    cluster.fail_over(master).await;
    let replica = &cluster.nodes[master + MASTERS - 1];
    cmd("FLUSHALL").exec(&mut connect(replica)).unwrap();
    pod.signal(Signal::CONT).unwrap();
    eventually("the session is written down again", async || is_written(replica)).await;
}

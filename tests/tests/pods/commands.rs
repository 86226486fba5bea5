//! What pods send to Redis, command by command.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;

use chat_tests::client::Client;
use chat_tests::pod::Pod;
use chat_tests::redis::Redis;
use redis::{Value, cmd, from_redis_value};
use serde_json::json;

use super::clusters::{AS_PODS, Cluster};
use super::matching::pair;
use super::users::{WITH_USERS, two_users};
use super::{connect, eventually, have_met, is_match_written, start_pod};

/// The oldest release that will do.
const OLDEST: [u32; 2] = [6, 0];
/// Newer, and sent only to a cluster that has them.
const OF_SHARDS: [&str; 2] = ["spublish", "ssubscribe"];
/// By which the library introduces itself to a cluster, which may refuse that.
const INTRODUCTION: &str = "client";

/// All commands that a server executes from now on, those of scripts among them, with their arguments.
#[derive(Clone, Default)]
struct Executed(Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>);

impl Executed {
    fn listen_to(&self, redis: &Redis) {
        let mut socket = TcpStream::connect(redis.address()).unwrap();
        socket.write_all(b"MONITOR\r\n").unwrap();
        let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
        assert_eq!(lines.next().unwrap(), "+OK");
        let executed = self.clone();
        // It ends with the server.
        thread::spawn(move || lines.for_each(|line| executed.note(&line)));
    }

    /// Takes a line apart: when, by whom, and each word in quotation marks, in which those are escaped.
    fn note(&self, line: &str) {
        let mut words = line.split(" \"").skip(1).map(|word| word.trim_end_matches('"'));
        if let Some(name) = words.next() {
            let mut commands = self.0.lock().unwrap();
            let arguments = commands.entry(name.to_lowercase()).or_default();
            arguments.extend(words.map(str::to_lowercase).filter(|word| word.len() < 20));
        }
    }

    fn commands(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.0.lock().unwrap().clone()
    }
}

/// What a server says of a command: its release, and the words that came later, with theirs.
fn documentation(redis: &Redis, name: &str) -> ([u32; 2], Vec<(String, [u32; 2])>) {
    let docs: BTreeMap<String, BTreeMap<String, Value>> = cmd("COMMAND")
        .arg("DOCS")
        .arg(name)
        .query(&mut connect(redis))
        .unwrap();
    let known = docs.get(name).unwrap_or_else(|| panic!("{name} is no command"));
    let mut words = Vec::new();
    if let Some(arguments) = known.get("arguments") {
        later_words(arguments, OLDEST, &mut words);
    }
    let since: String = from_redis_value(known["since"].clone()).unwrap();
    (release(&since), words)
}

fn later_words(arguments: &Value, since: [u32; 2], words: &mut Vec<(String, [u32; 2])>) {
    let arguments: Vec<BTreeMap<String, Value>> = from_redis_value(arguments.clone()).unwrap();
    for argument in arguments {
        let text = |name: &str| -> Option<String> { from_redis_value(argument.get(name)?.clone()).ok() };
        let since = text("since").map_or(since, |since| release(&since));
        words.extend(text("token").map(|token| (token.to_lowercase(), since)));
        if let Some(inner) = argument.get("arguments") {
            later_words(inner, since, words);
        }
    }
}

fn release(text: &str) -> [u32; 2] {
    let mut numbers = text.split('.').map(|part| part.parse().unwrap());
    [numbers.next().unwrap(), numbers.next().unwrap()]
}

/// Fails for each command or word that is newer than it may be.
fn are_old(executed: &Executed, redis: &Redis, but: &[&str]) {
    for (name, arguments) in executed.commands() {
        if but.contains(&&*name) {
            continue;
        }
        let (since, words) = documentation(redis, &name);
        assert!(since <= OLDEST, "{name} came with {since:?}");
        for (word, since) in words.iter().filter(|(_, since)| *since > OLDEST) {
            assert!(!arguments.contains(word), "{name} {word} came with {since:?}");
        }
    }
}

/// All that pods do: they match, talk, block, take over what others had, and go.
async fn live(mut pods: Vec<Pod>, nodes: &[Redis]) {
    let [mut one, mut other] = pair(&pods[0], &pods[1]).await;
    one.call("chat_message", json!({"text": "hello"})).await.unwrap();
    other.event("chat_message").await.unwrap();
    let mut waiting = Client::connect(&pods[1].target()).await.unwrap();
    waiting
        .call("find_match", json!({"language": "fi"}))
        .await
        .unwrap();
    waiting.event("waiting").await.unwrap();
    waiting.call("cancel_match", None).await.unwrap();
    eventually("the match is written down", async || {
        nodes.iter().any(|node| is_match_written(node, &one))
    })
    .await;
    let auth = one.resume(None);
    drop(pods.remove(0));
    let mut back = Client::connect_with(&pods[0].target(), &auth).await.unwrap();
    other.event("peer_resumed").await.unwrap();
    back.call("block_peer", json!({})).await.unwrap();
    other.event("peer_disconnected").await.unwrap();
    waiting.leave().await.unwrap();
    eventually("the lost pod's lease is forgotten", async || {
        let leases = cmd("HEXISTS").arg("chat:pods").arg("pod-0").to_owned();
        let there = |node: &Redis| leases.query(&mut connect(node)).unwrap_or(false);
        !nodes.iter().any(there)
    })
    .await;
    for pod in pods {
        pod.stop().unwrap();
    }
}

#[tokio::test]
async fn no_command_of_a_pod_is_newer_than_redis_6_0() {
    let redis = Redis::start(&[]).unwrap();
    let executed = Executed::default();
    executed.listen_to(&redis);
    let pods: Vec<Pod> = (0..3)
        .map(|number| start_pod(&redis.url(), number, &[]))
        .collect();
    have_met(&pods).await;
    // Of users whom a token names there are blocks and statistics.
    let known = start_pod(&redis.url(), 3, WITH_USERS);
    let [mut alice, _bob] = two_users(&known).await;
    alice.call("block_peer", json!({})).await.unwrap();
    eventually("the statistics are written", async || {
        executed.commands().contains_key("hincrby")
    })
    .await;
    let nodes = [redis];
    live(pods, &nodes).await;
    let commands = executed.commands();
    // One of each script, and of all else.
    for name in [
        "zadd",
        "hdel",
        "hgetall",
        "time",
        "pexpire",
        "hmget",
        "zremrangebyrank",
        "lpush",
        "del",
        "get",
        "set",
        "publish",
        "subscribe",
        "evalsha",
        "info",
        "ping",
    ] {
        assert!(
            commands.contains_key(name),
            "{name} is not among {:?}",
            commands.keys()
        );
    }
    are_old(&executed, &nodes[0], &[]);
    let said: String = cmd("INFO")
        .arg("errorstats")
        .query(&mut connect(&nodes[0]))
        .unwrap();
    let errors = said.lines().filter(|line| line.starts_with("errorstat_"));
    let known = |line: &&str| line.starts_with("errorstat_NOSCRIPT");
    assert_eq!(
        errors.filter(|line| !known(line)).collect::<Vec<_>>(),
        [""; 0],
        "nothing was refused"
    );
}

#[tokio::test]
async fn in_a_cluster_only_the_commands_of_shards_are_newer_than_redis_6_0() {
    let cluster = Cluster::start(0).await;
    let executed = Executed::default();
    for node in &cluster.nodes {
        executed.listen_to(node);
    }
    let urls = cluster.urls();
    let pods: Vec<Pod> = (0..3).map(|number| start_pod(&urls, number, AS_PODS)).collect();
    have_met(&pods).await;
    live(pods, &cluster.nodes).await;
    let commands = executed.commands();
    assert!(
        commands.contains_key("ssubscribe") && commands.contains_key("hgetall"),
        "{commands:?}"
    );
    let mut but = OF_SHARDS.to_vec();
    but.push(INTRODUCTION);
    are_old(&executed, &cluster.nodes[0], &but);
}

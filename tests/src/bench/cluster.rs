//! Several servers of one kind that are one service over a Redis of their own, all on the servers' core.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::Sub;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::process::{self, Cores};
use super::server::{Kind, Server};
use crate::redis::Redis;

/// How long the servers may take to find each other, or one of them to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(50);
/// The commands that are asked of Redis by servers, all others being executed within scripts.
const ASKED: [&str; 4] = ["publish", "spublish", "eval", "evalsha"];

/// Servers and their Redis; ended when dropped.
pub(super) struct Cluster {
    pub(super) kind: Kind,
    members: Vec<Server>,
    redis: Redis,
}

/// What a cluster has used up since it was started.
#[derive(Clone, Copy)]
pub(super) struct Used {
    /// The time of all servers on their core.
    pub(super) servers: Duration,
    /// That of Redis.
    pub(super) redis: Duration,
    /// Commands that servers asked of Redis.
    pub(super) asked: u64,
    /// Commands that Redis executed, those within scripts among them.
    pub(super) executed: u64,
}

impl Sub for Used {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            servers: self.servers - earlier.servers,
            redis: self.redis - earlier.redis,
            asked: self.asked - earlier.asked,
            executed: self.executed - earlier.executed,
        }
    }
}

impl Cluster {
    /// Starts Redis and the servers, and waits until they know each other.
    pub(super) fn start(kind: Kind, members: usize, cores: Cores) -> anyhow::Result<Self> {
        let redis = process::elsewhere(cores, || Redis::start(&[]))??;
        let members: Vec<Server> = (0..members)
            .map(|number| Server::start_member(kind, number, &redis.url(), cores))
            .collect::<Result<_, _>>()?;
        let cluster = Self { kind, members, redis };
        if kind == Kind::Pod {
            cluster.wait_until_they_know_each_other()?;
        }
        Ok(cluster)
    }

    fn wait_until_they_know_each_other(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for member in &self.members {
            while others_known(member.address)? != Some(self.members.len() - 1) {
                ensure!(Instant::now() < deadline, "the pods have not found each other");
                std::thread::sleep(LOOK);
            }
        }
        Ok(())
    }

    /// The server of a session: sessions 2n and 2n + 1 are with different ones, where there are several, and each two
    /// servers have as many such pairs.
    pub(super) fn address(&self, session: usize) -> SocketAddr {
        let (pair, members) = (session / 2, self.members.len());
        let distance = 1 + pair / members % (members - 1).max(1);
        let member = pair + session % 2 * distance;
        self.members[member % members].address
    }

    /// What servers and Redis have used up.
    pub(super) fn used(&self) -> anyhow::Result<Used> {
        let times = self.members.iter().map(Server::cpu_time);
        let servers = times.sum::<anyhow::Result<Duration>>()?;
        let redis = process::cpu_time(i32::try_from(self.redis.process_id())?)?;
        let (asked, executed) = commands(&command_statistics(self.redis.address())?);
        Ok(Used {
            servers,
            redis,
            asked,
            executed,
        })
    }
}

/// How many other pods a pod knows.
fn others_known(pod: SocketAddr) -> anyhow::Result<Option<usize>> {
    let answer = ask(pod, "GET /health/detailed HTTP/1.0\r\n\r\n", |_| false)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
    let health: Value = serde_json::from_str(body).context("a pod's health is JSON")?;
    Ok(health["redis"]["otherPods"].as_array().map(Vec::len))
}

/// Redis' account of the commands that it has executed.
fn command_statistics(redis: SocketAddr) -> anyhow::Result<String> {
    ask(redis, "INFO commandstats\r\n", |answer| {
        let length = answer.strip_prefix('$').and_then(|rest| rest.split_once("\r\n"));
        let whole = length.and_then(|(length, rest)| Some(rest.len() >= length.parse::<usize>().ok()? + 2));
        whole == Some(true)
    })
}

/// Asks over a connection of its own, and reads until the answer is whole or the connection ends.
fn ask(server: SocketAddr, question: &str, is_whole: impl Fn(&str) -> bool) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(question.as_bytes())?;
    let (mut answer, mut buffer) = (String::new(), [0; 16 * 1024]);
    while !is_whole(&answer) {
        let count = socket.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        answer += std::str::from_utf8(&buffer[..count])?;
    }
    Ok(answer)
}

/// How many commands were asked and how many executed, but for those that find it out.
fn commands(statistics: &str) -> (u64, u64) {
    let lines = statistics.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let calls = rest.split(',').next()?.parse::<u64>().ok()?;
        (name != "info").then_some((name, calls))
    });
    lines.fold((0, 0), |(asked, executed), (name, calls)| {
        let was_asked = ASKED.contains(&name);
        (asked + if was_asked { calls } else { 0 }, executed + calls)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_within_scripts_are_executed_and_not_asked() {
        let statistics = "$99\r\n# Commandstats\r\ncmdstat_publish:calls=7,usec=9\r\ncmdstat_info:calls=3,usec=1\r\n\
                          cmdstat_evalsha:calls=2,usec=40\r\ncmdstat_zadd:calls=4,usec=2\r\n\r\n";
        assert_eq!(commands(statistics), (9, 13));
    }
}

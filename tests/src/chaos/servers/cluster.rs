//! Three shards of a master and a replica each.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;

use anyhow::Context as _;
use redis::cmd;

use super::{eventually, start_somewhere};
use crate::chaos::kind::Kind;
use crate::chaos::plan::Fault;
use crate::redis::{self as server, Redis};

/// How many shards there are, and how many slots they share.
const SHARDS: usize = 3;
const SLOTS: usize = 16_384;

/// Masters and replicas.
#[derive(Debug)]
pub(in crate::chaos) struct Cluster {
    nodes: Vec<(PathBuf, Redis)>,
}

/// A node as the others know it.
struct Known {
    id: String,
    address: SocketAddr,
    is_master: bool,
    /// The master of a replica.
    of: String,
    /// The first of its slots.
    slots: Option<usize>,
}

impl Cluster {
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut nodes = Vec::new();
        for number in 0..2 * SHARDS {
            let folder = folder.join(format!("node-{number}"));
            std::fs::create_dir_all(&folder)?;
            let options = options(&folder);
            let node = start_somewhere(&options.iter().map(String::as_str).collect::<Vec<_>>())?;
            nodes.push((folder, node));
        }
        let cluster = Self { nodes };
        cluster.meet()?;
        Ok(cluster)
    }

    fn meet(&self) -> anyhow::Result<()> {
        let first = self.nodes[0].1.address().port();
        for (number, (_, node)) in self.nodes.iter().enumerate() {
            let mut control = node.connect()?;
            if number < SHARDS {
                let slots: Vec<usize> = (SLOTS * number / SHARDS..SLOTS * (number + 1) / SHARDS).collect();
                cmd("CLUSTER").arg("ADDSLOTS").arg(slots).exec(&mut control)?;
            }
            cmd("CLUSTER")
                .arg("SET-CONFIG-EPOCH")
                .arg(number + 1)
                .exec(&mut control)?;
            cmd("CLUSTER")
                .arg("MEET")
                .arg("127.0.0.1")
                .arg(first)
                .exec(&mut control)?;
        }
        eventually("all nodes know each other", || {
            let knows_all = |node: &Redis| anyhow::Ok(known(node)?.len() == 2 * SHARDS);
            self.nodes
                .iter()
                .try_fold(true, |all, (_, node)| anyhow::Ok(all && knows_all(node)?))
        })?;
        for (number, (_, node)) in self.nodes.iter().enumerate().skip(SHARDS) {
            let mut of = self.nodes[number - SHARDS].1.connect()?;
            let id: String = cmd("CLUSTER").arg("MYID").query(&mut of)?;
            cmd("CLUSTER")
                .arg("REPLICATE")
                .arg(id)
                .exec(&mut node.connect()?)?;
        }
        self.until_whole()
    }

    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let urls: Vec<String> = self.nodes.iter().map(|(_, node)| node.url()).collect();
        vec![
            ("REDIS_URL", urls.join(",")),
            ("REDIS_TOPOLOGY", "cluster".into()),
        ]
    }

    pub(super) fn carry_out(&mut self, fault: &Fault) -> anyhow::Result<()> {
        let all = known(&self.nodes[0].1)?;
        let mut masters: Vec<&Known> = all.iter().filter(|node| node.is_master).collect();
        masters.sort_by_key(|node| node.slots);
        let master = masters
            .get(fault.target % SHARDS)
            .context("each shard has a master")?;
        let replica = all.iter().find(|node| node.of == master.id);
        let replica = replica.context("each master has a replica")?.address;
        match fault.kind {
            Kind::MasterKilled => {
                let of_master = |(_, node): &(PathBuf, Redis)| node.address() == master.address;
                let place = self
                    .nodes
                    .iter()
                    .position(of_master)
                    .context("the master is one of us")?;
                let (folder, node) = self.nodes.swap_remove(place);
                drop(node);
                sleep(fault.lasts);
                eventually("the replica is master", || is_master(replica))?;
                let options = options(&folder);
                let options: Vec<&str> = options.iter().map(String::as_str).collect();
                self.nodes
                    .push((folder, Redis::start_at(master.address, &options)?));
            }
            Kind::FailedOver => {
                cmd("CLUSTER")
                    .arg("FAILOVER")
                    .exec(&mut server::connect(replica)?)?;
                eventually("the replica is master", || is_master(replica))?;
            }
            other => anyhow::bail!("{other} is nothing that is done to a cluster"),
        }
        eventually("the cluster serves", || self.serves())
    }

    /// Waits until any shard could be failed over.
    pub(super) fn until_whole(&self) -> anyhow::Result<()> {
        eventually("each master of the cluster has its replica", || {
            let mut replicas = 0;
            for (_, node) in &self.nodes {
                let info: String = cmd("INFO").arg("replication").query(&mut node.connect()?)?;
                replicas += usize::from(info.contains("master_link_status:up"));
            }
            Ok(replicas == SHARDS && self.serves()?)
        })
    }

    fn serves(&self) -> anyhow::Result<bool> {
        for (_, node) in &self.nodes {
            let info: String = cmd("CLUSTER").arg("INFO").query(&mut node.connect()?)?;
            if !info.contains("cluster_state:ok") {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn options(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy().into_owned();
    let words = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
    let more = ["--repl-diskless-sync-delay", "0", "--dir", &folder];
    words.iter().chain(&more).map(|word| (*word).to_owned()).collect()
}

fn is_master(node: SocketAddr) -> anyhow::Result<bool> {
    let info: String = cmd("INFO")
        .arg("replication")
        .query(&mut server::connect(node)?)?;
    Ok(info.contains("role:master"))
}

/// All nodes, as one of them knows them.
fn known(node: &Redis) -> anyhow::Result<Vec<Known>> {
    let nodes: String = cmd("CLUSTER").arg("NODES").query(&mut node.connect()?)?;
    nodes.lines().map(read_node).collect()
}

fn read_node(line: &str) -> anyhow::Result<Known> {
    let words: Vec<&str> = line.split(' ').collect();
    let [id, address, flags, of, ..] = words[..] else {
        anyhow::bail!("this is no node: {line}");
    };
    let address = address
        .split(['@', ','])
        .next()
        .context("a node has an address")?;
    let slots = words
        .get(8)
        .and_then(|slots| slots.split('-').next()?.parse().ok());
    Ok(Known {
        id: id.to_owned(),
        address: address.parse()?,
        // One that has failed and has no slots any more is none.
        is_master: flags.contains("master") && slots.is_some(),
        of: of.to_owned(),
        slots,
    })
}

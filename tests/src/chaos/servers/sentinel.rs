//! A master and two replicas, watched by a Sentinel.

use std::net::SocketAddr;
use std::path::Path;
use std::thread::sleep;

use anyhow::Context as _;
use redis::cmd;

use super::{eventually, start_somewhere};
use crate::chaos::kind::Kind;
use crate::chaos::plan::Fault;
use crate::redis::{self as server, Redis};

/// The name of the master.
const NAME: &str = "acme";
/// Replicas of the master.
const REPLICAS: usize = 2;

/// A master and its replicas, and who watches them.
#[derive(Debug)]
pub(in crate::chaos) struct Sentinel {
    sentinel: Redis,
    servers: Vec<Redis>,
    folder: String,
}

impl Sentinel {
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.to_string_lossy().into_owned();
        // Without a delay a replica that comes back is a replica at once.
        let options = ["--dir", &*path, "--repl-diskless-sync-delay", "0"];
        let mut servers = vec![start_somewhere(&options)?];
        let port = servers[0].address().port().to_string();
        for _ in 0..REPLICAS {
            let replica = ["--replicaof", &format!("127.0.0.1 {port}")];
            servers.push(start_somewhere(&[&options[..], &replica].concat())?);
        }
        let configuration = folder.join("sentinel.conf");
        std::fs::write(&configuration, "")?;
        let sentinel = Redis::start_sentinel(&configuration.to_string_lossy())?;
        let mut control = sentinel.connect()?;
        cmd("SENTINEL")
            .arg(&["MONITOR", NAME, "127.0.0.1", &port, "1"])
            .exec(&mut control)?;
        for (option, value) in [("down-after-milliseconds", "500"), ("failover-timeout", "2000")] {
            cmd("SENTINEL")
                .arg(&["SET", NAME, option, value])
                .exec(&mut control)?;
        }
        let all = Self {
            sentinel,
            servers,
            folder: path,
        };
        all.until_whole()?;
        Ok(all)
    }

    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("REDIS_URL", self.sentinel.url()),
            ("REDIS_TOPOLOGY", "sentinel".into()),
            ("REDIS_SENTINEL_MASTER", NAME.into()),
        ]
    }

    pub(super) fn carry_out(&mut self, fault: &Fault) -> anyhow::Result<()> {
        let master = self.master()?;
        match fault.kind {
            Kind::MasterKilled => {
                let of_master = |server: &Redis| server.address() == master;
                let place = self
                    .servers
                    .iter()
                    .position(of_master)
                    .context("the master is one of us")?;
                drop(self.servers.swap_remove(place));
                sleep(fault.lasts);
                eventually("there is another master", || Ok(self.master()? != master))?;
                let options = ["--dir", &self.folder, "--repl-diskless-sync-delay", "0"];
                // As a master, as which it was configured: the Sentinel has it follow the new one.
                self.servers.push(Redis::start_at(master, &options)?);
            }
            Kind::FailedOver => {
                cmd("SENTINEL")
                    .arg(&["FAILOVER", NAME])
                    .exec(&mut self.sentinel.connect()?)?;
                eventually("there is another master", || Ok(self.master()? != master))?;
            }
            other => anyhow::bail!("{other} is nothing that is done to a master with replicas"),
        }
        // Until the Sentinel has had the old master follow the new one there are two, and each has some of the pods.
        self.until_whole()
    }

    /// Waits until a master could be replaced by any of its replicas.
    pub(super) fn until_whole(&self) -> anyhow::Result<()> {
        eventually("the master has all its replicas", || {
            let master = self.master()?;
            let info: String = cmd("INFO")
                .arg("replication")
                .query(&mut server::connect(master)?)?;
            let replicas = info.matches(",state=online,").count();
            Ok(info.contains("role:master") && replicas == REPLICAS && self.knows_replicas()?)
        })
    }

    /// Whether the Sentinel would promote each of the replicas.
    fn knows_replicas(&self) -> anyhow::Result<bool> {
        type Fields = std::collections::HashMap<String, String>;
        let replicas: Vec<Fields> = cmd("SENTINEL")
            .arg(&["REPLICAS", NAME])
            .query(&mut self.sentinel.connect()?)?;
        let up = |fields: &&Fields| fields.get("flags").is_some_and(|flags| flags == "slave");
        Ok(replicas.iter().filter(up).count() == REPLICAS)
    }

    /// Whom the Sentinel names.
    fn master(&self) -> anyhow::Result<SocketAddr> {
        let (host, port): (String, String) = cmd("SENTINEL")
            .arg(&["GET-MASTER-ADDR-BY-NAME", NAME])
            .query(&mut self.sentinel.connect()?)?;
        Ok(format!("{host}:{port}").parse()?)
    }
}

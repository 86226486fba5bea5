//! The Redis below the pods, and what can be done to it.

mod cluster;
mod sentinel;
mod standalone;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use rand::RngExt as _;

use self::cluster::Cluster;
use self::sentinel::Sentinel;
use self::standalone::Standalone;
use super::kind::Topology;
use super::plan::Fault;
use crate::redis::Redis;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether it has come about.
const LOOK: Duration = Duration::from_millis(20);
/// Servers that are started again keep their ports. These are none that the system gives to whoever asks for any, and
/// those 10,000 above, where clusters listen for each other, neither.
const PORTS: std::ops::Range<u16> = 12_000..20_000;
/// How many ports are tried.
const TRIES: usize = 20;

/// The servers. All of this blocks.
#[derive(Debug)]
pub(super) enum Servers {
    Standalone(Standalone),
    Sentinel(Sentinel),
    Cluster(Cluster),
}

impl Servers {
    /// Starts them, with what they write in this folder.
    pub(super) fn start(topology: Topology, folder: &Path) -> anyhow::Result<Self> {
        Ok(match topology {
            Topology::Standalone => Self::Standalone(Standalone::start(folder)?),
            Topology::Sentinel => Self::Sentinel(Sentinel::start(folder)?),
            Topology::Cluster => Self::Cluster(Cluster::start(folder)?),
        })
    }

    /// What pods are told of them.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Standalone(standalone) => vec![("REDIS_URL", format!("redis://{}", standalone.address()))],
            Self::Sentinel(sentinel) => sentinel.environment(),
            Self::Cluster(cluster) => cluster.environment(),
        }
    }

    /// The one server, where it is one.
    pub(super) fn single(&self) -> Option<SocketAddr> {
        match self {
            Self::Standalone(standalone) => Some(standalone.address()),
            Self::Sentinel(_) | Self::Cluster(_) => None,
        }
    }

    /// Does what must have been done before a fault.
    pub(super) fn prepare(&mut self, fault: &Fault) -> anyhow::Result<()> {
        match self {
            Self::Standalone(standalone) => standalone.prepare(fault),
            Self::Sentinel(sentinel) => sentinel.until_whole(),
            Self::Cluster(cluster) => cluster.until_whole(),
        }
    }

    /// Breaks what the fault breaks, and answers once it is whole again.
    pub(super) fn carry_out(&mut self, fault: &Fault) -> anyhow::Result<()> {
        match self {
            Self::Standalone(standalone) => standalone.carry_out(fault),
            Self::Sentinel(sentinel) => sentinel.carry_out(fault),
            Self::Cluster(cluster) => cluster.carry_out(fault),
        }
    }
}

/// Starts a server at a port that it can be started at again.
fn start_somewhere(options: &[&str]) -> anyhow::Result<Redis> {
    let mut last = None;
    for _ in 0..TRIES {
        let port = rand::rng().random_range(PORTS);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_err() {
            continue;
        }
        match Redis::start_at(address, options) {
            Ok(redis) => return Ok(redis),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("no port is free")))
}

/// Waits until something holds.
fn eventually(what: &str, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let held = holds();
        if matches!(held, Ok(true)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("not in {PATIENCE:?}: {what} ({held:?})");
        }
        std::thread::sleep(LOOK);
    }
}

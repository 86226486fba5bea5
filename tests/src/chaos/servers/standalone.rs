//! One server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;

use anyhow::Context as _;
use redis::cmd;

use super::start_somewhere;
use crate::chaos::kind::Kind;
use crate::chaos::plan::Fault;
use crate::redis::Redis;

/// What a server keeps its data in, in its folder, and a copy of that from before.
const DUMP: &str = "dump.rdb";
const COPY: &str = "copy.rdb";

/// One server.
#[derive(Debug)]
pub(in crate::chaos) struct Standalone {
    folder: PathBuf,
    address: SocketAddr,
    server: Option<Redis>,
}

impl Standalone {
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let server = start_somewhere(&["--dir", &folder.to_string_lossy()])?;
        Ok(Self {
            folder: folder.to_owned(),
            address: server.address(),
            server: Some(server),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Notes what Redis has, and lets the copy grow old.
    pub(super) fn prepare(&self, fault: &Fault) -> anyhow::Result<()> {
        if fault.kind == Kind::RedisRestored {
            cmd("SAVE").exec(&mut self.server()?.connect()?)?;
            std::fs::copy(self.folder.join(DUMP), self.folder.join(COPY))?;
            sleep(fault.lasts);
        }
        Ok(())
    }

    pub(super) fn carry_out(&mut self, fault: &Fault) -> anyhow::Result<()> {
        match fault.kind {
            Kind::RedisFlushed => {
                cmd("FLUSHALL").exec(&mut self.server()?.connect()?)?;
                return Ok(());
            }
            Kind::RedisEmptied => {
                self.server = None;
                // Of an earlier fault.
                let _ = std::fs::remove_file(self.folder.join(DUMP));
                sleep(fault.lasts);
            }
            Kind::RedisRestarted => {
                self.server.take().context("Redis runs")?.shut_down()?;
                sleep(fault.lasts);
            }
            Kind::RedisRestored => {
                self.server = None;
                std::fs::copy(self.folder.join(COPY), self.folder.join(DUMP))?;
            }
            other => anyhow::bail!("{other} is nothing that is done to one server"),
        }
        self.server = Some(Redis::start_at(
            self.address,
            &["--dir", &self.folder.to_string_lossy()],
        )?);
        Ok(())
    }

    fn server(&self) -> anyhow::Result<&Redis> {
        self.server.as_ref().context("Redis runs")
    }
}

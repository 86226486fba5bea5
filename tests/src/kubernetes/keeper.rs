//! The process that keeps a cluster for as long as this one lives.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::output::find_line;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kubernetes/cluster");
/// How long a cluster may take to start, longer than the script gives it for one of its two tries.
const START: Duration = Duration::from_secs(200);

/// `tests/kubernetes/cluster keep`. It ends its cluster when its standard input is closed, which happens at the latest
/// when this process ends, in whatever way.
#[derive(Debug)]
pub(super) struct Keeper {
    child: Child,
    folder: PathBuf,
}

impl Keeper {
    /// Starts it, and waits until its cluster works.
    ///
    /// # Errors
    /// It does not come to work, with what the script said: which program is missing, or which daemon has ended.
    pub(super) fn start() -> anyhow::Result<Self> {
        let child = Command::new(SCRIPT)
            .arg("keep")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C ends this process, and then the keeper: in this order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{SCRIPT} cannot be run"))?;
        let mut keeper = Self {
            child,
            folder: PathBuf::new(),
        };
        keeper.folder = keeper.wait_until_it_is_ready()?;
        Ok(keeper)
    }

    /// Where the cluster's files are.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    fn wait_until_it_is_ready(&mut self) -> anyhow::Result<PathBuf> {
        let output = self.child.stdout.take().context("the output is piped")?;
        let ready = |line: &str| line.strip_prefix("ready ").map(PathBuf::from);
        find_line(output, START, ready).map_err(|said| anyhow!("no Kubernetes cluster: {said}"))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Fails only when somebody has waited for it before.
        let _ = self.child.wait();
    }
}

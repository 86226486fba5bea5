//! The process that keeps a cluster for as long as this one lives.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

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
        let (sender, lines) = channel();
        // For as long as it speaks, for a keeper that nobody listens to would end before its cluster.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more once it is ready.
                let _ = sender.send(line);
            }
        });
        let deadline = Instant::now() + START;
        let mut said = String::new();
        while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if let Some(folder) = line.strip_prefix("ready ") {
                return Ok(folder.into());
            }
            said = said + &line + "\n";
        }
        bail!("no Kubernetes cluster: {said}")
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Fails only when somebody has waited for it before.
        let _ = self.child.wait();
    }
}

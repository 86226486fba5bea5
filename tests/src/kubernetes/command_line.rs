//! `kubectl` and `helm` as people use them, for what is not asked of the API directly.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a command has left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Whether it exited with 0.
    pub success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// The standard output of a command that must succeed.
    ///
    /// # Errors
    /// It did not, with everything that it wrote.
    pub fn succeeded(self) -> anyhow::Result<String> {
        match self.success {
            true => Ok(self.stdout),
            false => bail!("{}{}", self.stderr, self.stdout),
        }
    }
}

/// Runs one of the programs of the cluster in this folder, as its administrator, and waits for it.
///
/// # Errors
/// It cannot be run, or still runs after a minute.
pub(super) async fn run(
    cluster: &Path,
    program: &str,
    arguments: &[&str],
    input: &str,
) -> anyhow::Result<Output> {
    let mut child = Command::new(cluster.join("bin").join(program))
        .args(arguments)
        .env("KUBECONFIG", cluster.join("admin.kubeconfig"))
        .env("KUBECACHEDIR", cluster.join("kubectl"))
        // What its user has set up for himself must not change what a test sees.
        .env("HELM_CACHE_HOME", cluster.join("helm/cache"))
        .env("HELM_CONFIG_HOME", cluster.join("helm/config"))
        .env("HELM_DATA_HOME", cluster.join("helm/data"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{program} cannot be run"))?;
    let mut stdin = child.stdin.take().context("the input is piped")?;
    let finished = async {
        // Whoever does not read its input has its reasons, and tells them.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = timeout(PATIENCE, finished)
        .await
        .with_context(|| format!("{program} {arguments:?} still runs after {PATIENCE:?}"))??;
    Ok(Output {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

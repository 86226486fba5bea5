//! A whole pod for a test: the real binary, on a free port, ended with the test.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::target::Target;

/// How long a pod may take to start, on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(60);
/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(10);
/// How many lines of its log are kept; older ones give way.
const KEPT_LINES: usize = 10_000;

/// A running pod. Killed when dropped; its log is shown when that is because a test has failed.
#[derive(Debug)]
pub struct Pod {
    child: Child,
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    log: Log,
}

/// What a process has written, line by line.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Pod {
    /// Starts a pod with the default settings but for these of its environment, and waits until it listens.
    ///
    /// It gets nothing of the test's own environment. Unless `settings` say otherwise it listens on a free port of the
    /// loopback address, logs JSON and does not linger when it is told to end (`SHUTDOWN_DELAY_MS=0`).
    ///
    /// # Errors
    /// The binary cannot be built or started, or ends before it listens; with what it said.
    pub fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_binary(binary()?, settings)
    }

    /// Like [`Self::start`], with this binary.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_binary(binary: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut child = command(binary, settings)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        let log = Log::default();
        let (sender, listening) = channel();
        if let Some(stdout) = child.stdout.take() {
            log.follow(stdout, Some(sender));
        }
        if let Some(stderr) = child.stderr.take() {
            log.follow(stderr, None);
        }
        let mut pod = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            metrics_address: None,
            log,
        };
        let is_port = |value: &str| value.parse::<u16>().is_ok();
        let wants_metrics = settings
            .iter()
            .any(|(name, value)| *name == "METRICS_PORT" && is_port(value));
        pod.wait_until_it_listens(&listening, wants_metrics)?;
        Ok(pod)
    }

    /// Runs a pod that is expected not to start, to its end: its status and everything that it wrote.
    ///
    /// # Errors
    /// The binary cannot be built or run.
    pub fn fail(settings: &[(&str, &str)]) -> anyhow::Result<(ExitStatus, String)> {
        let output = command(binary()?, settings).output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status, String::from_utf8_lossy(&text).into_owned()))
    }

    /// Where it listens for clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it serves metrics, when it was started with a `METRICS_PORT`.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The same as a target for clients, without TLS.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::plain(self.address)
    }

    /// `http://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process, for whoever looks at its memory or CPU time.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has written so far, standard output and error as they came.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Sends it a signal, [`Signal::TERM`] to make it drain.
    ///
    /// # Errors
    /// The process is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id())?;
        let id = Pid::from_raw(id).context("a process has an id")?;
        kill_process(id, signal).context("the pod cannot be sent a signal")
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// It still runs after `patience`.
    pub fn wait(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("the pod still runs after {patience:?}");
            }
            thread::sleep(LOOK);
        }
    }

    /// Tells it to end, and waits until it has, longer than its drain may take.
    ///
    /// # Errors
    /// It does not end, or not with success.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)?;
        let status = self.wait(Duration::from_secs(90))?;
        if !status.success() {
            bail!("the pod ended with {status}: {}", self.log());
        }
        Ok(())
    }

    fn wait_until_it_listens(
        &mut self,
        listening: &Receiver<Listening>,
        wants_metrics: bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        let mut address = None;
        while address.is_none() || (wants_metrics && self.metrics_address.is_none()) {
            match listening.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Listening::Clients(at)) => address = Some(at),
                Ok(Listening::Metrics(at)) => self.metrics_address = Some(at),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the pod does not listen after {START:?}: {}", self.log());
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.wait(Duration::from_secs(5))?;
                    bail!("the pod ended with {status} before it listened: {}", self.log());
                }
            }
        }
        self.address = address.context("the loop ends with an address")?;
        Ok(())
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // Both fail only when it has ended and been waited for before.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            show(&self.log());
        }
    }
}

#[expect(clippy::print_stderr, reason = "a failing test shows the pod's log")]
fn show(log: &str) {
    eprintln!("--- the pod's log ---\n{log}--- end of the pod's log ---");
}

/// The pod says where it listens.
enum Listening {
    Clients(SocketAddr),
    Metrics(SocketAddr),
}

impl Listening {
    /// Reads a line of the log.
    fn parse(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let address = || -> Option<SocketAddr> { line["address"].as_str()?.parse().ok() };
        match line["message"].as_str()? {
            "listening" => address().map(Self::Clients),
            "metrics" => address().map(Self::Metrics),
            _ => None,
        }
    }
}

impl Log {
    /// Keeps what comes from there, in a thread that ends with it.
    fn follow(&self, source: impl Read + Send + 'static, listening: Option<Sender<Listening>>) {
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                if let (Some(sender), Some(found)) = (&listening, Listening::parse(&line)) {
                    // Nobody listens any longer once it has started.
                    let _ = sender.send(found);
                }
                log.push(line);
            }
        });
    }

    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn command(binary: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("HOST", "127.0.0.1")
        .env("PORT", "0")
        .env("LOG_FORMAT", "json")
        .env("SHUTDOWN_DELAY_MS", "0")
        .envs(settings.iter().copied())
        .stdin(Stdio::null());
    command
}

/// The pod's binary: that of `SIGNALING_BIN`, or the workspace's own, which is brought up to date first.
///
/// # Errors
/// It does not build.
pub fn binary() -> anyhow::Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BINARY.get_or_init(|| match std::env::var_os("SIGNALING_BIN") {
        Some(given) => Ok(given.into()),
        None => build("signaling").map_err(|error| format!("{error:#}")),
    });
    built
        .as_deref()
        .map_err(|error| anyhow!("the pod's binary: {error}"))
}

/// Builds a binary of the workspace in the profile that this test was built in, and answers where it is.
fn build(name: &str) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["build", "--offline", "--locked", "--bin", name, "--quiet"])
        .args(["--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().context("cargo cannot be run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("cargo build failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo did not say where the binary is")
}

